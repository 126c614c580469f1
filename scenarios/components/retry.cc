// The retry budget at its smallest: callers that back off together, one of them stopped.

#include "retry/retry.h"

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <thread>

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
  Retrier retrier(policy, budget, 1);
  std::atomic<int> attempts{0};
  std::stop_source stop;
  const auto call = [&] {
    const auto start = mono_now();
    const auto fail = [&](MonoTime) -> std::variant<int, Error> { return ++attempts, Error::unavailable; };
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
