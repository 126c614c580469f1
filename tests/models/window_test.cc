// The sliding window, alone: integer counts against a naive model.
#include "breaker/window.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace breaker {
namespace {

using std::chrono::milliseconds;

constexpr Time start{};

Config count_window(std::uint32_t calls) {
  Config config;
  config.window_calls = calls;
  config.min_calls = 1;
  return config;
}

Config time_window(int ms, std::uint32_t buckets) {
  Config config;
  config.window_kind = WindowKind::time;
  config.window_time = milliseconds(ms);
  config.window_buckets = buckets;
  return config;
}

TEST(Window, CountKeepsExactlyTheLastOutcomes) {
  Window window(count_window(3), start);
  window.add(Outcome::fail, start);
  window.add(Outcome::slow, start);
  window.add(Outcome::ok, start);
  EXPECT_EQ(window.counts(start), (WindowCounts{3, 1, 1}));
  window.add(Outcome::ok, start);  // the failure leaves
  EXPECT_EQ(window.counts(start), (WindowCounts{3, 0, 1}));
  window.add(Outcome::fail, start);  // the slow one leaves
  EXPECT_EQ(window.counts(start), (WindowCounts{3, 1, 0}));
}

TEST(Window, TimeBucketLeavesWhenItsTurnOfTheRingIsOver) {
  Window window(time_window(100, 10), start);
  window.add(Outcome::fail, start + milliseconds(9));  // bucket 0
  EXPECT_EQ(window.counts(start + milliseconds(99)).fail, 1U);
  EXPECT_EQ(window.peek(start + milliseconds(100)).fail, 0U);
  EXPECT_EQ(window.counts(start + milliseconds(100)).fail, 0U);
}

TEST(Window, TimeWindowIsEmptyAfterALongSilence) {
  Window window(time_window(100, 10), start);
  for (int ms = 0; ms < 100; ms += 5) window.add(Outcome::fail, start + milliseconds(ms));
  EXPECT_EQ(window.counts(start + std::chrono::hours(24 * 365)), WindowCounts{});
}

TEST(Window, ClearForgetsAndAligns) {
  Window window(time_window(100, 10), start);
  window.add(Outcome::fail, start);
  window.clear(start + milliseconds(55));
  EXPECT_EQ(window.counts(start + milliseconds(55)), WindowCounts{});
  window.add(Outcome::ok, start + milliseconds(55));
  EXPECT_EQ(window.counts(start + milliseconds(154)).calls, 1U);
  EXPECT_EQ(window.counts(start + milliseconds(155)).calls, 0U);
}

TEST(Window, EqualsTheMultisetOfOutcomesStillInIt) {  // CB2, S3-03
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    const bool by_count = random() % 2 == 0;
    const std::uint32_t size = 1 + static_cast<std::uint32_t>(random() % 12);
    const int width_ms = 10;
    const Config config =
        by_count ? count_window(size) : time_window(static_cast<int>(size) * width_ms, size);
    Window window(config, start);
    std::deque<std::pair<std::uint64_t, Outcome>> model;  // bucket, outcome
    std::uint64_t ms = 0;
    for (int step = 0; step < 100; ++step) {
      ms += random() % 25;
      const Time now = start + milliseconds(ms);
      const auto outcome = static_cast<Outcome>(random() % 3);
      window.add(outcome, now);
      model.emplace_back(ms / width_ms, outcome);
      while (by_count ? model.size() > size : ms / width_ms - model.front().first >= size) {
        model.pop_front();
      }
      WindowCounts expected;
      for (const auto& [bucket, seen] : model) {
        ++expected.calls;
        expected.fail += seen == Outcome::fail;
        expected.slow += seen == Outcome::slow;
      }
      ASSERT_EQ(window.peek(now), expected);
      ASSERT_EQ(window.counts(now), expected);
    }
  }
}

}  // namespace
}  // namespace breaker
