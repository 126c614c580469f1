// Optimal DPOR makes exactly one execution of each Mazurkiewicz trace: programs of which the number is known.

#include <gtest/gtest.h>

#include "explore/explore.h"
#include "explore/programs.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

struct Case {
  const char* name;
  void (*body)();
  int n;
  std::uint64_t executions;
  std::uint64_t deadlocks = 0;
};

class Counts : public ::testing::TestWithParam<Case> {};

TEST_P(Counts, one_execution_for_each_trace) {
  const Case& wanted = GetParam();
  n = wanted.n;
  explore::ExploreOptions options;
  options.keep_going = true;
  options.account = true;
  options.executions_max = 300'000;
  const explore::ExploreResult result = explore::explore(scenario_of(wanted.body), options);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.counts.complete - result.counts.deadlocked, wanted.executions);
  EXPECT_EQ(result.counts.deadlocked, wanted.deadlocks);
  EXPECT_EQ(result.counts.redundant, 0u);
  EXPECT_EQ(result.counts.blocked, 0u);
  EXPECT_EQ(result.failed, wanted.deadlocks);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (int k = 1; k <= 16; k += 3) all.push_back({"readers", readers, k, 1ull << k});
  for (int k = 2; k <= 13; ++k) all.push_back({"lastzero", lastzero, k, static_cast<std::uint64_t>(k + 3) << (k - 2)});
  for (int k = 10; k <= 15; ++k) all.push_back({"indexer", indexer, k, k <= 11 ? 1 : 1ull << 3 * (k - 11)});
  for (int k = 12; k <= 24; k += 2) all.push_back({"filesystem", filesystem, k, k <= 13 ? 1 : 1ull << (k - 13)});
  std::uint64_t factorial = 1;
  for (int k = 1; k <= 8; ++k) {
    factorial *= static_cast<std::uint64_t>(k);
    all.push_back({"ainc", ainc, k, factorial});
    all.push_back({"mutex_inc", mutex_inc, k, factorial});
  }
  const std::uint64_t rotations[] = {2, 5, 14, 43, 144, 523, 2048, 8597};
  for (int k = 2; k <= 9; ++k) all.push_back({"casrot", casrot, k, rotations[k - 2]});
  const std::uint64_t fibs[] = {11, 140, 1698, 19605, 218243};
  for (int k = 1; k <= 4; ++k) all.push_back({"fib_bench", fib_bench, k, fibs[k - 1]});
  for (int k = 2; k <= 14; k += 3) {
    const std::uint64_t power = 1ull << k;
    all.push_back({"sb_ring", sb_ring, k, power - 1});
    all.push_back({"philosophers", philosophers, k, power - 2, 1});
    all.push_back({"ordered_philosophers", ordered_philosophers, k, power - 2});
  }
  all.push_back({"two_threads_n_sections", two_threads_n_sections, 2, 6});
  all.push_back({"two_threads_n_sections", two_threads_n_sections, 4, 70});
  all.push_back({"two_threads_n_sections", two_threads_n_sections, 5, 252});
  all.push_back({"after_a_sleep", after_a_sleep, 2, 4});
  all.push_back({"lost_update_twice", lost_update_twice, 2, 34});
  all.push_back({"sb_ring", sb_ring, 2, 3});
  all.push_back({"message_passing", message_passing, 2, 3});
  all.push_back({"iriw", iriw, 2, 15});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Traces, Counts, ::testing::ValuesIn(cases()), [](const auto& info) {
  return std::string(info.param.name) + "_" + std::to_string(info.param.n) + "_" + std::to_string(info.index);
});

}  // namespace
}  // namespace foreseed::testing
