#include "report/page.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "report/assets.h"
#include "report/sources.h"
#include "report/timeline.h"
#include "trace/causality.h"

namespace foreseed::report {

namespace {

using nlohmann::json;

/// A column of numbers for each member of an event: small, and quick to read.
json events_json(const Trace& trace) {
  json time = json::array(), task = json::array(), op = json::array(), object = json::array(), result = json::array(),
       stack = json::array(), text = json::array();
  for (const Event& e : trace.events) {
    time.push_back(e.time_ns);
    task.push_back(e.task);
    op.push_back(static_cast<int>(e.op));
    object.push_back(e.object);
    result.push_back(e.result);
    stack.push_back(e.stack);
    text.push_back(e.text);
  }
  return {{"time", time}, {"task", task}, {"op", op}, {"object", object}, {"result", result}, {"stack", stack}, {"text", text}};
}

json bars_json(const std::vector<Bar>& bars) {
  json out = json::array();
  for (const Bar& b : bars) out.push_back({b.lane, b.from, b.to, b.from_ns, b.to_ns, b.label, b.object});
  return out;
}

json finding_json(const Trace& trace) {
  if (!trace.failed) return nullptr;
  json places = json::array();
  for (const TracePlace& p : trace.finding.places) places.push_back({p.task, p.role, p.stack});
  return {{"kind", std::string(to_string(trace.finding.kind))}, {"message", trace.finding.message},
          {"step", failing_step(trace)}, {"after", trace.finding.step}, {"time", trace.finding.time_ns},
          {"details", trace.finding.details}, {"places", places}};
}

json choices_json(const Trace& trace) {
  json out = json::array();
  for (std::size_t i = 0; i < trace.choices.size(); ++i) {
    const Choice& c = trace.choices[i];
    const std::uint32_t step = i < trace.choice_steps.size() ? trace.choice_steps[i] : 0;
    const std::uint64_t bound = c.bound == 0 ? std::uint64_t{1} << 32 : c.bound;
    out.push_back({step, static_cast<int>(c.kind), c.value, bound, c.task, c.site & 0xffff});
  }
  return out;
}

json messages_json(const Trace& trace) {
  json out = json::array();
  for (const Message& m : trace.messages) {
    out.push_back({m.sent_ns, m.sent_step, m.task == Message::no_task ? -1 : static_cast<int>(m.task), m.from_host, m.to_host,
                   m.what, m.bytes, m.losses, m.marks, m.arrived ? json(m.arrived_ns) : json(), m.arrived_step, m.object});
  }
  return out;
}

json excerpts_json(const Trace& trace) {
  json out = json::object();
  for (const auto& [file, lines] : excerpts_of(trace)) {
    json& of_file = out[file] = json::array();
    for (const auto& [number, text] : lines) of_file.push_back({number, text});
  }
  return out;
}

json data_of(const Trace& trace, const PageOptions& options) {
  json ops = json::array(), kinds = json::array(), frames = json::array(), orders = json::array(), hosts = trace.hosts;
  for (int i = 0; i < static_cast<int>(Op::count_); ++i) ops.push_back(to_string(static_cast<Op>(i)));
  for (int i = 0; i <= static_cast<int>(ChoiceKind::entropy); ++i) kinds.push_back(to_string(static_cast<ChoiceKind>(i)));
  for (const Frame& f : trace.frames) frames.push_back({f.function, f.file, f.line, f.user, f.module});
  for (const Order& o : trace.orders) orders.push_back({o.from, o.to});
  if (hosts.empty()) hosts.push_back("");
  const Timeline timeline = timeline_of(trace);
  return {{"program", trace.program}, {"scenario", trace.scenario}, {"seed", std::to_string(trace.seed)},
          {"virtualNs", trace.virtual_ns}, {"steps", trace.steps}, {"truncated", trace.truncated},
          {"replay", options.replay}, {"finding", finding_json(trace)}, {"tasks", trace.tasks}, {"hosts", hosts},
          {"taskHosts", trace.task_hosts}, {"objects", trace.objects}, {"texts", trace.texts}, {"ops", ops},
          {"kinds", kinds}, {"frames", frames}, {"stacks", trace.stacks}, {"events", events_json(trace)},
          {"choices", choices_json(trace)}, {"orders", orders}, {"messages", messages_json(trace)},
          {"holds", bars_json(timeline.holds)}, {"waits", bars_json(timeline.waits)},
          {"states", bars_json(timeline.states)}, {"stateNames", timeline.state_names},
          {"faults", bars_json(timeline.faults)}, {"downs", bars_json(timeline.downs)}, {"sources", excerpts_json(trace)}};
}

/// JSON that can stand inside a script element, whatever its strings say.
std::string embedded(const json& data) {
  std::string out;
  for (const char c : data.dump(-1, ' ', false, json::error_handler_t::replace)) {
    if (c == '<') out += "\\u003c";
    else out += c;
  }
  return out;
}

std::string base64_of_hex(std::string_view hex) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto nibble = [&](std::size_t i) {
    return static_cast<unsigned>(i >= hex.size() ? 0 : hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
  };
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 6) {  // six hex digits are four of base 64
    unsigned bits = 0;
    for (std::size_t k = 0; k < 6; ++k) bits = bits << 4 | nibble(i + k);
    for (int shift = 18; shift >= 0; shift -= 6) out += digits[bits >> shift & 63];
  }
  const std::size_t bytes = hex.size() / 2;
  for (std::size_t i = 0; i < (3 - bytes % 3) % 3; ++i) out[out.size() - 1 - i] = '=';
  return out;
}

std::string script_text() {
  std::string text;
  for (const char* const* part = assets::script; *part != nullptr; ++part) text += *part;
  return text;
}

/// The shell with its @NAMES@ filled in; what is filled in is not looked at again.
std::string filled(std::string_view shell, const std::vector<std::pair<std::string_view, std::string>>& values) {
  std::string out;
  while (!shell.empty()) {
    const std::size_t at = std::min(shell.find('@'), shell.size());
    out += shell.substr(0, at);
    shell.remove_prefix(at);
    bool found = false;
    for (const auto& [name, value] : values) {
      if (!shell.starts_with(name)) continue;
      out += value;
      shell.remove_prefix(name.size());
      found = true;
      break;
    }
    if (!found && !shell.empty()) {
      out += shell.front();
      shell.remove_prefix(1);
    }
  }
  return out;
}

/// Well-formed UTF-8, by nlohmann's rules.
std::string clean(const std::string& text) {
  return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string page(const Trace& trace, const PageOptions& options) {
  const auto text = [](const std::string& value) { return html_escaped(clean(value)); };
  return filled(assets::shell,
                {{"@TITLE@", text(trace.scenario)},
                 {"@STYLE_HASH@", base64_of_hex(assets::style_sha256)},
                 {"@SCRIPT_HASH@", base64_of_hex(assets::script_sha256)},
                 {"@STYLE@", assets::style},
                 {"@SCRIPT@", script_text()},
                 {"@VERDICT@", trace.failed ? "failed" : "held"},
                 {"@MESSAGE@", trace.failed ? text(trace.finding.message) : "every step held"},
                 {"@FINDING@", text(describe_finding(trace))},
                 {"@REPLAY@", text(options.replay)},
                 {"@DATA@", embedded(data_of(trace, options))}});
}

void write_text(const std::string& text, const std::string& path, const char* option) {
  std::error_code ignored;
  if (const auto parent = std::filesystem::path(path).parent_path(); !parent.empty()) {
    std::filesystem::create_directories(parent, ignored);
  }
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  const bool written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file == nullptr || std::fclose(file) != 0 || !written) {
    throw UnreadableError(fmt::format("{}: cannot be written: {}; name another file with {}", path, std::strerror(errno), option));
  }
}

}  // namespace foreseed::report
