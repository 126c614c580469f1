// Two processes' breakers over one store; times are turned by hand in the shared state itself.
#include "shared_breaker/shared_breaker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace shared_breaker {
namespace {

using namespace std::chrono_literals;
using common::Error;

constexpr Time at(Duration since_boot) { return Time(since_boot); }

Config small_breaker() {
  Config config;
  config.window_calls = config.min_calls = 4;
  config.probe_successes = 2;
  config.probe_concurrency = 2;
  config.probe_lease = 5s;
  config.half_open_max = 30s;
  config.open_wait_base = 10s;
  config.open_wait_cap = 40s;
  config.jitter_percent = 0;
  return config;
}

SharedState half_open(const Config& config) {
  SharedState state;
  state.trip(config, 1, at(0s));
  state.tick(config, at(10s));
  EXPECT_EQ(state.mode, Mode::half_open);
  return state;
}

Admitted probe(SharedState& state, const Config& config, Time t) {
  return std::get<Admitted>(state.acquire(config, t));
}

TEST(SharedState, OpensWaitsProbesAndCloses) {  // CB1, CB3, CB4, CB6
  const Config config = small_breaker();
  SharedState state;
  state.trip(config, 7, at(0s));
  EXPECT_EQ(state.mode, Mode::closed) << "of another generation";
  state.trip(config, 1, at(0s));
  const auto early = std::get<Rejected>(state.acquire(config, at(10s - 1ns)));
  EXPECT_EQ(early.retry_after, 1ns);
  const Admitted a = probe(state, config, at(10s)), b = probe(state, config, at(10s));
  EXPECT_TRUE(std::holds_alternative<Rejected>(state.acquire(config, at(10s))));
  EXPECT_TRUE(state.report(config, a, Outcome::ok, at(11s)));
  EXPECT_FALSE(state.report(config, a, Outcome::ok, at(11s))) << "once";
  EXPECT_EQ(state.mode, Mode::half_open);
  EXPECT_TRUE(state.report(config, b, Outcome::ok, at(11s)));
  EXPECT_EQ(state.mode, Mode::closed);
  EXPECT_FALSE(state.report(config, b, Outcome::fail, at(11s)));
  EXPECT_EQ(state.mode, Mode::closed);
}

TEST(SharedState, AFailedOrLostProbeOpensForLonger) {  // B-02
  const Config config = small_breaker();
  SharedState state = half_open(config);
  state.report(config, probe(state, config, at(10s)), Outcome::fail, at(10s));
  EXPECT_EQ(state.mode, Mode::open);
  EXPECT_EQ(state.open_wait, 20s);
  const Admitted lost = probe(state, config, at(30s));
  state.tick(config, at(35s));
  EXPECT_EQ(state.mode, Mode::open);
  EXPECT_EQ(state.open_wait, 40s);
  EXPECT_FALSE(state.report(config, lost, Outcome::ok, at(35s)));
}

TEST(SharedState, AnIgnoredProbeReturnsItsPlaceAndAnEraEnds) {  // B-01
  const Config config = small_breaker();
  SharedState state = half_open(config);
  for (int i = 0; i < 10; ++i) state.report(config, probe(state, config, at(10s)), Outcome::ignored, at(10s));
  EXPECT_EQ(state.mode, Mode::half_open);
  state.tick(config, at(40s));
  EXPECT_EQ(state.mode, Mode::open);
}

TEST(SharedState, ItsTextIsReadBackAndNothingElseIs) {
  const Config config = small_breaker();
  SharedState state = half_open(config);
  probe(state, config, at(10s));
  EXPECT_EQ(from_text(to_text(state)), state);
  for (const std::string bad : {"", "x", "0 1 2", "9 1 0 0 0 0 0 0", "0 1 0 0 0 0 0 2 1 1", "0 1 0 0 0 0 0 0 ",
                                "0 1 9223372036854775807 0 0 0 0 0", "0 1 0 0 0 0 0 99999999999"}) {
    EXPECT_EQ(from_text(bad), std::nullopt) << bad;
  }
  std::mt19937 random(4);
  for (int i = 0; i < 20'000; ++i) {
    std::string text = to_text(state);
    text[random() % text.size()] = static_cast<char>(random());
    if (const auto read = from_text(text)) {
      SharedState changed = *read;
      changed.tick(config, at(11s));
    }
  }
}

SharedConfig shared(std::chrono::milliseconds staleness = 0ms) {
  SharedConfig config;
  config.breaker = small_breaker();
  config.breaker.open_wait_base = config.breaker.open_wait_cap = 1h;
  config.staleness = staleness;
  return config;
}

void call(SharedBreaker& breaker, Outcome outcome) {
  auto admission = breaker.acquire();
  if (auto* ticket = std::get_if<Ticket>(&admission)) ticket->report(outcome);
}

bool admits(SharedBreaker& breaker) {
  auto admission = breaker.acquire();
  if (auto* ticket = std::get_if<Ticket>(&admission)) return ticket->report(Outcome::ignored), true;
  return false;
}

TEST(SharedBreaker, WhatOneProcessLearnsTheOthersKnow) {
  store::MemoryStore store;
  SharedBreaker one(shared(), store), two(shared(), store);
  for (int i = 0; i < 4; ++i) call(one, Outcome::fail);
  EXPECT_FALSE(admits(one));
  EXPECT_FALSE(admits(two));
  SharedBreaker late(shared(), store);
  EXPECT_FALSE(admits(late)) << "a new process does not close what others opened (B-23)";
  two.set(Mode::closed);
  EXPECT_TRUE(admits(one));
}

TEST(SharedBreaker, AReportOfAnOlderGenerationIsStale) {  // CB5
  store::MemoryStore store;
  SharedBreaker one(shared(), store), two(shared(), store);
  auto admission = one.acquire();
  two.set(Mode::forced_open);
  EXPECT_FALSE(admits(one));
  EXPECT_FALSE(std::get<Ticket>(admission).report(Outcome::fail));
  EXPECT_FALSE(std::get<Ticket>(admission).report(Outcome::fail));
  const auto m = one.metrics();
  EXPECT_EQ(m.stale, 1U);
  EXPECT_EQ(m.admitted, m.counted + m.ignored + m.stale + m.in_flight);
  EXPECT_THROW(one.set(Mode::open), std::invalid_argument);
}

/// A store that can be away.
struct ShakyStore : store::VersionedStore {
  std::atomic<bool> up{true};
  store::MemoryStore inner;
  common::Result<store::Record> get(const std::string& key) override {
    if (!up) return Error::unavailable;
    return inner.get(key);
  }
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override {
    if (!up) return Error::unavailable;
    return inner.put(key, expected, value);
  }
};

TEST(SharedBreaker, WithoutItsStoreItGoesOnAloneAndTheHigherGenerationWins) {
  ShakyStore store;
  SharedBreaker one(shared(), store), two(shared(), store);
  store.up = false;
  for (int i = 0; i < 4; ++i) call(one, Outcome::fail);
  EXPECT_FALSE(admits(one)) << "alone it opens as well";
  EXPECT_TRUE(one.alone());
  EXPECT_TRUE(admits(two));
  store.up = true;
  EXPECT_FALSE(admits(one));
  EXPECT_FALSE(one.alone());
  EXPECT_FALSE(admits(two)) << "told through the store";
}

TEST(SharedBreaker, ABrokenRecordIsNoAnswer) {
  store::MemoryStore store;
  store.put("breaker", 0, "rubbish");
  SharedBreaker breaker(shared(), store);
  EXPECT_TRUE(admits(breaker));
  EXPECT_TRUE(breaker.alone());
}

TEST(SharedBreaker, ThreadsLoseNoReport) {
  store::MemoryStore store;
  SharedConfig config = shared(1000ms);
  config.breaker.window_calls = config.breaker.min_calls = 1000;
  config.breaker.failure_percent = 100;
  SharedBreaker breaker(config, store);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) call(breaker, Outcome::fail);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(breaker.state().mode, Mode::open) << "at the thousandth failure, not before and not later";
  EXPECT_EQ(breaker.metrics().counted, 1000U);
}

}  // namespace
}  // namespace shared_breaker
