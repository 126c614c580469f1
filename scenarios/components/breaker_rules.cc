// What a circuit breaker owes its callers, rule by rule: each scenario is the smallest in which one of its rules shows.

#include <foreseed/scenario.h>
#include <foreseed/world.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "breaker/circuit_breaker.h"

namespace {

using namespace std::chrono_literals;
using breaker::CircuitBreaker;
using breaker::Mode;
using breaker::Ticket;

/// Two failures of two open it for 10 s; two successes of one probe at a time close it.
breaker::Config small() {
  breaker::Config config;
  config.window_calls = config.min_calls = 2;
  config.failure_percent = 100;
  config.probe_successes = 2;
  config.probe_concurrency = 1;
  config.probe_lease = 5s;
  config.half_open_max = 20s;
  config.open_wait_base = config.open_wait_cap = 10s;
  config.jitter_percent = 0;
  config.jitter_seed = 1;
  return config;
}

std::optional<Ticket> admitted(CircuitBreaker& breaker) {
  auto admission = breaker.acquire();
  if (auto* ticket = std::get_if<Ticket>(&admission)) return std::move(*ticket);
  return std::nullopt;
}

Ticket call(CircuitBreaker& breaker) {
  auto ticket = admitted(breaker);
  const bool is_admitted = ticket.has_value();
  FORESEED_CHECK(is_admitted);
  return std::move(*ticket);
}

Mode mode(const CircuitBreaker& breaker) { return breaker.snapshot().mode; }

void open(CircuitBreaker& breaker) {
  call(breaker).fail();
  call(breaker).fail();
  FORESEED_CHECK(mode(breaker) == Mode::open);
}

void wait_for_half_open(CircuitBreaker& breaker, std::chrono::nanoseconds wait = 10s) {
  std::this_thread::sleep_for(wait);
  breaker.tick();
  FORESEED_CHECK(mode(breaker) == Mode::half_open);
}

void balanced(const CircuitBreaker& breaker) {
  const auto m = breaker.metrics();
  FORESEED_CHECK(m.admitted == m.ok + m.fail + m.slow + m.ignored + m.stale + m.in_flight);
}

}  // namespace

FORESEED_SCENARIO(breaker_open_time, "it stays open for exactly its time, says so, and failures meanwhile do not prolong it (holds)") {
  CircuitBreaker breaker(small());
  auto late = call(breaker);
  auto later = call(breaker);
  open(breaker);
  std::this_thread::sleep_for(9s);
  late.fail();
  later.ok();
  FORESEED_CHECK(mode(breaker) == Mode::open);
  const auto refused = std::get<breaker::Rejected>(breaker.acquire());
  FORESEED_CHECK(refused.retry_after == 1s);
  std::this_thread::sleep_for(1s - 1ns);
  FORESEED_CHECK(!admitted(breaker));
  std::this_thread::sleep_for(1ns);
  FORESEED_CHECK(admitted(breaker).has_value());
  balanced(breaker);
}

FORESEED_SCENARIO(breaker_overhang, "calls of the closed era that end in half-open or closed change nothing but a counter (holds)") {
  CircuitBreaker breaker(small());
  std::vector<Ticket> old;
  for (int i = 0; i < 4; ++i) old.push_back(call(breaker));
  open(breaker);
  wait_for_half_open(breaker);
  auto probe = call(breaker);
  std::atomic<int> started{0};
  std::thread ignored([&] { ++started; old[0].ignored(); });
  std::thread good([&] { ++started; old[1].ok(); });
  std::thread bad([&] { ++started; old[2].fail(); });
  ignored.join();
  good.join();
  bad.join();
  FORESEED_CHECK(mode(breaker) == Mode::half_open);
  FORESEED_CHECK(!admitted(breaker));  // the one probe is still out
  probe.ok();
  FORESEED_CHECK(mode(breaker) == Mode::half_open);
  call(breaker).ok();
  FORESEED_CHECK(mode(breaker) == Mode::closed);
  old[3].fail();
  FORESEED_CHECK(breaker.snapshot().window.calls == 0 && breaker.metrics().stale == 4);
  balanced(breaker);
}

