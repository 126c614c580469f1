// Each kind of rate limiter, small enough that `explore` runs every interleaving (docs/explored.md).

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <stop_token>
#include <thread>

#include "rate_limiter/adaptive_limit.h"
#include "rate_limiter/rate_limiter.h"
#include "shared_limiter/shared_limiter.h"
#include "together.h"

namespace {

using namespace std::chrono_literals;
using namespace rate_limiter;
using common::mono_now;
using smallest::together;

Config one_a_second(Algorithm algorithm) {
  Config config;
  config.limits[static_cast<std::size_t>(Scope::global)] = Limit{algorithm, 1, 1s, 1};
  return config;
}

/// One permit: two try at once, a third reserves and cancels. One of them has it, the first who came; afterwards the limiter
/// is as if nobody else had been there: it says when it admits next, keeps that to the nanosecond, and then admits one.
void one_permit(Algorithm algorithm) {
  std::this_thread::sleep_until(common::MonoTime(1000s));  // a window's beginning
  RateLimiter limiter(one_a_second(algorithm));
  std::atomic<int> had{0};
  const auto attempt = [&] { had += !limiter.try_acquire({}); };
  const auto change_mind = [&] {
    auto turn = limiter.reserve({}, 10s);
    FORESEED_CHECK(std::holds_alternative<Reservation>(turn));
    had += !std::get<Reservation>(turn).cancel();  // a turn that has come cannot be given back
  };
  together(attempt, attempt, change_mind);
  FORESEED_CHECK(had == 1);
  const auto refused = limiter.try_acquire({});
  FORESEED_CHECK(refused && refused->retry_after && *refused->retry_after >= 1s && *refused->retry_after <= 2s);
  std::this_thread::sleep_for(*refused->retry_after - 1ns);
  FORESEED_CHECK(limiter.try_acquire({}).has_value());
  std::this_thread::sleep_for(1ns);
  FORESEED_CHECK(!limiter.try_acquire({}) && limiter.try_acquire({}));
}

}  // namespace

// RL1, RL5, RL6, RL7, RL9; S3-09, S3-11
FORESEED_SCENARIO(smallest_token_bucket, "one permit, two who try, one who reserves and cancels (holds)") { one_permit(Algorithm::token_bucket); }
FORESEED_SCENARIO(smallest_gcra, "one permit, two who try, one who reserves and cancels (holds)") { one_permit(Algorithm::gcra); }
FORESEED_SCENARIO(smallest_leaky_queue, "one permit, two who try, one who reserves and cancels (holds)") { one_permit(Algorithm::leaky_queue); }
FORESEED_SCENARIO(smallest_fixed_window, "one permit, two who try, one who reserves and cancels (holds)") { one_permit(Algorithm::fixed_window); }
FORESEED_SCENARIO(smallest_sliding_log, "one permit, two who try, one who reserves and cancels (holds)") { one_permit(Algorithm::sliding_log); }
FORESEED_SCENARIO(smallest_sliding_counter, "one permit, two who try, one who reserves and cancels (holds)") { one_permit(Algorithm::sliding_counter); }

// RL9; S0-47: stopped at every point of the wait
FORESEED_SCENARIO(smallest_limiter_wait, "one waits for its turn and is stopped: its place is free, or it was admitted (holds)") {
  RateLimiter limiter(one_a_second(Algorithm::token_bucket));
  const auto start = mono_now();
  FORESEED_CHECK(!limiter.try_acquire({}));
  std::stop_source stop;
  std::optional<Rejected> stopped;
  together([&] { stopped = limiter.acquire({}, start + 10s, stop.get_token()); }, [&] { stop.request_stop(); });
  FORESEED_CHECK(stopped && stopped->error == common::Error::cancelled && mono_now() == start);
  const auto next = limiter.reserve({}, 10s);
  FORESEED_CHECK(std::get<Reservation>(next).ready_at() == start + 1s);
}

// RL8; S3-16
FORESEED_SCENARIO(smallest_scopes, "two users at once, one permit for all and one for each: the refused user keeps his (holds)") {
  Config config = one_a_second(Algorithm::token_bucket);
  config.limits[static_cast<std::size_t>(Scope::user)] = Limit{Algorithm::sliding_log, 1, 60s, 1};
  RateLimiter limiter(config);
  std::optional<Rejected> one, two;
  together([&] { one = limiter.try_acquire({"one", "", "", 1}); }, [&] { two = limiter.try_acquire({"two", "", "", 1}); });
  FORESEED_CHECK(one.has_value() != two.has_value());
  const auto& refused = one ? one : two;
  FORESEED_CHECK(refused->scope == Scope::global && refused->retry_after == 1s);
  std::this_thread::sleep_for(1s);
  FORESEED_CHECK(!limiter.try_acquire({one ? "one" : "two", "", "", 1}));
}

// RL11
FORESEED_SCENARIO(smallest_adaptive, "three callers of a limit that begins at one and may grow to two (holds)") {
  AdaptiveConfig config;
  config.limit_initial = config.limit_min = 1;
  config.limit_max = 2;
  AdaptiveLimiter limiter(config);
  std::atomic<int> running{0}, refused{0};
  const auto call = [&] {
    auto result = limiter.try_acquire();
    auto* permit = std::get_if<AdaptiveLimiter::Permit>(&result);
    if (permit == nullptr) {
      ++refused;
      return;
    }
    FORESEED_CHECK(++running == 1);  // nobody's time passes, so nothing is learned and the limit stays
    --running;
    permit->success();
  };
  together(call, call, call);
  FORESEED_CHECK(refused <= 2 && limiter.in_flight() == 0 && limiter.limit() == 1);
}

// RL1, RL12; S3-10: between the read and the write of one process another has written
FORESEED_SCENARIO(smallest_shared_limiter, "two processes, one with two threads, two permits over a store: two are admitted (holds)") {
  store::MemoryStore store;
  shared_limiter::SharedLimitConfig config;
  config.limit = Limit{Algorithm::gcra, 1, 1s, 2};
  shared_limiter::SharedLimiter here(config, store), there(config, store);
  std::atomic<int> had{0};
  together([&] { had += !here.try_acquire("k"); }, [&] { had += !here.try_acquire("k"); }, [&] { had += !there.try_acquire("k"); });
  FORESEED_CHECK(had == 2);
  const auto refused = there.try_acquire("k");
  FORESEED_CHECK(refused && refused->error == common::Error::rate_limited && refused->retry_after == 1s);
}
