// Graphviz: what happens before the failure, and who waits for whom at the end.

#include <fmt/format.h>

#include <algorithm>

#include "report/export.h"
#include "report/timeline.h"
#include "trace/causality.h"

namespace foreseed::report {

namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

/// Each task's steps in a column of their own.
void add_steps(const Trace& trace, std::uint32_t first, const std::vector<bool>& past, std::string& out) {
  const std::uint32_t failing = failing_step(trace);
  for (std::uint32_t task = 0; task < trace.tasks.size(); ++task) {
    out += fmt::format("  subgraph cluster_{} {{ label={}; color=gray;\n", task, quoted(trace.tasks[task]));
    std::uint32_t previous = 0;
    for (const Event& event : trace.events) {
      if (event.task != task || event.step < first || !past[event.step - 1]) continue;
      const std::string place = place_text(user_frame(trace, event.stack));
      out += fmt::format("    s{} [label={}{}];\n", event.step,
                         quoted(fmt::format("{}: {}{}{}", event.step, event_text(trace, event), place.empty() ? "" : "  ", place)),
                         event.step == failing ? ", color=red, penwidth=2" : "");
      if (previous != 0) out += fmt::format("    s{} -> s{} [color=gray];\n", previous, event.step);
      previous = event.step;
    }
    out += "  }\n";
  }
}

/// Tasks that wait to the end, for locks that others hold and for tasks that have not ended.
void add_wait_for(const Trace& trace, const Timeline& timeline, std::string& out) {
  const auto name = [&](std::uint32_t task) { return fmt::format("wait{}", task); };
  std::string edges;
  std::vector<bool> there(trace.tasks.size(), false);
  const auto edge = [&](std::uint32_t from, std::uint32_t to, const std::string& label) {
    there[from] = there[to] = true;
    edges += fmt::format("  {} -> {} [label={}, color=red];\n", name(from), name(to), quoted(label));
  };
  for (const Bar& wait : timeline.waits) {
    if (wait.to != 0) continue;
    for (const Bar& hold : timeline.holds) {
      if (hold.to == 0 && hold.object == wait.object && hold.lane != wait.lane) edge(wait.lane, hold.lane, wait.label);
    }
  }
  std::vector<const Wait*> last(trace.tasks.size(), nullptr);
  for (const Wait& wait : trace.waits) last[wait.task] = &wait;
  for (const Bar& wait : timeline.waits) {
    const Wait* const open = wait.to == 0 ? last[wait.lane] : nullptr;
    if (open != nullptr && open->op == Op::thread_join) edge(wait.lane, open->object, wait.label);
  }
  for (std::uint32_t task = 0; task < there.size(); ++task) {
    if (there[task]) out += fmt::format("  {} [label={}, shape=ellipse];\n", name(task), quoted(trace.tasks[task]));
  }
  out += edges;
}

}  // namespace

std::string dot(const Trace& trace, std::size_t steps_max) {
  const auto last = static_cast<std::uint32_t>(trace.events.size());
  const std::uint32_t failing = failing_step(trace) != 0 ? failing_step(trace) : last;
  std::vector<bool> past = past_of(trace, failing);
  for (const TracePlace& place : trace.finding.places) {  // and what the others did that it happened to
    for (std::uint32_t step = last; step != 0; --step) {
      if (trace.events[step - 1].task != place.task) continue;
      const std::vector<bool> more = past_of(trace, step);
      for (std::size_t i = 0; i < past.size(); ++i) past[i] = past[i] || more[i];
      break;
    }
  }
  const auto reach = static_cast<std::uint32_t>(std::min<std::size_t>(steps_max, last));
  const std::uint32_t first = last - reach + 1;
  std::string out = fmt::format("digraph foreseed {{\n  label={};\n  node [shape=box, fontname=monospace, fontsize=10];\n",
                                quoted(trace.scenario + ": " + (trace.failed ? trace.finding.message : "held")));
  add_steps(trace, first, past, out);
  for (const Order& order : trace.orders) {
    if (order.from < first || order.to > last || !past[order.from - 1] || !past[order.to - 1]) continue;
    out += fmt::format("  s{} -> s{} [constraint=false, color=blue];\n", order.from, order.to);
  }
  add_wait_for(trace, timeline_of(trace), out);
  return out + "}\n";
}

}  // namespace foreseed::report
