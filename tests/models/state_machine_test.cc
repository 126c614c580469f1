// The breaker's sequential machine: every transition, and CB1 to CB10 where one thread can show
// them. Time is an argument, so nothing here waits.
#include "breaker/state_machine.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <type_traits>

namespace breaker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Config small_config() {
  Config config;
  config.window_calls = 4;
  config.min_calls = 4;
  config.failure_percent = 50;
  config.slow_percent = 75;
  config.slow_call = milliseconds(100);
  config.probe_successes = 3;
  config.probe_concurrency = 2;
  config.probe_lease = milliseconds(500);
  config.half_open_max = milliseconds(5000);
  config.open_wait_base = milliseconds(1000);
  config.open_wait_cap = milliseconds(4000);
  config.jitter_percent = 0;
  return config;
}

/// A machine and a hand that turns its clock.
struct Bench {
  explicit Bench(const Config& config = small_config()) : machine(config, 1, now) {}

  Permit admit() {
    auto result = machine.acquire(now);
    EXPECT_TRUE(std::holds_alternative<Permit>(result));
    return std::holds_alternative<Permit>(result) ? std::move(std::get<Permit>(result)) : Permit();
  }
  Rejected refuse() {
    auto result = machine.acquire(now);
    EXPECT_TRUE(std::holds_alternative<Rejected>(result));
    return std::holds_alternative<Rejected>(result) ? std::get<Rejected>(result) : Rejected{};
  }
  ReportResult call(Outcome outcome) {
    Permit permit = admit();
    return machine.report(permit, outcome, now);
  }
  void trip() {
    for (int i = 0; i < 4; ++i) call(Outcome::fail);
    ASSERT_EQ(mode(), Mode::open);
  }
  void to_half_open() {
    trip();
    now += milliseconds(1000);
    machine.tick(now);
    ASSERT_EQ(mode(), Mode::half_open);
  }
  Mode mode() const { return machine.snapshot(now).mode; }
  Snapshot snapshot() const { return machine.snapshot(now); }

  void expect_balance() const {  // CB8
    const Metrics m = machine.metrics();
    EXPECT_EQ(m.admitted, m.ok + m.fail + m.slow + m.ignored + m.stale + m.in_flight);
  }

  Time now = Time(seconds(1000));
  StateMachine machine;
};

static_assert(!std::is_copy_constructible_v<Permit>, "one admission must not report as two");

TEST(StateMachine, StartsClosedAndAdmits) {
  Bench b;
  EXPECT_EQ(b.mode(), Mode::closed);
  Permit permit = b.admit();
  EXPECT_EQ(permit.generation(), b.snapshot().generation);
  EXPECT_EQ(b.machine.metrics().in_flight, 1U);
}

TEST(StateMachine, ClosedOpensAtTheReportThatCrossesTheFailureShare) {
  Bench b;
  b.call(Outcome::fail);
  b.call(Outcome::fail);
  b.call(Outcome::ok);
  EXPECT_EQ(b.mode(), Mode::closed) << "below min_calls";
  b.call(Outcome::ok);  // 4 calls, 50 %
  EXPECT_EQ(b.mode(), Mode::open);
  const auto events = b.machine.take_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0], (Event{Mode::closed, Mode::open, Reason::failure_rate, 2, b.now}));
}

TEST(StateMachine, AlternatingFailuresTrip) {  // S0-13: a consecutive counter never would
  Bench b;
  for (int i = 0; i < 4 && b.mode() == Mode::closed; ++i) {
    b.call(i % 2 == 0 ? Outcome::ok : Outcome::fail);
  }
  EXPECT_EQ(b.mode(), Mode::open);
}

TEST(StateMachine, JustBelowTheShareStaysClosed) {
  Config config = small_config();
  config.window_calls = config.min_calls = 100;
  Bench b(config);
  for (int i = 0; i < 51; ++i) b.call(Outcome::ok);
  for (int i = 0; i < 49; ++i) b.call(Outcome::fail);
  EXPECT_EQ(b.mode(), Mode::closed);
  b.call(Outcome::fail);  // an ok leaves the window
  EXPECT_EQ(b.mode(), Mode::open);
}

