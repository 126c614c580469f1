// Back-off and budget by arithmetic; the retrier with attempts that are counted, and no test that measures time.
#include "retry/retry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <semaphore>
#include <stdexcept>
#include <thread>
#include <vector>

namespace retry {
namespace {

using namespace std::chrono_literals;
using common::mono_now;
using Outcome = std::variant<int, Error>;

TEST(Backoff, StaysWithinTheCapForEveryAttemptAndDraw) {  // RB1, S3-28, S3-29, B-99
  std::mt19937_64 random(1);
  for (const Jitter jitter : {Jitter::none, Jitter::equal, Jitter::full}) {
    for (const std::uint32_t factor : {100U, 101U, 200U, 1000U}) {
      BackoffConfig config{100ms, 30s, factor, jitter};
      Duration before{};
      for (const std::uint32_t k : {0U, 1U, 2U, 5U, 62U, 63U, 64U, 1024U, ~0U}) {
        const Duration most = ceiling(config, k);
        EXPECT_GE(most, before) << "grows until the cap";
        EXPECT_LE(most, 30s);
        before = most;
        for (int i = 0; i < 50; ++i) {
          const Duration d = delay(config, k, random());
          EXPECT_GE(d, jitter == Jitter::full ? 0s : most / 2);
          EXPECT_LE(d, most);
        }
      }
    }
  }
  EXPECT_EQ(ceiling({100ms, 30s, 200, Jitter::none}, 3), 800ms);
}

TEST(Backoff, JitterSpreadsTheHerd) {  // RB7, S3-30, S3-35: 1000 clients, 10 bins; the worst bin is not far from the mean
  const BackoffConfig config{1s, 10s, 200, Jitter::full};
  std::mt19937_64 random(2);
  int bins[10] = {};
  for (int i = 0; i < 1000; ++i) ++bins[std::min<std::int64_t>(9, delay(config, 0, random()) / 100ms)];
  double chi2 = 0;
  for (const int n : bins) chi2 += (n - 100.0) * (n - 100.0) / 100.0;
  EXPECT_LT(chi2, 27.9) << "chi-square, 9 degrees of freedom, p = 0.001; the draws are fixed";
}

BudgetConfig budget_config(std::uint32_t percent, std::uint32_t floor) {
  BudgetConfig config;
  config.window = 1s;
  config.slices = 10;
  config.percent = percent;
  config.floor = floor;
  return config;
}

TEST(Budget, HoldsInEveryWindowAtEveryGrant) {  // RB2, S3-31
  std::mt19937_64 random(3);
  for (int round = 0; round < 50; ++round) {
    const BudgetConfig config = budget_config(10 + static_cast<std::uint32_t>(random() % 50), 2);
    MonoTime now(1000s);
    BudgetCore core(config, now);
    std::vector<MonoTime> requests, retries;
    std::uint64_t out = 0;
    const auto within = [&](const std::vector<MonoTime>& times) {
      return static_cast<std::uint64_t>(
          std::count_if(times.begin(), times.end(), [&](MonoTime t) { return t > now - 1s; }));
    };
    for (int i = 0; i < 600; ++i) {
      now += std::chrono::milliseconds(random() % 30);
      switch (random() % 4) {
        case 0:
        case 1:
          core.request(now);
          requests.push_back(now);
          break;
        case 2:
          if (core.reserve(now)) {
            ++out;
            const auto allowed = std::max<std::uint64_t>(config.floor, within(requests) * config.percent / 100);
            ASSERT_LE(within(retries) + out, allowed);
          }
          break;
        default:
          if (out == 0) break;
          --out;
          if (random() % 3 == 0)
            core.give_back();
          else {
            core.spend(now);
            retries.push_back(now);
          }
      }
    }
  }
}

TEST(Budget, AHealthyMillionBuysNoBurstLater) {  // S3-31
  MonoTime now(1000s);
  BudgetCore core(budget_config(10, 3), now);
  for (int i = 0; i < 1'000'000; ++i) core.request(now);
  now += 2s;
  int granted = 0;
  while (core.reserve(now)) ++granted;
  EXPECT_EQ(granted, 3) << "the floor";
}

TEST(Budget, BackingOffCallersCountBeforeTheySend) {  // B-97, S3-32
  RetryBudget budget(budget_config(0, 2));
  {
    auto a = budget.reserve(), b = budget.reserve();
    EXPECT_TRUE(a && b);
    EXPECT_FALSE(budget.reserve());
  }
  auto returned = budget.reserve();
  EXPECT_TRUE(returned) << "given back unspent";
  returned->spend();
  returned->spend();
  auto last = budget.reserve();
  EXPECT_TRUE(last);
  EXPECT_FALSE(budget.reserve()) << "spent is spent";
}

Policy quick_policy() {
  Policy policy;
  policy.backoff = {1us, 1us, 200, Jitter::full};
  return policy;
}

struct Counted {
  int attempts = 0;
  Outcome answer = Error::unavailable;
  Outcome operator()(MonoTime) { return ++attempts, answer; }
};

TEST(Retrier, StopsWhereAnotherAttemptMakesNoSense) {  // RB4, RB6, S3-33
  RetryBudget budget(budget_config(0, 100));
  Retrier retrier(quick_policy(), budget, 1);
  const auto attempts = [&](Outcome answer, Repeatable repeatable) {
    Counted call;
    call.answer = answer;
    retrier.run(call, repeatable, mono_now() + 1h);
    return call.attempts;
  };
  EXPECT_EQ(attempts(7, Repeatable::idempotent), 1);
  EXPECT_EQ(attempts(Error::unavailable, Repeatable::idempotent), 3);
  EXPECT_EQ(attempts(Error::unavailable, Repeatable::by_idempotency_key), 3);
  EXPECT_EQ(attempts(Error::unavailable, Repeatable::no), 1);
  EXPECT_EQ(attempts(Error::circuit_open, Repeatable::idempotent), 1);
  EXPECT_EQ(attempts(Error::invalid_argument, Repeatable::idempotent), 1);
}

TEST(Retrier, KeepsToItsBudget) {
  RetryBudget budget(budget_config(0, 1));
  Retrier retrier(quick_policy(), budget, 1);
  Counted call;
  const Outcome outcome = retrier.run(call, Repeatable::idempotent, mono_now() + 1h);
  EXPECT_EQ(std::get<Error>(outcome), Error::unavailable);
  EXPECT_EQ(call.attempts, 2);
}

TEST(Retrier, NestedLayersDoNotMultiply) {  // S1-13: alone, 3 layers of 3 attempts would make 27
  RetryBudget budget(budget_config(100, 1));
  Policy outer = quick_policy(), inner = quick_policy();
  inner.outermost = false;
  Retrier first(outer, budget, 1), second(inner, budget, 2), third(inner, budget, 3);
  Counted call;
  const auto innermost = [&](MonoTime d) { return third.run(call, Repeatable::idempotent, d); };
  const auto middle = [&](MonoTime d) { return second.run(innermost, Repeatable::idempotent, d); };
  for (int i = 0; i < 10; ++i) first.run(middle, Repeatable::idempotent, mono_now() + 1h);
  EXPECT_LE(call.attempts, 10 + 10);
  EXPECT_GE(call.attempts, 10 + 1);
}

TEST(Retrier, DoesNotWaitForAnAttemptPastItsDeadline) {  // RB3
  Policy policy = quick_policy();
  policy.backoff = {1h, 1h, 200, Jitter::none};
  RetryBudget budget(budget_config(0, 100));
  Retrier retrier(policy, budget, 1);
  Counted call;
  retrier.run(call, Repeatable::idempotent, mono_now() + 30min);
  EXPECT_EQ(call.attempts, 1);
  retrier.run(call, Repeatable::idempotent, mono_now() - 1ns);
  EXPECT_EQ(call.attempts, 1);
}

TEST(Retrier, AStopDuringTheBackOffEndsItAndReturnsTheReservation) {  // RB5
  Policy policy = quick_policy();
  policy.backoff = {1h, 1h, 200, Jitter::none};
  RetryBudget budget(budget_config(0, 1));
  Retrier retrier(policy, budget, 1);
  Counted call;
  std::binary_semaphore attempted(0);
  const auto attempt = [&](MonoTime deadline) {
    attempted.release();
    return call(deadline);
  };
  std::stop_source stop;
  std::thread caller([&] {
    const Outcome outcome = retrier.run(attempt, Repeatable::idempotent, MonoTime::max(), stop.get_token());
    EXPECT_EQ(std::get<Error>(outcome), Error::cancelled);
  });
  attempted.acquire();
  std::this_thread::sleep_for(20ms);  // most likely it backs off by now; the outcome is the same where it does not
  stop.request_stop();
  caller.join();
  EXPECT_EQ(call.attempts, 1);
  EXPECT_TRUE(budget.reserve());
}

TEST(RetryConfig, NumbersOutOfRangeAreRefused) {
  EXPECT_THROW(validate(BackoffConfig{1s, 1ms, 200, Jitter::full}), std::invalid_argument);
  EXPECT_THROW(validate(BackoffConfig{1s, 2s, 99, Jitter::full}), std::invalid_argument);
  BudgetConfig budget = budget_config(10, 1);
  budget.slices = 7;
  EXPECT_THROW(validate(budget), std::invalid_argument) << "1 s is not 7 whole numbers of ns";
  EXPECT_THROW(validate(Policy{{}, 0}), std::invalid_argument);
}

}  // namespace
}  // namespace retry