FORESEED_SCENARIO(breaker_probe_outcomes, "a probe that is ignored or abandoned gives its permit back; one bad probe opens (holds)") {
  breaker::Config config = small();
  config.abandoned = breaker::AbandonPolicy::ignored;
  CircuitBreaker breaker(config);
  open(breaker);
  wait_for_half_open(breaker);
  call(breaker).ok();
  call(breaker).ignored();
  { const auto abandoned = call(breaker); }
  FORESEED_CHECK(breaker.snapshot().probes_in_flight == 0 && breaker.metrics().in_flight == 0);
  const std::uint32_t bad = foreseed::choose(2);
  auto probe = call(breaker);
  bad == 0 ? probe.fail() : probe.slow();
  FORESEED_CHECK(mode(breaker) == Mode::open && breaker.snapshot().reopens == 1);
  wait_for_half_open(breaker);
  // What the last era collected does not count in this one.
  call(breaker).ok();
  FORESEED_CHECK(mode(breaker) == Mode::half_open);
  call(breaker).ok();
  FORESEED_CHECK(mode(breaker) == Mode::closed);
  balanced(breaker);
}

FORESEED_SCENARIO(breaker_lost_probe, "a probe that never comes back counts as failed after its lease; an idle era ends too (holds)") {
  CircuitBreaker breaker(small());
  open(breaker);
  wait_for_half_open(breaker);
  auto lost = call(breaker);
  std::this_thread::sleep_for(5s);
  breaker.tick();
  FORESEED_CHECK(mode(breaker) == Mode::open && breaker.metrics().lease_expired == 1);
  wait_for_half_open(breaker);
  lost.ok();
  FORESEED_CHECK(breaker.snapshot().probe_successes == 0 && breaker.metrics().stale == 1);
  std::this_thread::sleep_for(20s);
  breaker.tick();
  FORESEED_CHECK(mode(breaker) == Mode::open);
  wait_for_half_open(breaker);
  call(breaker).ok();
  call(breaker).ok();
  FORESEED_CHECK(mode(breaker) == Mode::closed);
}

FORESEED_SCENARIO(breaker_probe_grants, "two probes at once, never more than are still needed (holds)") {
  breaker::Config config = small();
  config.probe_concurrency = 2;
  CircuitBreaker breaker(config);
  open(breaker);
  std::this_thread::sleep_for(10s);
  std::atomic<int> probing{0}, granted{0};
  const auto probe = [&] {
    auto ticket = admitted(breaker);
    if (!ticket) return;
    FORESEED_CHECK(++probing <= 2 && ++granted <= 2);
    std::this_thread::sleep_for(1s);
    --probing;
    FORESEED_CHECK(mode(breaker) != Mode::closed);  // both are needed, and this one has not ended
    ticket->ok();
  };
  std::thread a(probe), b(probe), c(probe);
  a.join();
  b.join();
  c.join();
  FORESEED_CHECK(granted == 2 && mode(breaker) == Mode::closed);
  open(breaker);
  wait_for_half_open(breaker);
  auto one = call(breaker);
  call(breaker).ok();
  FORESEED_CHECK(!admitted(breaker));  // the one that is out may be the last that is needed
  one.ok();
  FORESEED_CHECK(mode(breaker) == Mode::closed);
}

