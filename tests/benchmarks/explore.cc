// What executions under optimal DPOR cost: whole searches of the programs of which the number of traces is known.

#include "explore/explore.h"

#include <benchmark/benchmark.h>

#include <string>

#include "execution_bodies.h"
#include "run_scenario.h"

namespace {

using namespace foreseed;

void dpor(benchmark::State& state, const benchmarks::Counting& program) {
  benchmarks::set_size(program.n);
  std::uint64_t executions = 0;
  for (auto _ : state) {
    const explore::ExploreResult result = explore::explore(testing::scenario_of(program.body), {});
    if (!result.finished || result.failed != 0) state.SkipWithError("the search did not come to its end");
    executions += result.counts.complete;
  }
  state.counters["executions"] = benchmark::Counter(static_cast<double>(executions), benchmark::Counter::kIsRate);
}

const bool registered = [] {
  for (const benchmarks::Counting& program : benchmarks::counting_programs) {
    benchmark::RegisterBenchmark(("dpor/" + std::string(program.name) + "(" + std::to_string(program.n) + ")").c_str(), dpor, program);
  }
  return true;
}();

}  // namespace
