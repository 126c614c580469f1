#include "trace/warnings.h"

#include <fmt/format.h>

#include <algorithm>

#include "trace/lock_order.h"

namespace foreseed {

namespace {

/// What recordings and traces have in common.
struct View {
  std::span<const Event> events;
  std::span<const Wait> waits;
  std::span<const std::string> tasks;
  std::span<const std::uint16_t> hosts;  ///< of the tasks
  std::span<const std::string> objects;
};

std::string name_in(std::span<const std::string> names, std::size_t index) {
  return index < names.size() ? names[index] : fmt::format("#{}", index);
}

void find_lock_orders(const View& view, std::vector<Warning>& warnings) {
  for (const std::vector<LockEdge>& cycle : lock_order_cycles(view.events)) {
    Warning& warning = warnings.emplace_back();
    warning.kind = "lock order";
    warning.message = "lock order: ";
    for (const LockEdge& edge : cycle) {
      const std::string held = name_in(view.objects, edge.held->object);
      const std::string taken = name_in(view.objects, edge.taken->object);
      warning.message += fmt::format("{}{} takes {} while it holds {}", edge.taken == cycle.front().taken ? "" : ", ",
                                     name_in(view.tasks, edge.taken->task), taken, held);
      warning.places.push_back({edge.taken->task, "takes " + taken, edge.taken->stack});
      warning.places.push_back({edge.held->task, "while it holds " + held, edge.held->stack});
    }
    warning.message += ": together they can deadlock";
  }
}

void find_left_running(const View& view, std::vector<Warning>& warnings) {
  std::vector<bool> ended(view.hosts.size());
  for (const Event& event : view.events) {
    if (event.op == Op::task_exit) ended[event.task] = true;
  }
  if (ended.empty() || !ended[0]) return;
  for (std::uint16_t task = 1; task < view.hosts.size(); ++task) {
    if (view.hosts[task] != view.hosts[0] || ended[task]) continue;
    Warning warning{"left running", name_in(view.tasks, task) + " was left running when the scenario ended", {}};
    for (const Event& event : view.events) {
      if (event.op == Op::thread_create && event.result == task) warning.places.push_back({event.task, "started it", event.stack});
    }
    const auto last = std::find_if(view.events.rbegin(), view.events.rend(), [&](const Event& event) { return event.task == task; });
    const auto waits = std::find_if(view.waits.rbegin(), view.waits.rend(), [&](const Wait& wait) { return wait.task == task; });
    const bool waiting = waits != view.waits.rend() && (last == view.events.rend() || waits->step >= last->step);
    if (waiting) {
      warning.places.push_back({task, fmt::format("waits in {}", to_string(waits->op)), waits->stack});
    } else if (last != view.events.rend()) {
      warning.places.push_back({task, fmt::format("last did {}", to_string(last->op)), last->stack});
    }
    warnings.push_back(std::move(warning));
  }
}

std::vector<Warning> find(const View& view, bool held) {
  std::vector<Warning> warnings;
  find_lock_orders(view, warnings);
  if (held) find_left_running(view, warnings);
  return warnings;
}

}  // namespace

std::vector<Warning> warnings_of(const Recording& recording) {
  return find({recording.events, recording.waits, recording.tasks, recording.task_hosts, recording.objects}, !recording.truncated);
}

std::vector<Warning> warnings_of(const Trace& trace) {
  std::vector<Warning> warnings =
      find({trace.events, trace.waits, trace.tasks, trace.task_hosts, trace.objects}, !trace.truncated && !trace.failed);
  if (!trace.racy_sites.empty() && !trace.failed) {
    Warning& races = warnings.emplace_back(Warning{"data races", "data races at these places, which did no harm here", {}});
    for (const std::uint32_t site : trace.racy_sites) races.places.push_back({0, "racy", site});
  }
  return warnings;
}

std::string warning_key(const Trace& trace, const Warning& warning) {
  std::vector<std::string> lines;
  for (const TracePlace& place : warning.places) {
    const bool by_chance = place.role.starts_with("waits in ") || place.role.starts_with("last did ");
    if (!by_chance) lines.push_back(place_text(user_frame(trace, place.stack)));
  }
  std::sort(lines.begin(), lines.end());
  return fmt::format("{} {}", warning.kind, fmt::join(lines, " "));
}

std::string describe_warning(const Trace& trace, const Warning& warning) {
  std::string out = printable(warning.message) + "\n";
  for (const TracePlace& place : warning.places) {
    const Frame* const frame = user_frame(trace, place.stack);
    const bool of_nobody = place.role == "racy";
    out += fmt::format("  {}{}{}\n", of_nobody ? "" : task_name(trace, place.task) + ": ", printable(place.role),
                       frame == nullptr ? std::string() : ", " + printable(place_text(frame)));
  }
  return out;
}

}  // namespace foreseed
