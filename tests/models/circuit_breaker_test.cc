// What CircuitBreaker adds to its machine: threads, tickets, events. No test relies on how long
// anything takes; where an open time must pass, the test waits for the fact, not for a duration.
#include "breaker/circuit_breaker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

namespace breaker {
namespace {

using std::chrono::milliseconds;

static_assert(!std::is_copy_constructible_v<Ticket> &&
              std::is_nothrow_move_constructible_v<Ticket>);

Config quick_config() {
  Config config;
  config.window_calls = 4;
  config.min_calls = 4;
  config.probe_successes = 1;
  config.probe_concurrency = 1;
  config.open_wait_base = milliseconds(1);
  config.open_wait_cap = milliseconds(1);
  config.jitter_seed = 1;
  return config;
}

Config patient_config() {
  Config config = quick_config();
  config.open_wait_base = config.open_wait_cap = std::chrono::hours(1);
  return config;
}

Ticket admit(CircuitBreaker& breaker) {
  auto admission = breaker.acquire();
  if (!std::holds_alternative<Ticket>(admission)) throw std::runtime_error("rejected");
  return std::move(std::get<Ticket>(admission));
}

void trip(CircuitBreaker& breaker) {
  for (int i = 0; i < 4; ++i) admit(breaker).fail();
}

TEST(CircuitBreaker, OpensAndRecovers) {
  CircuitBreaker breaker(quick_config());
  trip(breaker);
  for (;;) {  // ends: 1 ms after the trip a probe is admitted
    auto admission = breaker.acquire();
    if (auto* ticket = std::get_if<Ticket>(&admission)) {
      EXPECT_EQ(ticket->ok(), ReportResult::counted);
      break;
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(breaker.snapshot().mode, Mode::closed);
}

TEST(CircuitBreaker, RejectionSaysWhenToComeBack) {
  CircuitBreaker breaker(patient_config());
  trip(breaker);
  auto admission = breaker.acquire();
  const auto& rejected = std::get<Rejected>(admission);
  EXPECT_EQ(rejected.reason, RejectReason::open);
  EXPECT_GT(rejected.retry_after.value(), std::chrono::minutes(30));
}

TEST(CircuitBreaker, TicketCountsOnceHoweverItEnds) {
  Config config = quick_config();
  config.min_calls = config.window_calls = 100;
  CircuitBreaker breaker(config);
  {
    Ticket dropped = admit(breaker);
    Ticket moved = std::move(dropped);
    EXPECT_EQ(dropped.ok(), ReportResult::already_reported);  // NOLINT: moved-from on purpose
  }
  Ticket twice = admit(breaker);
  EXPECT_EQ(twice.ok(), ReportResult::counted);
  EXPECT_EQ(twice.fail(), ReportResult::already_reported);
  Ticket replaced = admit(breaker);
  replaced = admit(breaker);  // the first is abandoned
  replaced.ignored();
  const Metrics metrics = breaker.metrics();
  EXPECT_EQ(metrics.admitted, 4U);
  EXPECT_EQ(metrics.abandoned, 2U);
  EXPECT_EQ(metrics.fail, 2U);
  EXPECT_EQ(metrics.ok, 1U);
  EXPECT_EQ(metrics.ignored, 1U);
  EXPECT_EQ(metrics.misuse, 1U);
  EXPECT_EQ(metrics.in_flight, 0U);
}

TEST(CircuitBreaker, ExceptionOfACallReturnsItsPermit) {  // CB9, B-11
  CircuitBreaker breaker(patient_config());
  try {
    Ticket ticket = admit(breaker);
    throw std::runtime_error("the call failed");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(breaker.metrics().in_flight, 0U);
  EXPECT_EQ(breaker.metrics().fail, 1U);
}

TEST(CircuitBreaker, ListenerMayUseTheBreakerAndEventsStayInOrder) {  // CB9
  std::vector<Event> events;
  CircuitBreaker* self = nullptr;
  CircuitBreaker breaker(patient_config(), [&](const Event& event) {
    events.push_back(event);
    if (event.to == Mode::open) self->force_open();
    if (event.to == Mode::forced_open) self->reset();
    EXPECT_EQ(events.back(), event) << "a re-entrant event must wait for its turn";
  });
  self = &breaker;
  trip(breaker);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].to, Mode::open);
  EXPECT_EQ(events[1].to, Mode::forced_open);
  EXPECT_EQ(events[2].to, Mode::closed);
  EXPECT_EQ(breaker.snapshot().mode, Mode::closed);
}

TEST(CircuitBreaker, ListenerThatThrowsHarmsNobody) {  // CB9
  CircuitBreaker breaker(patient_config(), [](const Event&) { throw std::runtime_error("no"); });
  EXPECT_NO_THROW(trip(breaker));
  EXPECT_EQ(breaker.snapshot().mode, Mode::open);
  EXPECT_NO_THROW(breaker.reset());
  EXPECT_EQ(breaker.metrics().listener_errors, 2U);
}

TEST(CircuitBreaker, CountsBalanceUnderThreadsAndEventsAreOrdered) {  // CB2, CB8, S0-20
  std::atomic<bool> in_listener{false};
  std::vector<Event> events;  // only the one delivering thread touches it
  Config config = quick_config();
  config.probe_successes = config.probe_concurrency = 2;
  CircuitBreaker breaker(config, [&](const Event& event) {
    EXPECT_FALSE(in_listener.exchange(true)) << "two threads deliver at once";
    events.push_back(event);
    in_listener = false;
  });
  std::atomic<std::uint64_t> attempts{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned i = 0; i < 5000; ++i) {
        ++attempts;
        auto admission = breaker.acquire();
        if (auto* ticket = std::get_if<Ticket>(&admission)) {
          const unsigned kind = (i * 7 + t) % 5;
          if (kind < 4) ticket->report(static_cast<Outcome>(kind));
        } else if (i % 64 == 0) {
          std::this_thread::sleep_for(milliseconds(1));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const Metrics m = breaker.metrics();
  EXPECT_EQ(m.in_flight, 0U);
  EXPECT_EQ(m.admitted + m.rejected, attempts.load());
  EXPECT_EQ(m.admitted, m.ok + m.fail + m.slow + m.ignored + m.stale);
  ASSERT_EQ(events.size(), m.transitions);
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].generation, i + 2) << "one generation an event, none lost or swapped";
    EXPECT_EQ(events[i].from, i == 0 ? Mode::closed : events[i - 1].to);
  }
}

}  // namespace
}  // namespace breaker