FORESEED_SCENARIO(breaker_window, "the share in the window decides, at the threshold, over the last calls or the last seconds (holds)") {
  breaker::Config config = small();
  config.window_calls = config.min_calls = 4;
  config.failure_percent = 50;
  CircuitBreaker half(config);
  for (int i = 0; i < 3; ++i) i % 2 == 0 ? call(half).ok() : call(half).fail();
  FORESEED_CHECK(mode(half) == Mode::closed);
  call(half).fail();
  FORESEED_CHECK(mode(half) == Mode::open);

  config.failure_percent = 75;
  CircuitBreaker last_calls(config);
  for (int i = 0; i < 6; ++i) i < 2 ? call(last_calls).fail() : call(last_calls).ok();
  for (int i = 0; i < 2; ++i) call(last_calls).fail();
  FORESEED_CHECK(last_calls.snapshot().window == (breaker::WindowCounts{4, 2, 0}) && mode(last_calls) == Mode::closed);
  call(last_calls).fail();
  FORESEED_CHECK(mode(last_calls) == Mode::open);

  config.window_kind = breaker::WindowKind::time;
  config.window_time = 10s;
  config.window_buckets = 10;
  CircuitBreaker last_seconds(config);
  for (int i = 0; i < 3; ++i) call(last_seconds).fail();
  std::this_thread::sleep_for(10s);
  call(last_seconds).fail();
  FORESEED_CHECK(last_seconds.snapshot().window == (breaker::WindowCounts{1, 1, 0}) && mode(last_seconds) == Mode::closed);
  for (int i = 0; i < 3; ++i) call(last_seconds).fail();
  FORESEED_CHECK(mode(last_seconds) == Mode::open);
}

FORESEED_SCENARIO(breaker_backoff, "the open time doubles with each failed era up to its cap and begins anew after a close (holds)") {
  breaker::Config config = small();
  config.open_wait_base = 1s;
  config.open_wait_cap = 4s;
  CircuitBreaker breaker(config);
  open(breaker);
  for (const auto wait : {1s, 2s, 4s, 4s}) {
    FORESEED_CHECK(breaker.snapshot().open_wait == wait);
    wait_for_half_open(breaker, wait);
    call(breaker).fail();
  }
  wait_for_half_open(breaker, 4s);
  call(breaker).ok();
  call(breaker).ok();
  FORESEED_CHECK(mode(breaker) == Mode::closed);
  // A fresh window too: one failure is not yet two of two.
  call(breaker).fail();
  FORESEED_CHECK(mode(breaker) == Mode::closed);
  call(breaker).fail();
  FORESEED_CHECK(breaker.snapshot().open_wait == 1s);
}

FORESEED_SCENARIO(breaker_listener, "a listener may use the breaker and may throw; nobody is stuck and events stay in order (holds)") {
  CircuitBreaker* self = nullptr;
  std::atomic<int> events{0};
  CircuitBreaker breaker(small(), [&](const breaker::Event& event) {
    FORESEED_CHECK(self->snapshot().generation >= event.generation);
    if (++events == 1) throw 1;
  });
  self = &breaker;
  const auto fail = [&] {
    if (auto ticket = admitted(breaker)) ticket->fail();
  };
  std::thread a(fail), b(fail);
  a.join();
  b.join();
  breaker.reset();
  FORESEED_CHECK(events == 2 && breaker.metrics().listener_errors == 1);
}

FORESEED_SCENARIO(breaker_snapshot, "who looks sees mode, generation and open time of one instant, and counters that add up (holds)") {
  CircuitBreaker breaker(small());
  std::thread looking([&] {
    for (int i = 0; i < 3; ++i) {
      const auto s = breaker.snapshot();
      FORESEED_CHECK((s.mode == Mode::open) == (s.generation == 2));
      FORESEED_CHECK((s.mode == Mode::open) == s.opened_at.has_value() && (s.mode == Mode::open) == (s.open_wait == 10s));
      balanced(breaker);
    }
  });
  std::thread failing([&] { call(breaker).fail(); });
  auto ticket = call(breaker);
  FORESEED_CHECK(ticket.fail() == breaker::ReportResult::counted);
  FORESEED_CHECK(ticket.fail() == breaker::ReportResult::already_reported);
  failing.join();
  looking.join();
  FORESEED_CHECK(mode(breaker) == Mode::open && breaker.metrics().fail == 2 && breaker.metrics().misuse == 1);
}

