// The breaker's sequential machine: laws that hold over many steps. Growth and jitter of the open
// time, the bound on admissions (CB10, CB14), and CB1, CB3, CB6, CB8 under random use.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "breaker/state_machine.h"
#include "breaker_bench.h"

namespace breaker {
namespace {

TEST(StateMachine, WaitGrowsToTheCapAndShrinksWhenClosed) {  // CB14
  Bench b;
  b.trip();
  for (const int expected_s : {1, 2, 4, 4, 4}) {
    EXPECT_EQ(b.snapshot().open_wait, Duration(seconds(expected_s)));
    b.now += seconds(expected_s);
    b.call(Outcome::fail);
  }
  b.now += seconds(4);
  for (int i = 0; i < 3; ++i) b.call(Outcome::ok);
  EXPECT_EQ(b.mode(), Mode::closed);
  b.trip();
  EXPECT_EQ(b.snapshot().open_wait, Duration(seconds(1)));
}

TEST(StateMachine, WaitNeverOverflows) {
  Config config = small_config();
  config.open_wait_base = milliseconds(1);
  config.open_wait_cap = std::chrono::hours(24);
  for (const std::uint32_t factor : {100U, 101U, 200U, 1000U}) {
    config.open_wait_factor_percent = factor;
    Duration last{};
    for (const std::uint32_t k : {0U, 1U, 2U, 10U, 1000U, 3000U, 0xffffffffU}) {
      const Duration wait = open_wait_before_jitter(config, k);
      EXPECT_GE(wait, last);
      EXPECT_LE(wait, std::chrono::hours(24));
      last = wait;
    }
    EXPECT_EQ(last, factor == 100 ? Duration(milliseconds(1)) : Duration(std::chrono::hours(24)));
  }
}

TEST(StateMachine, JitterStaysInItsRangeAndFollowsItsSeed) {
  Config config = small_config();
  config.jitter_percent = 10;
  const auto wait_of = [&](std::uint64_t seed) {
    StateMachine machine(config, seed, Time{});
    for (int i = 0; i < 4; ++i) {
      auto admitted = machine.acquire(Time{});
      machine.report(std::get<Permit>(admitted), Outcome::fail, Time{});
    }
    return machine.snapshot(Time{}).open_wait;
  };
  bool moved = false;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Duration wait = wait_of(seed);
    EXPECT_GE(wait, milliseconds(900));
    EXPECT_LE(wait, milliseconds(1100));
    EXPECT_EQ(wait, wait_of(seed));
    moved = moved || wait != milliseconds(1000);
  }
  EXPECT_TRUE(moved);
}

TEST(StateMachine, AdmissionsOfAFailingDependencyAreBounded) {  // CB10
  Bench b;
  std::uint64_t reached = 0;
  for (int ms = 0; ms < 60'000; ++ms, b.now += milliseconds(1)) {
    auto result = b.machine.acquire(b.now);
    if (auto* permit = std::get_if<Permit>(&result)) {
      ++reached;
      b.machine.report(*permit, Outcome::fail, b.now);
    }
  }
  // min_calls, then one probe an era: at 1 s, 3 s, 7 s, and every 4 s to 59 s.
  EXPECT_EQ(reached, 4U + 1 + 1 + 1 + 13);
}

/// CB1, CB3, CB6 and CB8 hold after every step of random use.
TEST(StateMachine, InvariantsHoldUnderRandomUse) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    const Config config = small_config();
    Bench b(config);
    std::vector<Permit> out;
    Snapshot last = b.snapshot();
    for (int step = 0; step < 500; ++step) {
      b.now += milliseconds(random() % 300);
      if (const auto dice = random() % 100; dice < 50) {
        auto result = b.machine.acquire(b.now);
        if (auto* permit = std::get_if<Permit>(&result)) out.push_back(std::move(*permit));
      } else if (dice < 98 && !out.empty()) {
        const std::size_t at = random() % out.size();
        b.machine.report(out[at], static_cast<Outcome>(random() % 4), b.now);
        if (random() % 8 != 0) out.erase(out.begin() + static_cast<std::ptrdiff_t>(at));
      } else if (dice == 98) {
        b.machine.reset(b.now);
      }
      const Snapshot next = b.snapshot();
      std::uint64_t generation = last.generation;
      Mode from = last.mode;
      for (const Event& event : b.machine.take_events()) {
        EXPECT_EQ(event.generation, ++generation);
        EXPECT_EQ(event.from, from);
        from = event.to;
        const bool legal = event.reason == Reason::operator_reset ||
                           (event.from == Mode::closed && event.to == Mode::open) ||
                           (event.from == Mode::open && event.to == Mode::half_open) ||
                           (event.from == Mode::half_open && event.to == Mode::open) ||
                           (event.from == Mode::half_open && event.to == Mode::closed);
        EXPECT_TRUE(legal) << to_string(event.from) << " -> " << to_string(event.to);
      }
      EXPECT_EQ(next.generation, generation);
      EXPECT_EQ(next.mode, from);
      EXPECT_LE(next.probes_in_flight, config.probe_concurrency);
      EXPECT_LE(next.probes_in_flight + next.probe_successes, config.probe_successes);
      if (next.mode == Mode::open && next.generation == last.generation) {
        EXPECT_EQ(next.opened_at, last.opened_at);
      }
      b.expect_balance();
      last = next;
    }
  }
}

}  // namespace
}  // namespace breaker
