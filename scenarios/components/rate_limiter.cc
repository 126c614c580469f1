// The rate limiter at its smallest.

#include "rate_limiter/rate_limiter.h"

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "rate_limiter/adaptive_limit.h"

namespace {

using namespace std::chrono_literals;
using namespace rate_limiter;

/// One permit a second for everyone, two a minute for each user.
Config two_scopes() {
  Config config;
  config.limits[static_cast<std::size_t>(Scope::global)] = Limit{Algorithm::token_bucket, 1, 1s, 1};
  config.limits[static_cast<std::size_t>(Scope::user)] = Limit{Algorithm::sliding_log, 2, 60s, 1};
  return config;
}

}  // namespace

FORESEED_SCENARIO(rate_limiter_scopes,
                  "two callers, two scopes: a refusal burns no permit of the other scope (holds)") {
  RateLimiter limiter(two_scopes());
  const Request request{"u", "", "", 1};
  std::atomic<int> admitted{0};
  const auto call = [&] {
    if (!limiter.try_acquire(request)) ++admitted;
  };
  std::thread a(call), b(call);
  a.join();
  b.join();
  FORESEED_CHECK(admitted == 1);
  std::this_thread::sleep_for(1s);
  FORESEED_CHECK(!limiter.try_acquire(request));
  std::this_thread::sleep_for(1s);
  const auto rejected = limiter.try_acquire(request);
  FORESEED_CHECK(rejected && rejected->scope == Scope::user);
}

FORESEED_SCENARIO(rate_limiter_wait, "waiters get their turn in order, one is cancelled, nobody is forgotten (holds)") {
  Config config;
  config.limits[static_cast<std::size_t>(Scope::global)] = Limit{Algorithm::token_bucket, 1, 1s, 1};
  RateLimiter limiter(config);
  const auto start = common::mono_now();
  FORESEED_CHECK(!limiter.try_acquire({}));
  std::stop_source stop;
  std::optional<Rejected> stopped, waited;
  std::thread first([&] { stopped = limiter.acquire({}, start + 10s, stop.get_token()); });
  std::thread second([&] { waited = limiter.acquire({}, start + 10s); });
  stop.request_stop();
  first.join();
  second.join();
  const auto took = common::mono_now() - start;
  FORESEED_CHECK(!waited);
  FORESEED_CHECK(took >= 1s && took <= 2s);
  // Whoever was admitted counts, who was cancelled does not: one permit a second, exactly.
  const int admitted = 2 + (stopped ? 0 : 1);
  FORESEED_CHECK(!stopped || stopped->error == common::Error::cancelled);
  const auto next = limiter.reserve({}, 10s);
  const auto ready = std::get<Reservation>(next).ready_at();
  FORESEED_CHECK((ready ? *ready : common::mono_now()) == start + admitted * 1s);
}

FORESEED_SCENARIO(adaptive_limiter, "permits in flight never exceed the limit and all come back (holds)") {
  AdaptiveConfig config;
  config.limit_initial = config.limit_min = 1;
  config.limit_max = 2;
  AdaptiveLimiter limiter(config);
  std::atomic<int> running{0};
  const auto call = [&] {
    auto result = limiter.try_acquire();
    if (auto* permit = std::get_if<AdaptiveLimiter::Permit>(&result)) {
      FORESEED_CHECK(++running <= 2);
      std::this_thread::sleep_for(1ms);
      --running;
      permit->success();
    }
  };
  std::thread a(call), b(call), c(call);
  a.join();
  b.join();
  c.join();
  FORESEED_CHECK(limiter.in_flight() == 0);
  FORESEED_CHECK(limiter.limit() == 2);
}
