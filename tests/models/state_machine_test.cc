// The breaker's sequential machine: every transition of the specification (CB1 to CB6, CB8). Time
// is an argument, so nothing here waits.
#include "breaker/state_machine.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "breaker_bench.h"

namespace breaker {
namespace {

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

TEST(StateMachine, ClosedOpensAtTheSlowShareByDuration) {  // S3-07
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

TEST(StateMachine, ReportsWhileOpenDoNotMoveOpenedAt) {  // CB5, CB6, S1-26
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

TEST(StateMachine, FailedOrSlowProbeOpensWithALongerWait) {  // S3-07
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
  EXPECT_EQ(b.snapshot().probes_in_flight, 0U) << "the next era starts with every place free";
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

}  // namespace
}  // namespace breaker