TEST(StateMachine, ClosedOpensAtTheSlowShareByDuration) {
  Bench b;
  for (int i = 0; i < 4; ++i) {
    Permit permit = b.admit();
    b.now += milliseconds(i == 0 ? 99 : 100);
    b.machine.report(permit, Outcome::ok, b.now);
  }
  EXPECT_EQ(b.mode(), Mode::open);
  EXPECT_EQ(b.machine.take_events().at(0).reason, Reason::slow_rate);
  EXPECT_EQ(b.machine.metrics().slow, 3U);
}

TEST(StateMachine, IgnoredLeavesTheWindowAlone) {
  Bench b;
  for (int i = 0; i < 100; ++i) b.call(Outcome::ignored);
  EXPECT_EQ(b.snapshot().window, WindowCounts{});
  EXPECT_EQ(b.machine.metrics().ignored, 100U);
}

TEST(StateMachine, OpenRejectsUntilExactlyTheEndOfTheWait) {  // CB6, S0-14
  Bench b;
  b.trip();
  b.now += milliseconds(999);
  EXPECT_EQ(b.refuse().retry_after, Duration(milliseconds(1)));
  b.now += milliseconds(1);
  EXPECT_TRUE(std::holds_alternative<Permit>(b.machine.acquire(b.now)));
  EXPECT_EQ(b.mode(), Mode::half_open);
}

TEST(StateMachine, ReportsWhileOpenDoNotMoveOpenedAt) {  // CB5, CB6
  Bench b;
  Permit early = b.admit();
  b.trip();
  const Snapshot before = b.snapshot();
  b.now += milliseconds(500);
  EXPECT_EQ(b.machine.report(early, Outcome::fail, b.now), ReportResult::stale);
  const Snapshot after = b.snapshot();
  EXPECT_EQ(after.opened_at, before.opened_at);
  EXPECT_EQ(after.generation, before.generation);
  EXPECT_EQ(b.machine.metrics().stale, 1U);
  b.expect_balance();
}

TEST(StateMachine, StaleSuccessClosesNothing) {  // S0-12, B-10
  Bench b;
  Permit early = b.admit();
  b.to_half_open();
  EXPECT_EQ(b.machine.report(early, Outcome::ok, b.now), ReportResult::stale);
  EXPECT_EQ(b.snapshot().probe_successes, 0U);
  EXPECT_EQ(b.mode(), Mode::half_open);
}

TEST(StateMachine, HalfOpenClosesAfterNSuccesses) {  // CB4
  Bench b;
  b.to_half_open();
  b.call(Outcome::ok);
  b.call(Outcome::ok);
  EXPECT_EQ(b.mode(), Mode::half_open);
  b.call(Outcome::ok);
  EXPECT_EQ(b.mode(), Mode::closed);
  EXPECT_EQ(b.snapshot().reopens, 0U);
  EXPECT_EQ(b.snapshot().window, WindowCounts{}) << "old failures must not trip it again";
}

TEST(StateMachine, HalfOpenNeverHoldsMoreThanPProbes) {  // CB3
  Bench b;
  b.to_half_open();
  Permit first = b.admit();
  Permit second = b.admit();
  const Rejected rejected = b.refuse();
  EXPECT_EQ(rejected.reason, RejectReason::probes_exhausted);
  EXPECT_FALSE(rejected.retry_after);
  b.machine.report(first, Outcome::ok, b.now);
  Permit third = b.admit();
  b.machine.report(second, Outcome::ok, b.now);
  // 2 successes and 1 probe: N = 3 are spoken for, though only one of two places is taken.
  b.refuse();
  b.machine.report(third, Outcome::ok, b.now);
  EXPECT_EQ(b.mode(), Mode::closed);
}

