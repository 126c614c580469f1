// The rate limiter against what its algorithms mean, written apart from it: decided anew from the list of all that was
// admitted. And its turns: deadlines, cancellation, the adaptive rules.

#include <foreseed/scenario.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "rate_limiter/adaptive_limit.h"
#include "rate_limiter/rate_limiter.h"

namespace {

using namespace std::chrono_literals;
using namespace rate_limiter;

struct Admitted {
  std::int64_t at;  // ns
  std::int64_t n;
};

/// Whether n more permits at t keep the limit, by its definition over all that was admitted. Times are small here.
bool keeps(const Limit& limit, const std::vector<Admitted>& log, std::int64_t t, std::int64_t n) {
  const auto permits = static_cast<std::int64_t>(limit.permits), burst = static_cast<std::int64_t>(limit.burst);
  const std::int64_t per = limit.per.count();
  const auto sum = [&](std::int64_t from, std::int64_t to) {
    std::int64_t total = 0;
    for (const Admitted& a : log) {
      if (a.at >= from && a.at < to) total += a.n;
    }
    return total;
  };
  const std::int64_t window = t / per * per;
  switch (limit.algorithm) {
    case Algorithm::token_bucket:
    case Algorithm::gcra: {
      // In no interval more than a burst and what its length is worth.
      std::int64_t since = n;
      if (n > burst) return false;
      for (auto a = log.rbegin(); a != log.rend(); ++a) {
        since += a->n;
        if ((since - burst) * per > permits * (t - a->at)) return false;
      }
      return true;
    }
    case Algorithm::leaky_queue:
      return std::all_of(log.begin(), log.end(), [&](const Admitted& a) { return (t - a.at) * permits >= a.n * per; });
    case Algorithm::fixed_window:
      return sum(window, window + per) + n <= permits;
    case Algorithm::sliding_log:
      return sum(t - per + 1, t + 1) + n <= permits;
    case Algorithm::sliding_counter:
      return (sum(window, window + per) + n) * per + sum(window - per, window) * (per - (t - window)) <= permits * per;
  }
  return false;
}

Config global(const Limit& limit) {
  Config config;
  config.limits[static_cast<std::size_t>(Scope::global)] = limit;
  return config;
}

common::MonoTime instant(std::int64_t ns) { return common::MonoTime(common::Duration(ns)); }

}  // namespace

