// A dependency that answers one call in ten, and how often the breaker takes it for healthy (catalogue S0-16): the shipped
// breaker under the simulator, in virtual time, against the computed probabilities.
//
// Each test plays so many rounds in one execution and counts those in which the breaker closed; the count is binomial, and
// the bounds are exact: a correct breaker leaves them with a probability below 1e-6. Every execution of a seed is the same,
// so the tests never flicker.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>
#include <variant>

#include "breaker/circuit_breaker.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

struct Bounds {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

/// The least and greatest number of successes in `rounds` that leave at most `error` / 2 beyond them on either side.
Bounds binomial_bounds(std::uint64_t rounds, double p, double error) {
  const auto n = static_cast<double>(rounds);
  const auto probability = [&](std::uint64_t k) {
    const auto x = static_cast<double>(k);
    return std::exp(std::lgamma(n + 1) - std::lgamma(x + 1) - std::lgamma(n - x + 1) + x * std::log(p) +
                    (n - x) * std::log1p(-p));
  };
  Bounds bounds;
  for (double below = probability(0); below <= error / 2; below += probability(bounds.low)) ++bounds.low;
  // From far out towards the mean, so that the small terms are added first.
  bounds.high = std::min(rounds, static_cast<std::uint64_t>(n * p + 40 * std::sqrt(n * p) + 40));
  for (double above = 0; (above += probability(bounds.high)) <= error / 2;) --bounds.high;
  return bounds;
}

void check(const char* name, std::uint64_t rounds, std::uint64_t closed, double p) {
  const Bounds bounds = binomial_bounds(rounds, p, 1e-6);
  std::printf("%s: closed %llu of %llu rounds, expected %.1f, bounds [%llu, %llu]\n", name,
              static_cast<unsigned long long>(closed), static_cast<unsigned long long>(rounds),
              p * static_cast<double>(rounds), static_cast<unsigned long long>(bounds.low),
              static_cast<unsigned long long>(bounds.high));
  FORESEED_CHECK(closed >= bounds.low && closed <= bounds.high);
}

bool answers() { return choose(10) == 0; }

/// One call, if the breaker lets it through.
bool call(breaker::CircuitBreaker& breaker, bool succeeds) {
  auto admission = breaker.acquire();
  auto* const ticket = std::get_if<breaker::Ticket>(&admission);
  if (ticket == nullptr) return false;
  succeeds ? ticket->ok() : ticket->fail();
  return true;
}

/// Opened by one failure, probed after a cool-down of 30 s, until `successes` in a row close it or one failure opens it.
void probe_rounds(const char* name, std::uint32_t successes, std::uint64_t rounds) {
  breaker::Config config;
  config.window_calls = config.min_calls = 1;
  config.probe_successes = successes;
  config.open_wait_base = config.open_wait_cap = 30s;
  config.jitter_percent = 0;
  config.jitter_seed = 1;
  breaker::CircuitBreaker breaker(config);
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t closed = 0;
  FORESEED_CHECK(call(breaker, false));
  for (std::uint64_t round = 0; round < rounds; ++round) {
    FORESEED_CHECK(!call(breaker, true));  // open
    std::this_thread::sleep_for(30s);
    std::uint32_t in_a_row = 0;
    for (bool good = true; good && in_a_row < successes; in_a_row += good) {
      good = answers();
      FORESEED_CHECK(call(breaker, good));
    }
    if (in_a_row < successes) continue;
    FORESEED_CHECK(breaker.snapshot().mode == breaker::Mode::closed);
    ++closed;
    FORESEED_CHECK(call(breaker, false));
  }
  const double p = std::pow(0.1, successes);
  check(name, rounds, closed, p);
  // Rounds are 30 s apart, so a false close comes every 30 s / p: 5 min, 50 min, 8.3 h, 833 h.
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  FORESEED_CHECK(took == std::chrono::duration<double>(30s) * static_cast<double>(rounds));
  std::printf("%s: a false close every %.4g h of virtual time, expected %.4g h\n", name,
              took.count() / 3600 / static_cast<double>(closed), 30 / p / 3600);
}

/// "At least 6 of 10": a window of ten calls that opens at 50 % failures stays closed with six successes or more.
void six_of_ten(std::uint64_t rounds) {
  breaker::Config config;
  config.window_calls = config.min_calls = 10;
  config.failure_percent = 50;
  breaker::CircuitBreaker breaker(config);
  std::uint64_t closed = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    breaker.reset();
    for (int i = 0; i < 10; ++i) FORESEED_CHECK(call(breaker, answers()));
    closed += breaker.snapshot().mode == breaker::Mode::closed;
  }
  check("six of ten", rounds, closed, 0.0001469026);
}

void expect_holds(void (*body)(), std::uint64_t seeds) {
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Execution execution = run_seed(body, seed);
    ASSERT_FALSE(execution.finding.has_value()) << "seed " << seed << ": " << execution.finding->message;
  }
}

TEST(FalseClose, one_probe_closes_one_round_in_ten) {
  expect_holds([] { probe_rounds("N = 1", 1, 10'000); }, 5);
}
TEST(FalseClose, two_probes_close_one_in_a_hundred) {
  expect_holds([] { probe_rounds("N = 2", 2, 50'000); }, 3);
}
TEST(FalseClose, three_probes_close_one_in_a_thousand) {
  expect_holds([] { probe_rounds("N = 3", 3, 200'000); }, 1);
}
TEST(FalseClose, five_probes_close_one_in_a_hundred_thousand) {
  expect_holds([] { probe_rounds("N = 5", 5, 3'000'000); }, 1);
}
TEST(FalseClose, six_of_ten_close_once_in_6807) {
  expect_holds([] { six_of_ten(300'000); }, 1);
}

// The bounds find what is wrong: one probe where two were to be asked, and bounds that can be left on both sides.
TEST(FalseClose, bounds_are_exact) {
  const Bounds coin = binomial_bounds(20, 0.5, 1e-6);  // P(X = 0) = 9.5e-7, twice the half; P(X <= 0) > 5e-7
  EXPECT_EQ(coin.low, 0U);
  EXPECT_EQ(coin.high, 20U);
  const Bounds wider = binomial_bounds(30, 0.5, 1e-6);  // P(X <= 2) = 4.3e-7, P(X <= 3) = 4.2e-6
  EXPECT_EQ(wider.low, 3U);
  EXPECT_EQ(wider.high, 27U);
  EXPECT_GT(binomial_bounds(3'000'000, 1e-5, 1e-6).low, 0U);
  EXPECT_LT(binomial_bounds(10'000, 0.01, 1e-6).high, binomial_bounds(10'000, 0.1, 1e-6).low);
}

}  // namespace
}  // namespace foreseed::testing