TEST(StateMachine, IgnoredProbeReturnsItsPermit) {  // B-01
  Bench b;
  b.to_half_open();
  for (int i = 0; i < 20; ++i) b.call(Outcome::ignored);
  EXPECT_EQ(b.mode(), Mode::half_open);
  EXPECT_EQ(b.snapshot().probes_in_flight, 0U);
}

TEST(StateMachine, FailedOrSlowProbeOpensWithALongerWait) {
  for (const Outcome outcome : {Outcome::fail, Outcome::slow}) {
    Bench b;
    b.to_half_open();
    b.call(outcome);
    EXPECT_EQ(b.mode(), Mode::open);
    EXPECT_EQ(b.snapshot().reopens, 1U);
    EXPECT_EQ(b.snapshot().open_wait, Duration(seconds(2)));
    EXPECT_EQ(b.machine.take_events().back().reason,
              outcome == Outcome::fail ? Reason::probe_failed : Reason::probe_slow);
  }
}

TEST(StateMachine, TwoProbeFailuresTransitionOnce) {  // B-03
  Bench b;
  b.to_half_open();
  Permit first = b.admit();
  Permit second = b.admit();
  EXPECT_EQ(b.machine.report(first, Outcome::fail, b.now), ReportResult::counted);
  EXPECT_EQ(b.machine.report(second, Outcome::fail, b.now), ReportResult::stale);
  EXPECT_EQ(b.snapshot().reopens, 1U);
}

TEST(StateMachine, HungProbeLosesItsLease) {  // B-02
  Bench b;
  b.to_half_open();
  Permit hung = b.admit();
  b.now += milliseconds(499);
  b.machine.tick(b.now);
  EXPECT_EQ(b.mode(), Mode::half_open);
  b.now += milliseconds(1);
  EXPECT_EQ(b.refuse().reason, RejectReason::open);
  EXPECT_EQ(b.machine.take_events().back().reason, Reason::probe_lease_expired);
  EXPECT_EQ(b.snapshot().reopens, 1U);
  EXPECT_EQ(b.machine.metrics().lease_expired, 1U);
  EXPECT_EQ(b.machine.report(hung, Outcome::ok, b.now), ReportResult::stale);
  b.expect_balance();
}

TEST(StateMachine, ReportAtTheEndOfTheLeaseIsTooLate) {
  Bench b;
  b.to_half_open();
  Permit probe = b.admit();
  b.now += milliseconds(500);
  EXPECT_EQ(b.machine.report(probe, Outcome::ok, b.now), ReportResult::stale);
  EXPECT_EQ(b.mode(), Mode::open);
}

TEST(StateMachine, HalfOpenEraEnds) {
  Bench b;
  b.to_half_open();
  b.call(Outcome::ok);
  b.now += milliseconds(5000);
  b.machine.tick(b.now);
  EXPECT_EQ(b.mode(), Mode::open);
  EXPECT_EQ(b.machine.take_events().back().reason, Reason::half_open_timeout);
  EXPECT_EQ(b.snapshot().reopens, 0U) << "no probe failed: the wait does not grow";
  EXPECT_EQ(b.snapshot().probe_successes, 0U);
}

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

TEST(StateMachine, OperatorStates) {  // CB1
  Bench b;
  b.machine.force_open(b.now);
  EXPECT_EQ(b.refuse().reason, RejectReason::forced_open);
  EXPECT_FALSE(b.refuse().retry_after);
  b.now += std::chrono::hours(1000);
  b.refuse();  // no timer ends it
  b.machine.disable(b.now);
  for (int i = 0; i < 20; ++i) b.call(Outcome::fail);
  EXPECT_EQ(b.mode(), Mode::disabled);
  EXPECT_EQ(b.snapshot().window, WindowCounts{});
  b.machine.metrics_only(b.now);
  for (int i = 0; i < 20; ++i) b.call(Outcome::fail);
  EXPECT_EQ(b.mode(), Mode::metrics_only);
  EXPECT_EQ(b.snapshot().window, (WindowCounts{4, 4, 0}));
  b.machine.reset(b.now);
  EXPECT_EQ(b.mode(), Mode::closed);
  EXPECT_EQ(b.snapshot().window, WindowCounts{});
  b.expect_balance();
}

