// A finding for those who collect findings: JUnit XML, SARIF, GitHub's annotations.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/export.h"
#include "report/timeline.h"

namespace foreseed::report {

namespace {

using nlohmann::json;

constexpr std::size_t flow_steps_max = 100;  ///< of each task, in a thread flow

/// Where a finding is shown: the first of its places whose line is known.
const Frame* place_of(const Trace& trace) {
  for (const TracePlace& place : trace.finding.places) {
    if (const Frame* const frame = user_frame(trace, place.stack); frame != nullptr) return frame;
  }
  return nullptr;
}

/// A path as compilers write it from within a build directory, without the way out of it.
std::string tidy(std::string path) {
  while (path.starts_with("../")) path.erase(0, 3);
  return path;
}

/// RFC 3986: what is no unreserved character of a path is written in hex.
std::string uri_of(const std::string& path) {
  std::string out = path.starts_with("/") ? "file://" : "";
  for (const char c : tidy(path)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("/-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

json location(const Frame* frame, const std::string& text) {
  json out = {{"message", {{"text", text}}}};
  if (frame != nullptr) {
    out["physicalLocation"] = {{"artifactLocation", {{"uri", uri_of(frame->file)}}}, {"region", {{"startLine", std::max(1u, frame->line)}}}};
  }
  return out;
}

json stack_of(const Trace& trace, const TracePlace& place) {
  json frames = json::array();
  for (const std::uint32_t index : trace.stacks[place.stack]) {
    const Frame& frame = trace.frames[index];
    frames.push_back({{"location", location(frame.line != 0 ? &frame : nullptr, frame.function)}});
  }
  return {{"message", {{"text", trace.tasks[place.task] + ": " + place.role}}}, {"frames", frames}};
}

/// The last steps of each task; `executionOrder` puts those of all tasks in one order.
json thread_flows(const Trace& trace) {
  std::vector<std::vector<const Event*>> by_task(trace.tasks.size());
  for (const Event& event : trace.events) by_task[event.task].push_back(&event);
  json flows = json::array();
  for (std::size_t task = 0; task < by_task.size(); ++task) {
    const auto& events = by_task[task];
    json locations = json::array();
    for (std::size_t i = events.size() > flow_steps_max ? events.size() - flow_steps_max : 0; i < events.size(); ++i) {
      locations.push_back({{"location", location(user_frame(trace, events[i]->stack), event_text(trace, *events[i]))},
                           {"executionOrder", events[i]->step}});
    }
    if (!locations.empty()) flows.push_back({{"id", fmt::format("{}: {}", task, trace.tasks[task])}, {"locations", locations}});
  }
  return flows;
}

std::string summary(const Trace& trace, const ExportOptions& options) {
  return fmt::format("{}: {}; replay: {}", trace.scenario, trace.finding.message, options.replay);
}

/// As the toolkit of GitHub Actions escapes it; in properties, more.
std::string github_escaped(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    const bool special = c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','));
    out += special ? fmt::format("%{:02X}", static_cast<unsigned>(c)) : std::string(1, c);
  }
  return out;
}

/// How many bytes a character that XML allows takes at the beginning of `text`; 0 if there is none.
std::size_t xml_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(0);
  if (first < 0x80) return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  std::uint32_t code = first & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool shortest = code >= (size == 4 ? 0x10000u : size == 3 ? 0x800u : 0x80u);
  return shortest && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) && code != 0xfffe && code != 0xffff ? size : 0;
}

}  // namespace

std::string sarif(const Trace& trace, const ExportOptions& options) {
  json results = json::array();
  const std::string rule(to_string(trace.finding.kind));
  if (trace.failed) {
    json stacks = json::array();
    for (const TracePlace& place : trace.finding.places) stacks.push_back(stack_of(trace, place));
    json result = {{"ruleId", rule},
                   {"level", "error"},
                   {"message", {{"text", summary(trace, options)}}},
                   {"locations", json::array()},
                   {"stacks", stacks},
                   {"codeFlows", {{{"message", {{"text", trace.finding.message}}}, {"threadFlows", thread_flows(trace)}}}},
                   {"properties", {{"seed", std::to_string(trace.seed)}, {"trace", options.trace_name}}}};
    if (const Frame* const frame = place_of(trace); frame != nullptr) result["locations"].push_back(location(frame, trace.finding.message));
    results.push_back(std::move(result));
  }
  json rules = json::array();
  if (trace.failed) rules.push_back({{"id", rule}});
  const json driver = {{"name", "foreseed"}, {"version", "0.1.0"}, {"rules", rules}};
  const json document = {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                         {"version", "2.1.0"},
                         {"runs", {{{"tool", {{"driver", driver}}}, {"results", results}}}}};
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string github(const Trace& trace, const ExportOptions& options) {
  if (!trace.failed) return {};
  const Frame* const frame = place_of(trace);
  const std::string where =
      frame == nullptr ? "" : fmt::format("file={},line={},", github_escaped(tidy(frame->file), true), frame->line);
  return fmt::format("::error {}title={}::{}\n", where, github_escaped("foreseed: " + trace.scenario, true),
                     github_escaped(summary(trace, options), false));
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = xml_character(text);
    if (size == 0) {
      out += "\xef\xbf\xbd";  // the replacement character
    } else if (size > 1) {
      out += text.substr(0, size);
    } else {
      switch (text.front()) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        case '\n': out += "&#10;"; break;
        default: out += text.front();
      }
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

std::string junit(const std::string& suite, const std::vector<JUnitCase>& cases) {
  std::string body;
  std::size_t failures = 0;
  double seconds = 0;
  for (const JUnitCase& one : cases) {
    seconds += one.seconds;
    body += fmt::format("  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"", xml_escaped(suite), xml_escaped(one.scenario), one.seconds);
    if (one.failure.empty()) {
      body += "/>\n";
      continue;
    }
    ++failures;
    body += fmt::format(">\n    <failure message=\"{}\">{}</failure>\n  </testcase>\n", xml_escaped(one.failure), xml_escaped(one.details));
  }
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" "
                     "time=\"{:.3f}\">\n{}</testsuite>\n",
                     xml_escaped(suite), cases.size(), failures, seconds, body);
}

std::string junit(const Trace& trace, const ExportOptions& options) {
  JUnitCase one{trace.scenario, 0, {}, {}};
  if (trace.failed) {
    one.failure = trace.finding.message.empty() ? "failed" : trace.finding.message;
    one.details = describe_finding(trace) + "replay: " + options.replay + "\n";
  }
  return junit(trace.program, {one});
}

}  // namespace foreseed::report
