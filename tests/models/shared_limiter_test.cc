// A rate limit shared over a store: the record's arithmetic with times turned by hand, and processes over a real file.
#include "shared_limiter/shared_limiter.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <vector>

#include "store/sqlite_store.h"

namespace shared_limiter {
namespace {

using namespace std::chrono_literals;
using common::Error;

constexpr MonoTime at(Duration since_boot) { return MonoTime(since_boot); }
constexpr Limit three_a_second{rate_limiter::Algorithm::gcra, 3, 1s, 2};

TEST(LevelTable, KeepsThirdsOfANanosecond) {  // RL2, RL6, RL12
  LevelTable table;
  EXPECT_FALSE(table.take(three_a_second, "a", 2, at(10s), 9));
  EXPECT_EQ(table.to_text(), "10666666666 2 1 a\n");
  table = *LevelTable::from_text(table.to_text());
  const auto refused = table.take(three_a_second, "a", 1, at(10s), 9);
  EXPECT_EQ(refused->error, Error::rate_limited);
  EXPECT_EQ(refused->retry_after, 333333334ns);
  EXPECT_FALSE(table.take(three_a_second, "a", 1, at(10s + 333333334ns), 9));
  EXPECT_EQ(table.to_text(), "11000000000 0 1 a\n");
  EXPECT_EQ(table.take(three_a_second, "a", 3, at(20s), 9)->retry_after, std::nullopt) << "never";
}

TEST(LevelTable, ForgetsAKeyWhenItIsFullAndNotBefore) {  // RL12
  LevelTable table;
  EXPECT_FALSE(table.take(three_a_second, "a", 2, at(10s), 2));
  EXPECT_FALSE(table.take(three_a_second, "b", 1, at(10s), 2));
  EXPECT_EQ(table.take(three_a_second, "c", 1, at(10s), 2)->error, Error::overloaded);
  EXPECT_EQ(table.take(three_a_second, "c", 1, at(10s + 333333333ns), 2)->error, Error::overloaded);
  EXPECT_FALSE(table.take(three_a_second, "c", 1, at(10s + 333333334ns), 2)) << "b is full";
  EXPECT_EQ(table.keys(), 2U);
  EXPECT_FALSE(table.take(three_a_second, "d", 1, at(10s + 666666667ns), 2)) << "a is, c in a third of a nanosecond";
  EXPECT_EQ(table.keys(), 2U);
}

TEST(LevelTable, AClockThatBeganAgainCostsOneBurst) {
  LevelTable table;
  EXPECT_FALSE(table.take(three_a_second, "a", 1, at(1000s), 9));
  const auto refused = table.take(three_a_second, "a", 1, at(1s), 9);
  EXPECT_EQ(refused->retry_after, 333333334ns);
  EXPECT_FALSE(table.take(three_a_second, "a", 2, at(1s + 666666667ns), 9));
}

TEST(LevelTable, WhatIsNoRecordIsNone) {
  for (const char* text : {"x", "1 2 3", "1 2 1 a", "1 2 2 a\n", "1 2 1 b\n1 2 1 a\n", "1 2 1 a\n1 2 1 a\n", "01 2 1 a\n", "1 -2 1 a\n",
                           "1 1000000000 1 a\n", "99999999999999999999 0 1 a\n", "1 2 999 a\n", "1 2 1 a\n "}) {
    EXPECT_FALSE(LevelTable::from_text(text)) << text;
  }
  EXPECT_EQ(LevelTable::from_text("")->keys(), 0U);
}

TEST(SharedLimiter, RefusesConfigurationsOutOfRange) {
  const auto refused = [](auto change) {
    SharedLimitConfig config;
    change(config);
    EXPECT_THROW(validate(config), std::invalid_argument);
  };
  refused([](auto& c) { c.limit.algorithm = rate_limiter::Algorithm::sliding_log; });
  refused([](auto& c) { c.limit.permits = 0; });
  refused([](auto& c) { c.limit = {rate_limiter::Algorithm::gcra, 1, 366 * 24h, 101}; });
  refused([](auto& c) { c.name = ""; });
  refused([](auto& c) { c.records = 0; });
  refused([](auto& c) { c.keys_max = 3'001; });
  refused([](auto& c) { c.ask_again = 0ms; });
  refused([](auto& c) { c.without_store = static_cast<WithoutStore>(3); });
  EXPECT_NO_THROW(validate({}));
}

TEST(SharedLimiter, KeysOfARecordFitIntoIt) {
  store::MemoryStore store;
  SharedLimitConfig config;
  config.records = 1;
  config.keys_max = 3'000;
  config.limit = {rate_limiter::Algorithm::gcra, 1, 24h, 1};
  SharedLimiter limiter(config, store);
  const std::string tail(rate_limiter::key_bytes_max - 4, 'x');
  for (int key = 1000; key < 4000; ++key) ASSERT_FALSE(limiter.try_acquire(std::to_string(key) + tail)) << key;
  EXPECT_EQ(limiter.try_acquire("one more")->error, Error::overloaded);
  EXPECT_FALSE(limiter.without_store());
}

// RL12, S3-10: two connections to one file, as two processes have.
TEST(SharedLimiter, ManyWritersOfOneFileAdmitTheBurstAndNotOneMore) {
  const auto file = std::filesystem::temp_directory_path() / ("shared_limiter_test." + std::to_string(::getpid()) + ".db");
  std::filesystem::remove(file);
  {
    store::SqliteStore one(file), two(file);
    SharedLimitConfig config;
    config.limit = {rate_limiter::Algorithm::gcra, 1, 366 * 24h, 20};
    config.without_store = WithoutStore::refuse;
    SharedLimiter here(config, one), there(config, two);
    std::atomic<int> had{0};
    std::vector<std::thread> threads;
    for (SharedLimiter* limiter : {&here, &there, &here, &there}) {
      threads.emplace_back([&, limiter] {
        for (int i = 0; i < 10; ++i) had += !limiter->try_acquire("k");
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(here.counters().store_errors + there.counters().store_errors, 0U);
    EXPECT_EQ(had, 20);
  }
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace shared_limiter
