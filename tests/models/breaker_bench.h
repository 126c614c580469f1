// A breaker's sequential machine on a bench: small numbers, and a clock that tests turn by hand.
#pragma once

#include <gtest/gtest.h>

#include <utility>

#include "breaker/state_machine.h"

namespace breaker {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline Config small_config() {
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

}  // namespace breaker