FORESEED_SCENARIO(breaker_events, "one listener at a time, every event, in order, whoever causes them (holds)") {
  std::atomic<std::uint64_t> last{1};
  std::atomic<int> listening{0};
  CircuitBreaker breaker(small(), [&](const breaker::Event& event) {
    FORESEED_CHECK(++listening == 1);
    FORESEED_CHECK(event.generation == last + 1);
    last = event.generation;
    --listening;
  });
  std::thread forcing([&] { breaker.force_open(); });
  std::thread resetting([&] { breaker.reset(); });
  forcing.join();
  resetting.join();
  FORESEED_CHECK(last == 3);
}

// S3-07, CB1, CB8
FORESEED_SCENARIO(breaker_reasons, "each change says why, and what is counted is what happened (holds)") {
  using breaker::Outcome;
  using breaker::Reason;
  breaker::Config config = small();
  config.slow_percent = 100;
  const breaker::Time start{};
  breaker::StateMachine machine(config, 1, start);
  std::vector<Reason> reasons;
  std::uint64_t rejected = 0;
  const auto call = [&](Outcome outcome, std::chrono::seconds at) {
    auto admission = machine.acquire(start + at);
    auto* permit = std::get_if<breaker::Permit>(&admission);
    if (permit != nullptr) machine.report(*permit, outcome, start + at);
    rejected += permit == nullptr;
    for (const breaker::Event& event : machine.take_events()) reasons.push_back(event.reason);
  };
  for (int i = 0; i < 3; ++i) call(Outcome::fail, 0s);
  call(Outcome::fail, 10s);
  call(Outcome::slow, 20s);
  const auto lost = machine.acquire(start + 30s);
  FORESEED_CHECK(std::holds_alternative<breaker::Permit>(lost));
  call(Outcome::ok, 31s);
  machine.tick(start + 35s);
  machine.tick(start + 45s);
  machine.tick(start + 65s);
  for (int i = 0; i < 2; ++i) call(Outcome::ok, 75s);
  for (int i = 0; i < 3; ++i) call(Outcome::slow, 75s);
  FORESEED_CHECK((reasons == std::vector{Reason::failure_rate, Reason::wait_elapsed, Reason::probe_failed, Reason::wait_elapsed, Reason::probe_slow,
                                         Reason::wait_elapsed, Reason::probe_lease_expired, Reason::wait_elapsed, Reason::half_open_timeout,
                                         Reason::wait_elapsed, Reason::probes_succeeded, Reason::slow_rate}));
  const breaker::Metrics m = machine.metrics();
  FORESEED_CHECK(m.transitions == reasons.size() && m.lease_expired == 1 && m.rejected == rejected && rejected == 3);
  FORESEED_CHECK(m.fail == 3 && m.slow == 3 && m.ok == 2 && m.in_flight == 1 && m.admitted == 9);
}

// CB11, R-05
FORESEED_SCENARIO(breaker_wall_clock, "the wall clock is set while it is open: it is open for as long as it said (holds)") {
  foreseed::Host host("caller", [] {
    CircuitBreaker breaker(small());
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 2; ++i) std::get<Ticket>(breaker.acquire()).fail();
    std::this_thread::sleep_until(start + 10s - 1ns);
    FORESEED_CHECK(!std::holds_alternative<Ticket>(breaker.acquire()));
    std::this_thread::sleep_until(start + 10s);
    FORESEED_CHECK(std::holds_alternative<Ticket>(breaker.acquire()));
  });
  const auto by = foreseed::choose(2) == 0 ? 1h : -1h;
  for (const auto step : {by, -2 * by}) {
    std::this_thread::sleep_for(3s);
    host.step_clock(step);
  }
  host.join();
}
