// The retry budget at its smallest: callers that back off together, one of them stopped.

#include "retry/retry.h"

#include <foreseed/scenario.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace retry;
using common::mono_now;

}  // namespace

FORESEED_SCENARIO(retry_budget,
                  "three callers fail together: retries never exceed the budget, unused leave returns (holds)") {
  BudgetConfig config;
  config.percent = 0;
  config.floor = 1;
  RetryBudget budget(config);
  Policy policy;
  policy.backoff = {1s, 1s, 200, Jitter::full};
  Retrier retrier(policy, budget, foreseed::choose(1'000));
  std::atomic<int> attempts{0};
  std::stop_source stop;
  const auto call = [&] {
    const auto start = mono_now();
    const auto fail = [&](MonoTime) -> std::variant<int, Error> {
      FORESEED_CHECK(mono_now() - start < 300ms);  // then everyone is stopped
      return ++attempts, Error::unavailable;
    };
    const auto result = retrier.run(fail, Repeatable::idempotent, start + 10s, stop.get_token());
    const Error error = std::get<Error>(result);
    FORESEED_CHECK(error == Error::unavailable || error == Error::cancelled);
    FORESEED_CHECK(mono_now() - start <= 10s);
  };
  std::thread a(call), b(call), c(call);
  std::this_thread::sleep_for(300ms);
  stop.request_stop();
  a.join();
  b.join();
  c.join();
  FORESEED_CHECK(attempts == 3 || attempts == 4);
  FORESEED_CHECK(budget.reserve().has_value() == (attempts == 3));
}

FORESEED_SCENARIO(retry_delays, "every delay is between nothing and the cap, and grows up to it, however many retries (holds)") {
  BackoffConfig config;
  config.base = 100ms;
  config.cap = 30s;
  config.factor_percent = 100 + foreseed::choose(10) * 100;
  config.jitter = static_cast<Jitter>(foreseed::choose(3));
  Duration before{0};
  for (const std::uint32_t k : {0U, 1U, 5U, 62U, 64U, 200U, 1024U, 4'000'000'000U}) {
    const Duration most = ceiling(config, k);
    FORESEED_CHECK(most >= before && most >= config.base && most <= config.cap);
    before = most;
    for (const std::uint64_t draw : {std::uint64_t{0}, std::uint64_t{foreseed::choose(1ULL << 32)} << 20, ~std::uint64_t{0}}) {
      FORESEED_CHECK(delay(config, k, draw) >= 0s && delay(config, k, draw) <= most);
    }
  }
  FORESEED_CHECK(config.factor_percent == 100 || before == config.cap);
}

FORESEED_SCENARIO(retry_window, "retries sent and promised never exceed their share of the requests of the last seconds (holds)") {
  BudgetConfig config;
  config.window = 10s;
  config.slices = 5;
  config.percent = 50;
  config.floor = 1;
  RetryBudget budget(config);
  std::deque<common::MonoTime> requests, retries;
  std::deque<RetryBudget::Reservation> promised;
  auto last = mono_now() - 1h;
  const auto within = [&](std::deque<common::MonoTime>& times) {
    while (!times.empty() && times.front() + config.window <= mono_now()) times.pop_front();
    return times.size();
  };
  for (int i = 0; i < 40; ++i) {
    switch (foreseed::choose(6)) {
      case 0: std::this_thread::sleep_for(std::chrono::milliseconds(foreseed::choose(6'000))); break;
      case 1:
        if (promised.empty()) break;
        promised.front().spend();
        promised.pop_front();
        retries.push_back(last = mono_now());
        break;
      case 2:
        if (!promised.empty()) promised.pop_front();
        break;
      case 3:
        budget.request();
        requests.push_back(last = mono_now());
        break;
      default: {
        auto granted = budget.reserve();
        const std::size_t allowed = std::max<std::size_t>(1, within(requests) / 2);
        const std::size_t taken = within(retries) + promised.size();
        FORESEED_CHECK(!granted || taken < allowed);
        // Slices are counted whole: it may be stricter only for as long as one is on its way out.
        if (mono_now() - last >= config.window + config.window / config.slices) FORESEED_CHECK(granted.has_value() == (taken < allowed));
        if (granted) promised.push_back(std::move(*granted));
      }
    }
  }
  // Long healthy service is no credit: with nothing recent, the floor.
  for (int i = 0; i < 1'000; ++i) budget.request();
  promised.clear();
  std::this_thread::sleep_for(13s);
  auto floor = budget.reserve();
  FORESEED_CHECK(floor && !budget.reserve());
}

FORESEED_SCENARIO(retry_rules, "no retry of what must not be repeated, of an open circuit, after the deadline, beyond the attempts (holds)") {
  BudgetConfig plenty;
  plenty.floor = 1'000;
  RetryBudget budget(plenty);
  Policy policy;
  policy.backoff = {1s, 1s, 200, Jitter::none};
  policy.attempts_max = 4;
  Retrier retrier(policy, budget, 1);
  const auto attempts = [&](Error error, Repeatable repeatable, Duration time) {
    const auto start = mono_now();
    int made = 0;
    const auto fail = [&](MonoTime deadline) -> std::variant<int, Error> {
      FORESEED_CHECK(mono_now() < start + time && deadline == start + time);
      ++made;
      std::this_thread::sleep_for(100ms);
      return error;
    };
    FORESEED_CHECK(std::get<Error>(retrier.run(fail, repeatable, start + time)) == error);
    FORESEED_CHECK(mono_now() <= start + time);
    return made;
  };
  FORESEED_CHECK(attempts(Error::unavailable, Repeatable::idempotent, 60s) == 4);
  FORESEED_CHECK(attempts(Error::unavailable, Repeatable::no, 60s) == 1);
  FORESEED_CHECK(attempts(Error::circuit_open, Repeatable::idempotent, 60s) == 1);
  FORESEED_CHECK(attempts(Error::forbidden, Repeatable::idempotent, 60s) == 1);
  FORESEED_CHECK(attempts(Error::unavailable, Repeatable::by_idempotency_key, 1250ms) == 2);
  FORESEED_CHECK(attempts(Error::unavailable, Repeatable::idempotent, 1100ms) == 1);
}

FORESEED_SCENARIO(retry_layers, "layers that share a budget retry as often together as one would (holds)") {
  BudgetConfig config;
  config.percent = 100;
  config.floor = 0;
  RetryBudget budget(config);
  Policy policy;
  policy.backoff = {1ms, 1ms, 100, Jitter::none};
  Retrier outer(policy, budget, 1);
  policy.outermost = false;
  Retrier inner(policy, budget, 2);
  std::atomic<int> attempts{0};
  const auto request = [&] {
    const auto deadline = mono_now() + 1s;
    const auto fail = [&](MonoTime) -> std::variant<int, Error> { return ++attempts, Error::unavailable; };
    const auto result = outer.run([&](MonoTime until) { return inner.run(fail, Repeatable::idempotent, until); },
                                  Repeatable::idempotent, deadline);
    FORESEED_CHECK(std::holds_alternative<Error>(result));
  };
  std::thread other(request);
  request();
  other.join();
  FORESEED_CHECK(attempts <= 4);  // two requests, and a retry for each
}
