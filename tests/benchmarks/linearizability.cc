// What it costs to decide recorded histories, counterexamples included. Run in the release build:
//   build/release/checker_benchmarks

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "specifications.h"

namespace {

using foreseed::History;
using foreseed::testing::CasRegister;
using foreseed::testing::KeyValue;

const std::string data = CHECK_DATA "/";

void all_of_etcd(benchmark::State& state) {
  std::vector<std::unique_ptr<History<CasRegister>>> histories;
  for (int i = 0; i <= 102; ++i) {
    const std::string number = std::to_string(i);
    const std::string file = data + "etcd/etcd_" + std::string(3 - number.size(), '0') + number + ".log";
    if (!std::ifstream(file)) continue;
    histories.push_back(std::make_unique<History<CasRegister>>());
    foreseed::testing::read_history(file, *histories.back());
  }
  for (auto _ : state) {
    int held = 0;
    for (const auto& history : histories) held += static_cast<bool>(history->linearizable());
    benchmark::DoNotOptimize(held);
  }
  state.counters["histories"] = static_cast<double>(histories.size());
}

void key_value(benchmark::State& state, const char* file) {
  History<KeyValue> history;
  foreseed::testing::read_key_value_history(data + file, history);
  for (auto _ : state) benchmark::DoNotOptimize(static_cast<bool>(history.linearizable()));
}

BENCHMARK(all_of_etcd)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(key_value, c10_ok, "kv/c10-ok.txt")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(key_value, c10_bad, "kv/c10-bad.txt")->Unit(benchmark::kMillisecond);

}  // namespace
