// Warnings: what looks dangerous in an execution that held, and what a recorded race is told with.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <pthread.h>
#include <shared_mutex>
#include <string>
#include <thread>

#include "campaign/record.h"
#include "run_scenario.h"
#include "trace/warnings.h"

namespace foreseed::testing {
namespace {

/// Of the first seed under which `body` holds.
Trace first_that_holds(void (*body)(), std::uint64_t from = 0) {
  for (std::uint64_t seed = from; seed < from + 100; ++seed) {
    const Trace trace = record_seed(scenario_of(body), seed, {.strategy = "uniform"});
    if (!trace.failed) return trace;
  }
  ADD_FAILURE() << "it always fails";
  return {};
}

bool is_of_the_user(const Trace& trace, const TracePlace& place) {
  const std::vector<std::uint32_t>& stack = trace.stacks[place.stack];
  return std::any_of(stack.begin(), stack.end(), [&](std::uint32_t frame) { return trace.frames[frame].user && trace.frames[frame].line != 0; });
}

std::vector<Warning> warnings_when_it_holds(void (*body)()) { return warnings_of(first_that_holds(body)); }

// NOLINTBEGIN: these are wrong on purpose

template <typename First, typename Second>
void together(First first, Second second) {
  std::thread a(first), b(second);
  a.join(), b.join();
}

void opposite_orders() {
  std::mutex a, b;
  together([&] { const std::lock_guard one(a); const std::lock_guard two(b); },
           [&] { const std::lock_guard one(b); const std::lock_guard two(a); });
}
void opposite_orders_again_and_again() {
  std::mutex a, b;
  const auto one = [&] { for (int i = 0; i < 3; ++i) { const std::lock_guard first(a); const std::lock_guard second(b); } };
  const auto other = [&] { for (int i = 0; i < 3; ++i) { const std::lock_guard first(b); const std::lock_guard second(a); } };
  together(one, other);
}
void same_order() {
  std::mutex a, b;
  const auto work = [&] { const std::lock_guard one(a); const std::lock_guard two(b); };
  together(work, work);
}
void behind_a_gate() {
  std::mutex gate, a, b;
  together([&] { const std::lock_guard all(gate); const std::lock_guard one(a); const std::lock_guard two(b); },
           [&] { const std::lock_guard all(gate); const std::lock_guard one(b); const std::lock_guard two(a); });
}
void one_after_the_other() {
  std::mutex a, b;
  std::thread([&] { const std::lock_guard one(a); const std::lock_guard two(b); }).join();
  std::thread([&] { const std::lock_guard one(b); const std::lock_guard two(a); }).join();
}
void by_one_thread() {
  std::mutex a, b;
  { const std::lock_guard one(a); const std::lock_guard two(b); }
  { const std::lock_guard one(b); const std::lock_guard two(a); }
}
void one_only_tries() {
  std::mutex a, b;
  together([&] { const std::lock_guard one(a); const std::lock_guard two(b); },
           [&] { const std::lock_guard one(b); const std::unique_lock two(a, std::try_to_lock); });
}
void locked_at_once() {
  std::mutex a, b;
  together([&] { const std::scoped_lock both(a, b); }, [&] { const std::scoped_lock both(b, a); });
}
template <typename Lock>
void read_write_locks() {
  std::shared_mutex a, b;
  together([&] { const Lock one(a); const Lock two(b); }, [&] { const Lock one(b); const Lock two(a); });
}
void three_in_a_ring() {
  std::mutex forks[3];
  const auto dine = [&](int i) {
    const std::lock_guard left(forks[i]);
    const std::lock_guard right(forks[(i + 1) % 3]);
  };
  std::thread a(dine, 0), b(dine, 1), c(dine, 2);
  a.join(), b.join(), c.join();
}

void leaves_a_thread_running() {
  std::atomic<bool>* const never = new std::atomic<bool>(false);
  std::thread([never] { never->wait(false); }).detach();
}
void waits_for_its_thread() {
  std::atomic<bool> done{false};
  std::thread other([&] { done.wait(false); });
  done = true;
  done.notify_one();
  other.join();
}

void two_locks_for_one_thing() {
  int value = 0;
  std::mutex a, b;
  together([&] { const std::lock_guard lock(a); ++value; }, [&] { const std::lock_guard lock(b); ++value; });
}

// NOLINTEND

TEST(LockOrder, a_cycle_is_warned_of_where_nothing_deadlocked) {
  for (void (*const body)() : {opposite_orders, opposite_orders_again_and_again, read_write_locks<std::unique_lock<std::shared_mutex>>}) {
    const Trace trace = first_that_holds(body);
    const std::vector<Warning> warnings = warnings_of(trace);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0].kind, "lock order");
    ASSERT_EQ(warnings[0].places.size(), 4u);
    for (const TracePlace& place : warnings[0].places) EXPECT_TRUE(is_of_the_user(trace, place)) << place.role;
    EXPECT_NE(warnings[0].places[0].task, warnings[0].places[2].task);
    EXPECT_NE(describe_warning(trace, warnings[0]).find("warnings_test.cc:"), std::string::npos);
    // The same under another seed, to who asks for each once.
    const Trace other = first_that_holds(body, 1000);
    ASSERT_EQ(warnings_of(other).size(), 1u);
    EXPECT_EQ(warning_key(trace, warnings[0]), warning_key(other, warnings_of(other)[0]));
  }
}

TEST(LockOrder, a_ring_of_three_is_one_cycle) {
  const std::vector<Warning> warnings = warnings_when_it_holds(three_in_a_ring);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].places.size(), 6u);
}

TEST(LockOrder, what_cannot_deadlock_is_not_warned_of) {
  for (void (*const body)() : {same_order, behind_a_gate, one_after_the_other, by_one_thread, one_only_tries, locked_at_once,
                               read_write_locks<std::shared_lock<std::shared_mutex>>}) {
    for (const Warning& warning : warnings_when_it_holds(body)) ADD_FAILURE() << warning.message;
  }
}

TEST(LeftRunning, a_thread_that_outlives_the_scenario_is_warned_of) {
  const std::vector<Warning> warnings = warnings_when_it_holds(leaves_a_thread_running);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].message, "T1 was left running when the scenario ended");
  EXPECT_TRUE(warnings_when_it_holds(waits_for_its_thread).empty());
}

TEST(Race, is_told_with_the_locks_held_and_the_order_that_is_missing) {
  bool had_release = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Trace trace = record_seed(scenario_of(two_locks_for_one_thing), seed, {.strategy = "uniform"});
    ASSERT_TRUE(trace.failed);
    const std::string& details = trace.finding.details;
    const auto has = [&](const char* text) { return details.find(text) != std::string::npos; };
    EXPECT_TRUE(has("locks: T") && has(" held mutex#1") && has(" held mutex#2") && has("has acquired nothing from it")) << details;
    // Both accesses, the lock that each held, and the release, if the earlier one has come to it.
    const bool released = has("first released after its access by mutex_unlock mutex#");
    EXPECT_EQ(trace.finding.places.size(), released ? 5u : 4u) << details;
    for (const TracePlace& place : trace.finding.places) EXPECT_TRUE(is_of_the_user(trace, place)) << place.role;
    had_release |= released;
  }
  EXPECT_TRUE(had_release);
}

}  // namespace
}  // namespace foreseed::testing
