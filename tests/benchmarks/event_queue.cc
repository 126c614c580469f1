// What the queue of events costs by itself, as the kernel compiles it: without instrumentation.

#include <benchmark/benchmark.h>

#include <cmath>
#include <queue>
#include <vector>

#include "choice/prng.h"
#include "kernel/event_queue.h"

namespace {

/// Increments that are drawn before the measurement, used again and again.
constexpr std::size_t increments_drawn = std::size_t{1} << 16;
std::vector<std::uint64_t> exponential_increments() {
  foreseed::Prng prng(1);
  std::vector<std::uint64_t> increments(increments_drawn);
  for (std::uint64_t& increment : increments) {
    const double u = (static_cast<double>(prng.below(1u << 24)) + 0.5) / (1u << 24);
    increment = static_cast<std::uint64_t>(-std::log(u) * 1e6);
  }
  return increments;
}

/// The hold model (Vaucher and Duval 1975): one event goes, one comes, `pending` stay; increments are
/// exponential.
void hold(benchmark::State& state) {
  const auto pending = static_cast<std::size_t>(state.range(0));
  const std::vector<std::uint64_t> increments = exponential_increments();
  const auto fires = [](void*, std::uint64_t, bool) { return true; };
  foreseed::EventQueue queue;
  std::size_t i = 0;
  const auto next = [&] { return increments[++i % increments_drawn]; };
  for (std::size_t k = 0; k < pending; ++k) queue.push(next(), fires, nullptr, k);
  for (std::size_t k = 0; k < 4 * pending; ++k) {
    const foreseed::Alarm alarm = queue.top();
    queue.pop();
    queue.push(alarm.time_ns + next(), alarm.fire, nullptr, alarm.argument);
  }
  for (auto _ : state) {
    const foreseed::Alarm alarm = queue.top();
    queue.pop();
    benchmark::DoNotOptimize(alarm.fire(alarm.context, alarm.argument, true));
    queue.push(alarm.time_ns + next(), alarm.fire, nullptr, alarm.argument);
  }
}
BENCHMARK(hold)->Name("world/hold_pending")->Arg(1000)->Arg(10'000)->Arg(100'000);

/// The yardstick: the same with the standard library's heap of (time, sequence, action), as most simulators have it.
void hold_with_priority_queue(benchmark::State& state) {
  struct Event {
    foreseed::Alarm alarm;
    std::uint64_t sequence;
    bool operator<(const Event& other) const {
      return alarm.time_ns != other.alarm.time_ns ? alarm.time_ns > other.alarm.time_ns : sequence > other.sequence;
    }
  };
  const auto pending = static_cast<std::size_t>(state.range(0));
  const std::vector<std::uint64_t> increments = exponential_increments();
  const auto fires = [](void*, std::uint64_t, bool) { return true; };
  std::priority_queue<Event> queue;
  std::size_t i = 0;
  std::uint64_t sequence = 0;
  const auto push = [&](const foreseed::Alarm& alarm) { queue.push({alarm, ++sequence}); };
  const auto next = [&] { return increments[++i % increments_drawn]; };
  for (std::size_t k = 0; k < pending; ++k) push({next(), fires, nullptr, k});
  const auto hold_one = [&] {
    foreseed::Alarm alarm = queue.top().alarm;
    queue.pop();
    benchmark::DoNotOptimize(alarm.fire(alarm.context, alarm.argument, true));
    alarm.time_ns += next();
    push(alarm);
  };
  for (std::size_t k = 0; k < 4 * pending; ++k) hold_one();
  for (auto _ : state) hold_one();
}
BENCHMARK(hold_with_priority_queue)->Name("world/hold_pending_std_priority_queue")->Arg(1000)->Arg(10'000)->Arg(100'000);

}  // namespace