FORESEED_SCENARIO(rate_limiter_meaning,
                  "each algorithm admits exactly what its definition admits, and says exactly when it will (holds)") {
  const Algorithm algorithms[] = {Algorithm::token_bucket, Algorithm::gcra, Algorithm::leaky_queue,
                                  Algorithm::fixed_window, Algorithm::sliding_log, Algorithm::sliding_counter};
  const Limit limit{algorithms[foreseed::choose(6)], 1 + foreseed::choose(4), 10us, 1 + foreseed::choose(4)};
  // Not at the clock's zero: windows are aligned to that, and may begin in their middle.
  std::int64_t now = 1'000'000 + foreseed::choose(10'000);
  LimiterCore limiter(global(limit), instant(now));
  std::vector<Admitted> log;
  for (int i = 0; i < 12; ++i) {
    const std::int64_t pauses[] = {0, 1, 2'500, 3'333, 10'000, 27'500};
    const std::int64_t given = now + pauses[foreseed::choose(6)] - (foreseed::choose(4) == 1 ? 4'000 : 0);
    now = std::max(now, given);  // a time from before is read as the latest seen
    const std::int64_t n = 1 + foreseed::choose(4) / 2;
    const Request request{"", "", "", static_cast<std::uint64_t>(n)};
    const auto rejected = limiter.try_acquire(request, instant(given));
    FORESEED_CHECK(!rejected == keeps(limit, log, now, n));
    if (!rejected) {
      log.push_back({now, n});
      continue;
    }
    FORESEED_CHECK(rejected->error == common::Error::rate_limited && rejected->scope == Scope::global);
    const bool ever = keeps(limit, {}, now, n);
    FORESEED_CHECK(rejected->retry_after.has_value() == ever);
    if (!ever) continue;
    const std::int64_t then = now + rejected->retry_after->count();
    FORESEED_CHECK(then > now && keeps(limit, log, then, n) && !keeps(limit, log, then - 1, n));
  }
}

FORESEED_SCENARIO(rate_limiter_idle, "a million permits a second and hours without a call: full, not overflowing (holds)") {
  for (const Algorithm algorithm : {Algorithm::token_bucket, Algorithm::gcra}) {
    LimiterCore limiter(global({algorithm, 1'000'000, 1s, 10}), instant(0));
    const Request burst{"", "", "", 10}, one{"", "", "", 1};
    FORESEED_CHECK(!limiter.try_acquire(burst, instant(0)));
    const auto hours = instant(std::chrono::nanoseconds(3h).count() * (1 + foreseed::choose(400)));
    FORESEED_CHECK(!limiter.try_acquire(burst, hours));
    const auto rejected = limiter.try_acquire(one, hours);
    FORESEED_CHECK(rejected && rejected->retry_after == 1us);
  }
  FORESEED_CHECK(retry_after_seconds(1ns) == 1 && retry_after_seconds(2s) == 2 && retry_after_seconds(2s + 1ns) == 3);
}

FORESEED_SCENARIO(rate_limiter_race, "two callers, one permit: one of them, and counted as one (holds)") {
  RateLimiter limiter(global({Algorithm::sliding_log, 1, 60s, 1}));
  std::atomic<int> admitted{0};
  const auto call = [&] { admitted += !limiter.try_acquire({}); };
  std::thread a(call), b(call);
  a.join();
  b.join();
  FORESEED_CHECK(admitted == 1);
}

FORESEED_SCENARIO(rate_limiter_cancel,
                  "who is stopped or gives up leaves at once, whoever is behind moves up at once, nobody is early (holds)") {
  RateLimiter limiter(global({Algorithm::token_bucket, 1, 1s, 1}));
  const auto start = common::mono_now();
  FORESEED_CHECK(!limiter.try_acquire({}));
  // Turns at 1 s and 2 s for these two; the first is given up at 0.5 s, so the second's becomes 1 s.
  auto promised = limiter.reserve({}, 10s);
  std::stop_source stop;
  std::thread behind([&] {
    FORESEED_CHECK(!limiter.acquire({}, start + 10s));
    FORESEED_CHECK(common::mono_now() == start + 1s);
  });
  std::thread stopped([&] {
    std::this_thread::sleep_for(100ms);
    const auto rejected = limiter.acquire({}, start + 10s, stop.get_token());
    FORESEED_CHECK(rejected && rejected->error == common::Error::cancelled && common::mono_now() == start + 400ms);
  });
  std::this_thread::sleep_for(200ms);
  // A turn after the deadline is refused at once, and takes no place.
  const auto refused = limiter.acquire({}, start + 3s);
  FORESEED_CHECK(refused && refused->error == common::Error::rate_limited && common::mono_now() == start + 200ms);
  std::this_thread::sleep_for(200ms);
  stop.request_stop();
  std::this_thread::sleep_for(100ms);
  // Nobody but the one who gives up can tell the one behind.
  FORESEED_CHECK(foreseed::choose(2) == 0 ? std::get<Reservation>(promised).cancel()
                                          : (promised = Rejected{}, true));
  behind.join();
  stopped.join();
  const auto next = limiter.reserve({}, 10s);
  FORESEED_CHECK(std::get<Reservation>(next).ready_at() == start + 2s);
}

FORESEED_SCENARIO(adaptive_one, "a limit of one is one, whoever races for it (holds)") {
  AdaptiveConfig config;
  config.limit_initial = config.limit_min = config.limit_max = 1;
  AdaptiveLimiter limiter(config);
  std::atomic<int> running{0};
  const auto call = [&] {
    const auto permit = limiter.try_acquire();
    if (std::holds_alternative<common::Error>(permit)) return;
    FORESEED_CHECK(++running == 1);
    std::this_thread::yield();
    --running;
  };
  std::thread a(call), b(call);
  a.join();
  b.join();
  FORESEED_CHECK(limiter.in_flight() == 0);
}

FORESEED_SCENARIO(adaptive_rules, "drops shrink the limit, nonsense does not move it, success under load grows it (holds)") {
  for (const AdaptiveRule rule : {AdaptiveRule::aimd, AdaptiveRule::gradient}) {
    AdaptiveConfig config;
    config.rule = rule;
    config.limit_initial = 20;
    config.limit_min = 5;
    config.limit_max = 40;
    AdaptiveRuleState state(config);
    for (const auto nonsense : {-1ns, 0ns}) state.sample(nonsense, 20, false);
    FORESEED_CHECK(state.limit() == 20);
    for (int i = 0; i < 10; ++i) state.sample(10ms, 20, false);
    const std::uint32_t grown = state.limit();
    FORESEED_CHECK(grown > 20);
    state.sample(10ms, 1, false);  // who does not use the limit says nothing about a larger one
    FORESEED_CHECK(state.limit() == grown);
    for (int i = 0; i < 100; ++i) state.sample(10ms, 40, true);
    FORESEED_CHECK(state.limit() >= 5 && state.limit() < 10);
    for (int i = 0; i < 500; ++i) state.sample(10ms, 40, false);
    FORESEED_CHECK(state.limit() == 40);
  }
}
