#include "trace/causality.h"

#include <algorithm>
#include <map>

namespace foreseed {

namespace {

constexpr std::size_t known_max = std::size_t{64} << 20;  ///< numbers kept to tell which orders are implied

/// For each task, the last step of it that is known.
using Known = std::vector<std::uint32_t>;

void learn(Known& known, const Known& more) {
  for (std::size_t i = 0; i < known.size(); ++i) known[i] = std::max(known[i], more[i]);
}

/// Steps are 1, 2, .. in the order of events.
const Event* event_of(const Trace& trace, std::uint32_t step) {
  return step != 0 && step <= trace.events.size() ? &trace.events[step - 1] : nullptr;
}

}  // namespace

void drop_implied_orders(Trace& trace) {
  std::map<std::uint32_t, Known> at_sources;
  for (const Order& order : trace.orders) at_sources[order.from];
  const std::size_t tasks = trace.tasks.size();
  if (at_sources.size() * tasks > known_max) return;
  std::vector<Known> known(tasks, Known(tasks, 0));
  std::vector<Order> kept;
  auto next = trace.orders.begin();
  for (const Event& event : trace.events) {
    Known& own = known[event.task];
    const auto first = next;
    while (next != trace.orders.end() && next->to == event.step) ++next;
    // From the latest on: none of them can follow from an earlier one.
    std::sort(first, next, [](const Order& a, const Order& b) { return a.from > b.from; });
    for (auto it = first; it != next; ++it) {
      const Event* const source = event_of(trace, it->from);
      if (source == nullptr || own[source->task] >= it->from) continue;
      learn(own, at_sources[it->from]);
      kept.push_back(*it);
    }
    own[event.task] = event.step;
    if (const auto source = at_sources.find(event.step); source != at_sources.end()) source->second = own;
  }
  trace.orders = std::move(kept);
}

std::vector<bool> past_of(const Trace& trace, std::uint32_t to) {
  std::vector<bool> past(trace.events.size(), false);
  if (event_of(trace, to) == nullptr) return past;
  std::vector<std::uint32_t> last(trace.tasks.size(), 0);  ///< of each task, its last step in the past
  last[event_of(trace, to)->task] = to;
  auto order = trace.orders.rbegin();
  for (std::uint32_t step = to; step != 0; --step) {
    const Event& event = trace.events[step - 1];
    if (last[event.task] < step) continue;
    past[step - 1] = true;
    while (order != trace.orders.rend() && order->to > step) ++order;
    for (; order != trace.orders.rend() && order->to == step; ++order) {
      const Event* const source = order->from < step ? event_of(trace, order->from) : nullptr;
      if (source != nullptr) last[source->task] = std::max(last[source->task], order->from);
    }
  }
  return past;
}

std::uint32_t failing_step(const Trace& trace) {
  if (!trace.failed) return 0;
  const auto steps = static_cast<std::uint32_t>(std::min<std::size_t>(trace.finding.step, trace.events.size()));
  if (trace.finding.places.empty()) return steps;
  for (std::uint32_t step = steps; step != 0; --step) {
    if (trace.events[step - 1].task == trace.finding.places.front().task) return step;
  }
  return steps;
}

}  // namespace foreseed
