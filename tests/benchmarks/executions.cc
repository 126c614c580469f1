// What executions cost: whole ones, and a scheduling point. Run in the release build:
//   build/release/benchmarks
// No test asserts a time; compare ratios within one run.

#include <benchmark/benchmark.h>

#include "execution_bodies.h"
#include "run_scenario.h"

namespace {

using foreseed::RunSeries;
using foreseed::testing::run_seed;
using namespace foreseed::benchmarks;

void executions(benchmark::State& state, void (*body)()) {
  const RunSeries series;
  std::uint64_t seed = 0;
  std::uint64_t steps = 0;
  std::uint64_t choices = 0;
  for (auto _ : state) {
    const foreseed::Execution execution = run_seed(body, seed++);
    if (execution.finding) state.SkipWithError(execution.finding->message.c_str());
    steps += execution.steps;
    choices += execution.choices.size();
  }
  state.counters["executions"] = benchmark::Counter(static_cast<double>(seed), benchmark::Counter::kIsRate);
  state.counters["choices/step"] = static_cast<double>(choices) / static_cast<double>(steps);
  state.counters["ns/step"] = benchmark::Counter(
      static_cast<double>(steps) / 1e9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(executions, nothing, nothing);
BENCHMARK_CAPTURE(executions, lock_loop_of_4, lock_loop);
BENCHMARK_CAPTURE(executions, two_threads_two_sections, two_threads_two_sections);
BENCHMARK_CAPTURE(executions, lost_update_on_an_atomic, lost_update_on_an_atomic);
BENCHMARK_CAPTURE(executions, three_philosophers_in_order, three_philosophers_in_order);
BENCHMARK_CAPTURE(executions, http_pair_with_4_clients, http_pair);

}  // namespace
