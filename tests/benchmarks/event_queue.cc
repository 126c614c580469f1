// What the queue of events costs by itself, as the kernel compiles it: without instrumentation.

#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "choice/prng.h"
#include "kernel/event_queue.h"

namespace {

/// The hold model (Vaucher and Duval 1975): one event goes, one comes, `pending` stay; increments are
/// exponential.
void hold(benchmark::State& state) {
  const auto pending = static_cast<std::size_t>(state.range(0));
  foreseed::Prng prng(1);
  std::vector<std::uint64_t> increments(std::size_t{1} << 16);
  for (std::uint64_t& increment : increments) {
    const double u = (static_cast<double>(prng.below(1u << 24)) + 0.5) / (1u << 24);
    increment = static_cast<std::uint64_t>(-std::log(u) * 1e6);
  }
  const auto fires = [](void*, std::uint64_t, bool) { return true; };
  foreseed::EventQueue queue;
  std::size_t i = 0;
  const auto next = [&] { return increments[++i % increments.size()]; };
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

}  // namespace
