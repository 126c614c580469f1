// Draws of other kinds than schedules - a scenario's, faults, spurious failures - are gone through along with schedules:
// counted by hand, each combination exactly as often as it has traces.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "api/foreseed/faults.h"
#include "api/foreseed/point.h"
#include "explore/explore.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

/// How often each outcome came up, in memory that is not put back after an execution.
int* const outcomes = static_cast<int*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
constexpr int outcomes_max = 8;
__attribute__((noinline, no_sanitize("thread"))) void came_out(unsigned outcome) { ++outcomes[outcome]; }

/// Two threads draw one of two, and that is all.
void two_draws() {
  unsigned drawn[2];
  std::thread a([&] { drawn[0] = choose(2); });
  std::thread b([&] { drawn[1] = choose(2); });
  a.join(), b.join();
  came_out(drawn[0] + 2 * drawn[1]);
}

/// Who has drawn a 1 adds to what both share: the order matters where both do.
void draws_that_lead_to_steps() {
  std::atomic<int> x{0};
  unsigned drawn[2];
  const auto work = [&](int me) {
    drawn[me] = choose(2);
    if (drawn[me] == 1) ++x;
  };
  std::thread a(work, 0), b(work, 1);
  a.join(), b.join();
  came_out(drawn[0] + 2 * drawn[1]);
}

/// A point where a plan lets a third of passes fail: under a search it fails or it does not.
void faults_at_points() {
  FaultPlan().fail("commit", "client", {0s, 1h}, 0.3).start();
  std::this_thread::sleep_for(1ms);  // it has begun
  bool failed[2];
  const auto work = [&](int me) { failed[me] = FORESEED_POINT("commit"); };
  std::thread a(work, 0), b(work, 1);
  a.join(), b.join();
  came_out(unsigned{failed[0]} + 2 * failed[1]);
}

void waits_once() {
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  came_out(condition.wait_for(lock, 1s) == std::cv_status::timeout);
}

void tries_once() {
  std::atomic<int> x{0};
  int expected = 0;
  came_out(x.compare_exchange_weak(expected, 1));
}

void host_that_a_plan_may_crash() {
  Host server("server", [] { std::this_thread::sleep_for(1h); });
  std::this_thread::sleep_for(2h);
}

explore::ExploreResult search(void (*body)(), const char* strategy, MemoryModel memory = MemoryModel::sc) {
  std::memset(outcomes, 0, outcomes_max * sizeof(int));
  explore::ExploreOptions options;
  options.strategy = strategy;
  options.memory = memory;
  options.account = true;
  const explore::ExploreResult result = explore::explore(scenario_of(body), options);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.failed, 0u);
  EXPECT_EQ(result.counts.redundant, 0u);
  EXPECT_EQ(result.counts.blocked, 0u);
  EXPECT_EQ(result.counts.held, 0u);
  return result;
}

void expect_outcomes(std::initializer_list<int> wanted) {
  int which = 0;
  for (const int often : wanted) {
    EXPECT_EQ(outcomes[which], often) << which;
    ++which;
  }
}

TEST(Drawn, values_of_two_threads_in_each_combination_once) {
  EXPECT_EQ(search(two_draws, "dpor").counts.complete, 4u);
  expect_outcomes({1, 1, 1, 1});
}

TEST(Drawn, values_lead_to_as_many_traces_as_they_have) {
  EXPECT_EQ(search(draws_that_lead_to_steps, "dpor").counts.complete, 5u);
  expect_outcomes({1, 1, 1, 2});
}

TEST(Drawn, faults_of_two_threads_in_each_combination_and_order) {
  // A point is a step that others could see: two orders of each.
  EXPECT_EQ(search(faults_at_points, "dpor").counts.complete, 8u);
  expect_outcomes({2, 2, 2, 2});
}

TEST(Drawn, wake_ups_and_failures_for_no_reason) {
  EXPECT_EQ(search(waits_once, "dpor", MemoryModel::c11).counts.complete, 2u);
  expect_outcomes({1, 1});
  EXPECT_EQ(search(waits_once, "dfs", MemoryModel::c11).counts.complete, 2u);
  EXPECT_EQ(search(waits_once, "dpor").counts.complete, 1u);
#ifdef __clang__
  constexpr int failures = 0;  // it calls a strong one
#else
  constexpr int failures = 1;
#endif
  EXPECT_EQ(search(tries_once, "dpor", MemoryModel::c11).counts.complete, 1u + failures);
  expect_outcomes({failures, 1});
}

TEST(Drawn, plans_are_gone_through_within_a_bound) {
  explore::ExploreOptions options;
  options.faults = "crash:1";
  options.executions_max = 300;
  std::uint64_t with_fault = 0;
  const explore::ExploreResult result = explore::explore(scenario_of(host_that_a_plan_may_crash), options, [&](const Execution& execution) {
    for (const Choice& choice : execution.choices) {
      if (choice.kind != ChoiceKind::fault || choice.value == 0) continue;
      ++with_fault;
      break;
    }
    return true;
  });
  EXPECT_EQ(result.counts.complete, 300u);
  EXPECT_EQ(with_fault, 299u);  // all but the first, in which no fault is drawn
  EXPECT_EQ(result.failed, 0u);
}

}  // namespace
}  // namespace foreseed::testing
