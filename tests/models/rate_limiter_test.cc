// The limiter's arithmetic against bounds stated for every interval, and against brute force; time is turned by hand.
#include "rate_limiter/rate_limiter.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "rate_limiter/adaptive_limit.h"

namespace rate_limiter {
namespace {

using namespace std::chrono_literals;
using common::Error;

constexpr MonoTime zero = MonoTime(1000s);  // a multiple of every window below

constexpr Algorithm all_algorithms[] = {Algorithm::token_bucket, Algorithm::gcra,        Algorithm::leaky_queue,
                                        Algorithm::fixed_window, Algorithm::sliding_log, Algorithm::sliding_counter};

Limit limit_of(Algorithm algorithm, std::uint64_t permits, Duration per, std::uint64_t burst = 1) {
  Limit limit;
  limit.algorithm = algorithm;
  limit.permits = permits;
  limit.per = per;
  limit.burst = burst;
  return limit;
}

Config user_limit(const Limit& limit) {
  Config config;
  config.limits[static_cast<std::size_t>(Scope::user)] = limit;
  return config;
}

Request of(std::uint64_t permits, const std::string& user = "u") { return {user, "10.0.0.1", "/orders", permits}; }

struct Admitted {
  MonoTime at;
  std::uint64_t n;
};

/// The most that may be admitted in any half-open interval of length w (catalogue 2.2).
std::uint64_t bound(const Limit& limit, Duration w) {
  const auto rate = static_cast<std::uint64_t>(Wide(limit.permits) * w.count() / limit.per.count());
  switch (limit.algorithm) {
    case Algorithm::token_bucket:
    case Algorithm::gcra:
      return limit.burst + rate;
    case Algorithm::leaky_queue:
      return 1 + rate;
    case Algorithm::fixed_window:
      return 2 * limit.permits;
    case Algorithm::sliding_log:
      return limit.permits;
    case Algorithm::sliding_counter:
      return 2 * limit.permits - 1;
  }
  return 0;
}

void expect_bounds(const Limit& limit, const std::vector<Admitted>& admitted) {
  const bool windowed = bound(limit, limit.per) == bound(limit, Duration(0));
  for (std::size_t i = 0; i < admitted.size(); ++i) {
    std::uint64_t total = 0;
    for (std::size_t j = i; j < admitted.size(); ++j) {
      const Duration span = admitted[j].at - admitted[i].at;
      if (windowed && span >= limit.per) break;
      total += admitted[j].n;
      ASSERT_LE(total, bound(limit, span)) << to_string(limit.algorithm) << " over " << span.count() << " ns";
    }
  }
}

class EveryAlgorithm : public testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(, EveryAlgorithm, testing::ValuesIn(all_algorithms),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST_P(EveryAlgorithm, KeepsItsBoundInEveryIntervalAlsoWhenTimesRunBackwards) {  // RL1, RL4
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    const bool leaky = GetParam() == Algorithm::leaky_queue;
    const Limit limit =
        limit_of(GetParam(), 1 + random() % 7, Duration(1000 + random() % 3000), leaky ? 1 : 1 + random() % 5);
    LimiterCore core(user_limit(limit), zero);
    std::vector<Admitted> admitted;
    MonoTime truth = zero;
    for (int i = 0; i < 120; ++i) {
      MonoTime told = truth - Duration(random() % 5000);  // read before others, used after them
      if (random() % 4 != 0) told = truth += Duration(random() % (limit.per.count() / 2));
      const std::uint64_t n = leaky ? 1 : 1 + random() % 3;
      if (!core.try_acquire(of(n), told)) admitted.push_back({truth, n});
    }
    expect_bounds(limit, admitted);
  }
}

TEST_P(EveryAlgorithm, RetryAfterIsExactToTheNanosecond) {  // RL6, S3-12
  std::mt19937_64 random(8);
  for (int round = 0; round < 300; ++round) {
    const Limit limit = limit_of(GetParam(), 1 + random() % 9, Duration(1000 + random() % 3000), 1 + random() % 9);
    LimiterCore core(user_limit(limit), zero);
    MonoTime now = zero;
    for (int i = 0; i < 40; ++i) {
      now += Duration(random() % 400);
      const Request request = of(1 + random() % 4);
      auto rejected = core.try_acquire(request, now);
      if (!rejected || !rejected->retry_after) continue;
      ASSERT_GT(rejected->retry_after->count(), 0);
      LimiterCore early(core);
      EXPECT_TRUE(early.try_acquire(request, now + *rejected->retry_after - Duration(1)));
      now += *rejected->retry_after;
      EXPECT_FALSE(core.try_acquire(request, now));
    }
  }
}

TEST_P(EveryAlgorithm, SteadyDemandGetsTheRate) {  // RL5: no under-fill, however time is cut into pieces
  const Limit limit = limit_of(GetParam(), 7, 10us, 7);
  LimiterCore core(user_limit(limit), zero);
  std::uint64_t admitted = 0;
  for (MonoTime t = zero; t < zero + 1ms; t += Duration(13)) admitted += core.try_acquire(of(1), t) ? 0 : 1;
  const std::uint64_t expected = 7 * 100;
  // A queue's departures wait for the next question, here up to 13 ns later; each gap is 1429 ns.
  // A sliding counter that is asked greedily admits one fewer in each window: the seventh of seven comes free when the
  // next window begins.
  std::uint64_t slack = 1;
  if (GetParam() == Algorithm::leaky_queue) slack = expected / 100 + 1;
  if (GetParam() == Algorithm::sliding_counter) slack = expected / 7;
  EXPECT_GE(admitted, expected - slack);
}

TEST_P(EveryAlgorithm, IdleForACenturyOverflowsNothing) {  // RL2, B-34
  Limit limit = limit_of(GetParam(), GetParam() == Algorithm::sliding_log ? log_permits_max : permits_max, 366 * 24h,
                         permits_max);
  LimiterCore core(user_limit(limit), zero);
  EXPECT_FALSE(core.try_acquire(of(limit.permits), zero));
  const auto later = zero + 100 * 365 * 24h;
  EXPECT_FALSE(core.try_acquire(of(limit.permits), later));
  EXPECT_TRUE(core.try_acquire(of(limit.permits), later + 1ns));
}

TEST_P(EveryAlgorithm, CancellingAllIsAsIfNothingHadBeenReserved) {  // RL7, B-39
  std::mt19937_64 random(9);
  for (int round = 0; round < 100; ++round) {
    const Limit limit = limit_of(GetParam(), 1 + random() % 5, Duration(1000 + random() % 3000), 3);
    LimiterCore core(user_limit(limit), zero);
    for (int i = 0; i < 4; ++i) core.try_acquire(of(1), zero);
    LimiterCore untouched(core);
    std::vector<LimiterCore::Id> ids;
    for (int i = 0; i < 6; ++i) {
      auto id = core.reserve(of(1), MonoTime::max(), zero);
      if (auto* made = std::get_if<LimiterCore::Id>(&id)) {
        if (core.ready_at(*made, zero))
          ids.push_back(*made);
        else
          untouched.try_acquire(of(1), zero);  // started at once: not to be undone
      }
    }
    std::shuffle(ids.begin(), ids.end(), random);
    for (const auto id : ids) EXPECT_TRUE(core.cancel(id, zero));
    EXPECT_EQ(core.pending(), 0U);
    for (MonoTime t = zero; t < zero + 3 * limit.per; t += Duration(97)) {
      ASSERT_EQ(core.try_acquire(of(1), t).has_value(), untouched.try_acquire(of(1), t).has_value());
    }
  }
}

TEST_P(EveryAlgorithm, PromisesKeepTheBoundWhateverIsCancelled) {  // RL1, RL7, RL9
  std::mt19937_64 random(10);
  for (int round = 0; round < 100; ++round) {
    const Limit limit = limit_of(GetParam(), 1 + random() % 5, Duration(1000 + random() % 3000), 1 + random() % 3);
    LimiterCore core(user_limit(limit), zero);
    std::map<LimiterCore::Id, MonoTime> promised;  // not yet started
    std::vector<Admitted> admitted;
    MonoTime now = zero;
    for (int i = 0; i < 150; ++i) {
      now += Duration(random() % 600);
      for (auto it = promised.begin(); it != promised.end();) {  // as the core does: what is due starts
        if (it->second > now) {
          ++it;
          continue;
        }
        admitted.push_back({it->second, 1});
        it = promised.erase(it);
      }
      if (random() % 3 == 0 && !promised.empty()) {
        auto victim = std::next(promised.begin(), static_cast<std::ptrdiff_t>(random() % promised.size()));
        EXPECT_TRUE(core.cancel(victim->first, now));
        promised.erase(victim);
      } else {
        auto id = core.reserve(of(1), now + 5 * limit.per, now);
        if (auto* made = std::get_if<LimiterCore::Id>(&id)) promised[*made] = now;
      }
      for (auto it = promised.begin(); it != promised.end();) {
        if (const auto ready = core.ready_at(it->first, now)) {
          it->second = *ready;
          ++it;
        } else {
          admitted.push_back({now, 1});
          it = promised.erase(it);
        }
      }
      MonoTime last{};
      for (const auto& [id, at] : promised) {
        EXPECT_GE(at, last) << "promises are in order of arrival";
        last = at;
      }
    }
    std::sort(admitted.begin(), admitted.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
    expect_bounds(limit, admitted);
  }
}

TEST(Gcra, DecidesAsTheTokenBucketDoes) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 100; ++round) {
    const Limit bucket =
        limit_of(Algorithm::token_bucket, 1 + random() % 9, Duration(1000 + random() % 999), 1 + random() % 9);
    Limit gcra = bucket;
    gcra.algorithm = Algorithm::gcra;
    LimiterCore a(user_limit(bucket), zero), b(user_limit(gcra), zero);
    MonoTime now = zero;
    for (int i = 0; i < 200; ++i) {
      now += Duration(random() % 300);
      const Request request = of(1 + random() % 4);
      const auto x = a.try_acquire(request, now), y = b.try_acquire(request, now);
      ASSERT_EQ(x.has_value(), y.has_value());
      if (x) {
        ASSERT_EQ(x->retry_after, y->retry_after);
      }
    }
  }
}

TEST(SlidingCounter, MayAdmitTwiceTheLimitLessOneAndNoMore) {  // catalogue 2.2: not L
  const Limit limit = limit_of(Algorithm::sliding_counter, 4, 1000ns);
  LimiterCore core(user_limit(limit), zero);
  int admitted = 0;
  for (int i = 0; i < 4; ++i) admitted += core.try_acquire(of(1), zero + 999ns) ? 0 : 1;
  for (MonoTime t = zero + 1000ns; t < zero + 1999ns; t += 1ns) admitted += core.try_acquire(of(1), t) ? 0 : 1;
  EXPECT_EQ(admitted, 7);
}

TEST(LimiterCore, MoreThanTheBurstIsNeverAdmittedAndSaysSo) {  // B-35, B-46
  LimiterCore core(user_limit(limit_of(Algorithm::token_bucket, 1, 1s, 3)), zero);
  const auto rejected = core.try_acquire(of(4), zero);
  ASSERT_TRUE(rejected);
  EXPECT_EQ(rejected->retry_after, std::nullopt);
}

TEST(LimiterCore, ARefusalByOneScopeBurnsNoOther) {  // RL8, S3-16
  Config config;
  config.limits[static_cast<std::size_t>(Scope::global)] = limit_of(Algorithm::fixed_window, 1, 1s);
  config.limits[static_cast<std::size_t>(Scope::user)] = limit_of(Algorithm::fixed_window, 2, 10s);
  LimiterCore core(config, zero);
  EXPECT_FALSE(core.try_acquire(of(1), zero));
  for (int i = 0; i < 5; ++i) {
    const auto rejected = core.try_acquire(of(1), zero);
    ASSERT_TRUE(rejected);
    EXPECT_EQ(rejected->scope, Scope::global);
    EXPECT_EQ(rejected->retry_after, Duration(1s));
  }
  EXPECT_FALSE(core.try_acquire(of(1), zero + 1s)) << "the user's second permit was not burnt";
  EXPECT_EQ(core.try_acquire(of(1), zero + 2s)->scope, Scope::user);
}

TEST(LimiterCore, AWaiterOfOneUserDoesNotHoldUpAnother) {
  LimiterCore core(user_limit(limit_of(Algorithm::token_bucket, 1, 1s, 1)), zero);
  EXPECT_FALSE(core.try_acquire(of(1, "a"), zero));
  EXPECT_TRUE(std::holds_alternative<LimiterCore::Id>(core.reserve(of(1, "a"), zero + 5s, zero)));
  EXPECT_FALSE(core.try_acquire(of(1, "b"), zero));
}

TEST(LimiterCore, KeysAreBoundedAndOnlyThoseAtRestAreForgotten) {  // S3-16
  Config config = user_limit(limit_of(Algorithm::token_bucket, 1, 1s, 1));
  config.keys_max = 10;
  LimiterCore core(config, zero);
  int overloaded = 0;
  for (int i = 0; i < 100; ++i) {
    const auto rejected = core.try_acquire(of(1, "user" + std::to_string(i)), zero);
    if (rejected && rejected->error == Error::overloaded) ++overloaded;
    EXPECT_LE(core.keys(), 10U);
  }
  EXPECT_EQ(overloaded, 90);
  EXPECT_TRUE(core.try_acquire(of(1, "user0"), zero)) << "a busy key was forgotten";
  EXPECT_FALSE(core.try_acquire(of(1, "new"), zero + 1s)) << "by now all are at rest";
}

TEST(LimiterCore, BadRequestsAreRefusedAsSuch) {  // S0-26
  LimiterCore core(user_limit(Limit{}), zero);
  EXPECT_EQ(core.try_acquire(of(0), zero)->error, Error::invalid_argument);
  EXPECT_EQ(core.try_acquire(of(~0ULL), zero)->error, Error::invalid_argument);
  EXPECT_EQ(core.try_acquire(of(1, std::string(1 << 20, 'x')), zero)->error, Error::invalid_argument);
  EXPECT_EQ(core.keys(), 0U);
}

TEST(LimiterCore, ResizingMintsNothing) {  // RL10, S3-13
  const Limit small = limit_of(Algorithm::token_bucket, 1, 1s, 2);
  LimiterCore core(user_limit(small), zero);
  core.try_acquire(of(2), zero);
  core.resize(Scope::user, limit_of(Algorithm::token_bucket, 1, 3s, 100), zero);
  EXPECT_EQ(core.try_acquire(of(1), zero)->retry_after, Duration(3s));
  EXPECT_THROW(core.resize(Scope::user, limit_of(Algorithm::gcra, 1, 1s, 1), zero), std::invalid_argument);
  EXPECT_THROW(core.resize(Scope::ip, small, zero), std::invalid_argument);
}

TEST(LimiterConfig, NumbersOutOfRangeAreNamed) {
  EXPECT_THROW(LimiterCore(Config{}, zero), std::invalid_argument);
  for (const Limit& bad : {limit_of(Algorithm::token_bucket, 0, 1s), limit_of(Algorithm::token_bucket, 1, 0s),
                           limit_of(Algorithm::token_bucket, 1, 1s, 0), limit_of(Algorithm::leaky_queue, 2000, 1us),
                           limit_of(Algorithm::sliding_log, log_permits_max + 1, 1s)}) {
    EXPECT_THROW(LimiterCore(user_limit(bad), zero), std::invalid_argument);
  }
}

TEST(RetryAfter, RoundsUp) {  // S3-12
  EXPECT_EQ(retry_after_seconds(1ns), 1);
  EXPECT_EQ(retry_after_seconds(1s), 1);
  EXPECT_EQ(retry_after_seconds(1s + 1ns), 2);
}

TEST(CanonicalIp, OneAddressHasOneSpelling) {
  EXPECT_EQ(canonical_ip("::ffff:10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(canonical_ip("2001:DB8:0:0::1"), "2001:db8::1");
  EXPECT_EQ(canonical_ip("10.0.0.1 "), std::nullopt);
  EXPECT_EQ(canonical_ip(std::string("10.0.0.1\0x", 10)), std::nullopt);
}

TEST(RateLimiter, WaitersArriveWithinTheirDeadlineOrNotAtAll) {
  RateLimiter limiter(user_limit(limit_of(Algorithm::token_bucket, 1, 1h, 1)));
  EXPECT_FALSE(limiter.try_acquire(of(1)));
  const auto rejected = limiter.acquire(of(1), common::mono_now() + 1s);
  ASSERT_TRUE(rejected);
  EXPECT_EQ(rejected->error, Error::rate_limited) << "refused at once: its turn is an hour away";
}

TEST(RateLimiter, StopAndCloseEndAWait) {
  RateLimiter limiter(user_limit(limit_of(Algorithm::token_bucket, 1, 1h, 1)));
  EXPECT_FALSE(limiter.try_acquire(of(1)));
  std::stop_source stop;
  std::optional<Rejected> stopped, closed;
  std::thread first([&] { stopped = limiter.acquire(of(1), MonoTime::max(), stop.get_token()); });
  std::thread second([&] { closed = limiter.acquire(of(1), MonoTime::max()); });
  stop.request_stop();
  first.join();
  limiter.close();
  second.join();
  EXPECT_EQ(stopped->error, Error::cancelled);
  EXPECT_EQ(closed->error, Error::closed);
}

TEST(RateLimiter, ADestroyedReservationGivesItsTurnBack) {
  RateLimiter limiter(user_limit(limit_of(Algorithm::leaky_queue, 1, 1h)));
  EXPECT_FALSE(limiter.try_acquire(of(1)));
  std::optional<MonoTime> first;
  { first = std::get<Reservation>(limiter.reserve(of(1), 24h)).ready_at(); }
  auto second = limiter.reserve(of(1), 24h);
  EXPECT_EQ(std::get<Reservation>(second).ready_at(), first);
}

AdaptiveConfig adaptive(AdaptiveRule rule) {
  AdaptiveConfig config;
  config.rule = rule;
  config.limit_max = 100;
  config.limit_initial = 50;
  config.baseline_samples = 10;
  return config;
}

TEST(AdaptiveLimit, DropsShrinkBothRulesDownToTheMinimum) {  // RL11, B-54
  for (const AdaptiveRule rule : {AdaptiveRule::aimd, AdaptiveRule::gradient}) {
    AdaptiveRuleState state(adaptive(rule));
    for (int i = 0; i < 200; ++i) state.sample(1ms, state.limit(), true);
    EXPECT_EQ(state.limit(), 1U);
    for (int i = 0; i < 2000; ++i) state.sample(1ms, state.limit(), false);
    EXPECT_EQ(state.limit(), 100U) << "and recovery comes back to the maximum";
  }
}

TEST(AdaptiveLimit, NonsenseResponseTimesMoveNothing) {  // RL11, S1-22
  for (const AdaptiveRule rule : {AdaptiveRule::aimd, AdaptiveRule::gradient}) {
    AdaptiveRuleState state(adaptive(rule));
    for (const Duration rtt : {Duration(0), Duration(-5), Duration::min()}) state.sample(rtt, 50, false);
    EXPECT_EQ(state.limit(), 50U);
    state.sample(Duration::max(), 50, false);
    EXPECT_GE(state.limit(), 1U);
    EXPECT_LE(state.limit(), 100U);
  }
}

TEST(AdaptiveLimit, AnIdleApplicationDoesNotRaiseTheLimit) {
  for (const AdaptiveRule rule : {AdaptiveRule::aimd, AdaptiveRule::gradient}) {
    AdaptiveRuleState state(adaptive(rule));
    for (int i = 0; i < 100; ++i) state.sample(1ms, 1, false);
    EXPECT_EQ(state.limit(), 50U);
  }
}

TEST(AdaptiveLimit, GradientSettlesAfterAStepAndTakesANewBaseline) {  // RL11
  AdaptiveRuleState state(adaptive(AdaptiveRule::gradient));
  for (int i = 0; i < 50; ++i) state.sample(1ms, state.limit(), false);
  const auto before = state.limit();
  for (int i = 0; i < 5; ++i) state.sample(10ms, state.limit(), false);
  EXPECT_LT(state.limit(), before);
  for (int i = 0; i < 500; ++i) state.sample(10ms, state.limit(), false);
  EXPECT_EQ(state.limit(), 100U) << "slower for good is the new normal";
}

TEST(AdaptiveLimiter, PermitsAreConservedHoweverTheyEnd) {
  AdaptiveConfig config = adaptive(AdaptiveRule::aimd);
  config.limit_initial = config.limit_max = 2;
  AdaptiveLimiter limiter(config);
  {
    auto a = limiter.try_acquire(), b = limiter.try_acquire(), c = limiter.try_acquire();
    EXPECT_EQ(std::get<Error>(c), Error::overloaded);
    std::get<AdaptiveLimiter::Permit>(a).success();
    std::get<AdaptiveLimiter::Permit>(a).success();
    EXPECT_EQ(limiter.in_flight(), 1U);
  }
  EXPECT_EQ(limiter.in_flight(), 0U);
}

}  // namespace
}  // namespace rate_limiter