TEST(StateMachine, ResetInClosedStartsANewGeneration) {
  Bench b;
  Permit early = b.admit();
  b.machine.reset(b.now);
  EXPECT_EQ(b.machine.report(early, Outcome::fail, b.now), ReportResult::stale);
  EXPECT_EQ(b.snapshot().window, WindowCounts{});
  EXPECT_EQ(b.machine.take_events().size(), 1U);
}

TEST(StateMachine, SecondReportOfAPermitIsMisuseAndNothingElse) {  // S0-22
  Bench b;
  Permit permit = b.admit();
  b.machine.report(permit, Outcome::ok, b.now);
  EXPECT_EQ(b.machine.report(permit, Outcome::fail, b.now), ReportResult::already_reported);
  EXPECT_EQ(b.snapshot().window, (WindowCounts{1, 0, 0}));
  EXPECT_EQ(b.machine.metrics().misuse, 1U);
  b.expect_balance();
}

TEST(StateMachine, AbandonFollowsThePolicy) {
  for (const AbandonPolicy policy : {AbandonPolicy::fail, AbandonPolicy::ignored}) {
    Config config = small_config();
    config.abandoned = policy;
    Bench b(config);
    b.to_half_open();
    Permit probe = b.admit();
    b.machine.abandon(probe, b.now);
    b.machine.abandon(probe, b.now);
    EXPECT_EQ(b.snapshot().probes_in_flight, 0U) << "the permit is back under both policies";
    EXPECT_EQ(b.mode(), policy == AbandonPolicy::fail ? Mode::open : Mode::half_open);
    EXPECT_EQ(b.machine.metrics().abandoned, 1U);
    b.expect_balance();
  }
}

TEST(StateMachine, TimeThatRunsBackwardsIsReadAsTheLatestSeen) {
  Bench b;
  b.trip();
  const Time opened = b.now;
  b.now -= seconds(100);
  EXPECT_EQ(b.refuse().retry_after, Duration(seconds(1)));
  EXPECT_EQ(b.snapshot().opened_at, opened);
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

TEST(Config, ErrorsNameFieldValueAndRange) {
  const auto message_of = [](auto change) -> std::string {
    Config config;
    change(config);
    try {
      validate(config);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message_of([](Config&) {}), "accepted");
  EXPECT_EQ(message_of([](Config& c) { c.failure_percent = 101; }),
            "breaker config: failure_percent is 101, must be in [1, 100]");
  EXPECT_EQ(message_of([](Config& c) { c.probe_lease = milliseconds(0); }),
            "breaker config: probe_lease is 0 ms, must be in [1, 86400000] ms");
  EXPECT_EQ(message_of([](Config& c) { c.min_calls = 101; }),
            "breaker config: min_calls is 101, must be in [1, 100]");
  EXPECT_EQ(message_of([](Config& c) { c.probe_concurrency = 4; }),
            "breaker config: probe_concurrency is 4, must be in [1, 3]");
  EXPECT_EQ(message_of([](Config& c) { c.open_wait_base = milliseconds(300'001); }),
            "breaker config: open_wait_base is 300001 ms, must be in [1, 300000] ms");
  EXPECT_NE(message_of([](Config& c) { c.jitter_percent = 51; }), "accepted");
  EXPECT_NE(message_of([](Config& c) { c.open_wait_factor_percent = 99; }), "accepted");
  EXPECT_NE(message_of([](Config& c) {
              c.window_kind = WindowKind::time;
              c.window_time = milliseconds(5);
              c.window_buckets = 6;
            }),
            "accepted");
}

}  // namespace
}  // namespace breaker
