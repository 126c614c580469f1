// A trace as JSON, written. The format is described in docs/trace.md.

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "trace/trace.h"

namespace foreseed {

namespace {

using nlohmann::json;

// 64-bit numbers are strings: JSON's readers keep 53 bits.
std::string wide(std::uint64_t value) { return std::to_string(value); }

json places_json(const std::vector<TracePlace>& places) {
  json out = json::array();
  for (const TracePlace& place : places) {
    out.push_back({{"task", place.task}, {"role", place.role}, {"stack", place.stack}});
  }
  return out;
}

json finding_json(const TraceFinding& finding) {
  return {{"kind", std::string(to_string(finding.kind))},
          {"message", finding.message},
          {"time_ns", wide(finding.time_ns)},
          {"step", finding.step},
          {"places", places_json(finding.places)},
          {"details", finding.details}};
}

/// What is shown beside the events, where the trace has it.
void add_context(const Trace& trace, json& out) {
  if (trace.hosts.empty()) return;
  out["hosts"] = trace.hosts;
  out["task_hosts"] = trace.task_hosts;
  out["choice_steps"] = trace.choice_steps;
  json& waits = out["waits"] = json::array();
  for (const Wait& w : trace.waits) {
    waits.push_back({wide(w.time_ns), w.step, w.task, std::string(to_string(w.op)), w.object, w.stack});
  }
  json& orders = out["orders"] = json::array();
  for (const Order& o : trace.orders) orders.push_back({o.from, o.to});
  json& messages = out["messages"] = json::array();
  for (const Message& m : trace.messages) {
    messages.push_back({wide(m.sent_ns), m.sent_step, m.task == Message::no_task ? json() : json(m.task), m.from_host,
                        m.to_host, m.what, m.bytes, m.losses, m.marks, m.arrived ? json(wide(m.arrived_ns)) : json(),
                        m.arrived_step, m.object});
  }
}

}  // namespace

std::string to_json(const Trace& trace) {
  json out = {{"format", "foreseed-trace"},
              {"version", Trace::format_version},
              {"program", trace.program},
              {"build_id", trace.build_id},
              {"scenario", trace.scenario},
              {"seed", wide(trace.seed)},
              {"steps_per_instant_max", trace.steps_per_instant_max},
              {"fingerprint", wide(trace.fingerprint)},
              {"virtual_ns", wide(trace.virtual_ns)},
              {"steps", trace.steps},
              {"truncated", trace.truncated},
              {"finding", trace.failed ? finding_json(trace.finding) : json()},
              {"tasks", trace.tasks},
              {"objects", trace.objects},
              {"texts", trace.texts},
              {"stacks", trace.stacks}};
  if (!trace.faults.empty()) out["faults"] = trace.faults;
  if (trace.memory != MemoryModel::sc) out["memory"] = std::string(to_string(trace.memory));
  if (trace.timeouts != 0) out["timeouts"] = trace.timeouts;
  if (!trace.strategy.empty()) out["strategy"] = trace.strategy;
  if (trace.races == Races::explore) out["racy_sites"] = trace.racy_sites;
  if (trace.races == Races::off) out["races"] = std::string(to_string(trace.races));
  json& choices = out["choices"] = json::array();
  for (const Choice& c : trace.choices) {
    choices.push_back({std::string(to_string(c.kind)), c.value, c.bound, c.site, c.task});
  }
  json& frames = out["frames"] = json::array();
  for (const Frame& f : trace.frames) {
    frames.push_back({f.module, wide(f.offset), f.function, f.file, f.line, f.user});
  }
  json& events = out["events"] = json::array();
  for (const Event& e : trace.events) {
    events.push_back({wide(e.time_ns), e.step, e.task, std::string(to_string(e.op)), e.object, e.result, e.stack, e.text});
  }
  add_context(trace, out);
  // Names come from the program under test and may hold anything: what is no UTF-8 is replaced.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

void write_json_file(const Trace& trace, const std::string& path) {
  const auto fail = [&](const char* what) {
    throw UnreadableError(fmt::format("{}: {}: {}; name another file with --trace-out", path, what, std::strerror(errno)));
  };
  std::error_code ignored;
  if (const auto parent = std::filesystem::path(path).parent_path(); !parent.empty()) {
    std::filesystem::create_directories(parent, ignored);
  }
  // Written beside and renamed: a reader never sees half a trace.
  const std::string beside = path + ".tmp" + std::to_string(getpid());
  std::FILE* const file = std::fopen(beside.c_str(), "wb");
  if (file == nullptr) fail("cannot be written");
  const std::string text = to_json(trace);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fputc('\n', file) != EOF;
  if (std::fclose(file) != 0 || !written) fail("cannot be written");
  if (std::rename(beside.c_str(), path.c_str()) != 0) fail("cannot be replaced");
}

}  // namespace foreseed
