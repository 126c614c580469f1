// Virtual time: it jumps, it is exact, and loops that wait for a clock end.

#include <gtest/gtest.h>
#include <x86intrin.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "run_scenario.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

void a_year() { std::this_thread::sleep_for(24h * 365); }

TEST(Time, a_year_of_sleep_is_a_handful_of_steps) {
  const Execution execution = run_seed(a_year, 0);
  EXPECT_FALSE(execution.finding.has_value());
  EXPECT_EQ(execution.virtual_ns, 365ull * 24 * 3600 * 1'000'000'000);
  EXPECT_LT(execution.steps, 10u);
}

void sleeps_are_exact() {
  const auto start = Steady::now();
  const auto wall = std::chrono::system_clock::now();
  std::thread other([] { std::this_thread::sleep_for(30ms); });
  std::this_thread::sleep_for(20ms);
  FORESEED_CHECK(Steady::now() - start == 20ms);
  other.join();
  FORESEED_CHECK(Steady::now() - start == 30ms);
  FORESEED_CHECK(std::chrono::system_clock::now() - wall == 30ms);
}

void timed_wait_ends_in_time() {
  std::mutex mutex;
  std::condition_variable never_signalled;
  std::unique_lock lock(mutex);
  const auto start = Steady::now();
  FORESEED_CHECK(never_signalled.wait_for(lock, 1h) == std::cv_status::timeout);
  FORESEED_CHECK(Steady::now() - start == 1h);
}

void busy_wait_for_a_clock() {
  const auto until = Steady::now() + 10s;
  while (Steady::now() < until) {
  }
  FORESEED_CHECK(Steady::now() < until + 1h);
}

/// Tells the counter in the length of a sleep, which is part of the fingerprint.
void time_stamps() {
  unsigned processor;
  const std::uint64_t first = __rdtsc();
  const std::uint64_t second = __rdtscp(&processor);
  FORESEED_CHECK(second > first);
  std::this_thread::sleep_for(1s);
  FORESEED_CHECK(__rdtsc() - first >= 3'000'000'000u);
  std::this_thread::sleep_for(std::chrono::nanoseconds(__rdtsc() % 1'000'003));
}

TEST(Time, the_time_stamp_counter_is_virtual_too) {
  EXPECT_FALSE(first_finding(time_stamps, 3).has_value());
  EXPECT_EQ(run_seed(time_stamps, 0).fingerprint, run_seed(time_stamps, 0).fingerprint);
  const std::uint64_t before = __rdtsc();  // the real one again
  EXPECT_GT(__rdtsc(), before);
}

TEST(Time, passes_exactly_and_only_when_nobody_can_run) {
  EXPECT_FALSE(first_finding(sleeps_are_exact, 200).has_value());
  EXPECT_FALSE(first_finding(timed_wait_ends_in_time, 20).has_value());
  EXPECT_FALSE(first_finding(busy_wait_for_a_clock, 20).has_value());
}

}  // namespace
}  // namespace foreseed::testing
