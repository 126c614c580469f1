// A trace for the terminal.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "trace/trace.h"
#include "trace/warnings.h"

namespace foreseed {

namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Their results count stores, which their texts say better.
bool is_atomic(Op op) { return op >= Op::atomic_load && op <= Op::atomic_cas; }

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string time_text(std::uint64_t ns) {
  if (ns < 1000) return fmt::format("{}ns", ns);
  if (ns < 1'000'000) return fmt::format("{:.3f}us", static_cast<double>(ns) / 1e3);
  if (ns < 1'000'000'000) return fmt::format("{:.3f}ms", static_cast<double>(ns) / 1e6);
  return fmt::format("{:.3f}s", static_cast<double>(ns) / 1e9);
}

std::string task_name(const Trace& trace, std::uint16_t task) {
  return task < trace.tasks.size() ? printable(trace.tasks[task]) : fmt::format("T{}", task);
}

std::string step_text(const Trace& trace, const Event& event) {
  std::string text(to_string(event.op));
  if (event.object != 0) text += " " + printable(trace.objects[event.object]);
  if (event.text != 0) text += " " + printable(trace.texts[event.text]);
  if (event.op == Op::thread_create || event.op == Op::thread_join) {
    if (event.result > 0) text += " " + task_name(trace, static_cast<std::uint16_t>(event.result));
  } else if (event.result != 0 && !(is_atomic(event.op) && event.text != 0)) {
    text += fmt::format(" = {}", event.result);
  }
  const Frame* const frame = user_frame(trace, event.stack);
  if (frame != nullptr) text += fmt::format("  {}:{}", printable(base_name(frame->file)), frame->line);
  return text;
}

namespace {

constexpr std::size_t column_min = 26;
constexpr std::size_t left_width = 20;  ///< step and time

/// Which column a task has: the last one is shared where there are more tasks than columns.
struct Columns {
  std::size_t count;
  std::size_t width;
  std::size_t of(std::uint16_t task) const { return std::min<std::size_t>(task, count - 1); }
  bool shared(const Trace& trace, std::size_t column) const {
    return column == count - 1 && trace.tasks.size() > count;
  }
};

Columns columns_for(const Trace& trace, std::size_t width) {
  const std::size_t room = std::max<std::size_t>(width, 60) - left_width;
  const std::size_t tasks = std::max<std::size_t>(trace.tasks.size(), 1);
  const std::size_t count = std::clamp<std::size_t>(room / column_min, 1, tasks);
  return {count, room / count};
}

std::string header_line(const Trace& trace, const Columns& columns) {
  std::string line = fmt::format("{:>6} {:>11}  ", "step", "time");
  for (std::size_t c = 0; c < columns.count; ++c) {
    const std::string name = columns.shared(trace, c) ? task_name(trace, static_cast<std::uint16_t>(c)) + " .."
                                                      : task_name(trace, static_cast<std::uint16_t>(c));
    line += fmt::format("{:<{}}", name.substr(0, columns.width - 1), columns.width);
  }
  return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string event_line(const Trace& trace, const Event& event, const Columns& columns) {
  const std::size_t column = columns.of(event.task);
  std::string text = step_text(trace, event);
  if (columns.shared(trace, column)) text = task_name(trace, event.task) + ": " + text;
  return fmt::format("{:>6} {:>11}  {:{}}{}\n", event.step, time_text(event.time_ns), "", column * columns.width, text);
}

void add_stack(const Trace& trace, std::uint32_t stack, std::string& out) {
  std::size_t shown = 0;
  for (const std::uint32_t index : trace.stacks[stack]) {
    const Frame& frame = trace.frames[index];
    if (!frame.user || shown == 6) continue;
    out += fmt::format("      {} {}\n", printable(place_text(&frame)), printable(frame.function));
    ++shown;
  }
}

}  // namespace

std::string describe_finding(const Trace& trace) {
  if (!trace.failed) return {};
  const TraceFinding& finding = trace.finding;
  std::string out = fmt::format("{}\n", printable(finding.message));
  out += fmt::format("  {} after step {}, at {} of virtual time, seed {}\n", to_string(finding.kind), finding.step,
                     time_text(finding.time_ns), trace.seed);
  for (const TracePlace& place : finding.places) {
    const Frame* const frame = user_frame(trace, place.stack);
    out += fmt::format("  {}: {}{}\n", task_name(trace, place.task), place.role.empty() ? "here" : printable(place.role),
                       frame == nullptr ? std::string() : ", " + printable(place_text(frame)));
    add_stack(trace, place.stack, out);
  }
  std::string_view details = finding.details;
  while (!details.empty()) {
    const std::size_t end = std::min(details.find('\n'), details.size());
    out += fmt::format("  {}\n", printable(details.substr(0, end)));
    details.remove_prefix(std::min(end + 1, details.size()));
  }
  return out;
}

std::string show(const Trace& trace, const ShowOptions& options) {
  const Columns columns = columns_for(trace, options.width);
  std::string out = fmt::format("{}: {}, seed {}, {} steps in {} of virtual time\n", printable(trace.program),
                                printable(trace.scenario), trace.seed, trace.steps, time_text(trace.virtual_ns));
  out += header_line(trace, columns);
  std::size_t count = trace.events.size();
  if (options.until != 0) {
    count = static_cast<std::size_t>(std::count_if(trace.events.begin(), trace.events.end(),
                                                   [&](const Event& event) { return event.step <= options.until; }));
  }
  const std::size_t first = options.last != 0 && options.last < count ? count - options.last : 0;
  if (first != 0) out += fmt::format("  .. {} earlier steps; --all shows them\n", first);
  for (std::size_t i = first; i < count; ++i) out += event_line(trace, trace.events[i], columns);
  if (options.until != 0 && count < trace.events.size()) return out;
  if (trace.truncated) out += "  .. later steps were not kept\n";
  out += describe_finding(trace);
  for (const Warning& warning : warnings_of(trace)) out += "warning: " + describe_warning(trace, warning);
  return out;
}

}  // namespace foreseed
