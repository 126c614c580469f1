// The cache's decisions by hand-turned clocks; flights with real threads that wait for facts, not for durations.
#include "auth_cache/auth_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <random>
#include <stdexcept>
#include <thread>

#include "auth_cache/jwks_cache.h"

namespace auth_cache {
namespace {

using namespace std::chrono_literals;
using common::mono_now;
using common::wall_now;

constexpr MonoTime t0 = MonoTime(1000s);
constexpr WallTime w0 = WallTime(1'700'000'000s);

Config plain() {
  Config config;
  config.jitter_percent = 0;
  return config;
}

Claims alice(WallTime expires = w0 + 1h) { return {"alice", {"orders:read", "orders:write"}, expires, std::nullopt}; }

TokenHash hash(const std::string& text) { return hash_of(text).value(); }

void put(AuthTable& table, const std::string& token, const Answer& answer, MonoTime t = t0) {
  table.end_load(hash(token), answer, table.begin_load(), t);
}

std::optional<Error> refused(const std::optional<Decision>& decision) {
  if (!decision || !std::holds_alternative<Error>(*decision)) return std::nullopt;
  return std::get<Error>(*decision);
}

TEST(TokenHash, IsSha256OfTheExactBytes) {  // AU7
  const TokenHash abc = hash("abc");        // FIPS 180-2, B.1
  EXPECT_EQ(abc[0], 0xba);
  EXPECT_EQ(abc[31], 0xad);
  EXPECT_NE(hash(std::string("a\0b", 3)), hash("a"));
}

TEST(AuthTable, EntriesEndByMonotonicTimeAndTokensByWallTime) {  // AU1, S3-39
  AuthTable table(plain());
  put(table, "t", alice(w0 + 30s));
  EXPECT_TRUE(table.find(hash("t"), {}, t0 + 60s - 1ns, w0));
  EXPECT_EQ(refused(table.find(hash("t"), {}, t0, w0 + 30s)), Error::unauthenticated)
      << "expired at the instant itself";
  EXPECT_EQ(refused(table.find(hash("t"), {}, t0, w0 + 30s - 1ns)), std::nullopt);
  EXPECT_FALSE(table.find(hash("t"), {}, t0 + 60s, w0 - 365 * 24h)) << "a wall clock set back makes nothing immortal";
}

TEST(AuthTable, LeewayMovesBothDates) {  // B-84
  Config config = plain();
  config.leeway = 5s;
  AuthTable table(config);
  Claims claims = alice(w0 + 30s);
  claims.not_before = w0;
  put(table, "t", claims);
  EXPECT_TRUE(refused(table.find(hash("t"), {}, t0, w0 - 5s - 1ns)));
  EXPECT_FALSE(refused(table.find(hash("t"), {}, t0, w0 - 5s)));
  EXPECT_FALSE(refused(table.find(hash("t"), {}, t0, w0 + 35s - 1ns)));
  EXPECT_TRUE(refused(table.find(hash("t"), {}, t0, w0 + 35s)));
}

TEST(AuthTable, DatesAtTheClocksEndOverflowNothing) {
  Config config = plain();
  config.leeway = 300s;
  AuthTable table(config);
  put(table, "t", alice(WallTime::max()));
  EXPECT_FALSE(refused(table.find(hash("t"), {}, t0, w0)));
}

TEST(AuthTable, ScopesAreCheckedOnEveryHit) {  // S3-40
  AuthTable table(plain());
  put(table, "t", alice());
  EXPECT_FALSE(refused(table.find(hash("t"), {"orders:read"}, t0, w0)));
  EXPECT_EQ(refused(table.find(hash("t"), {"admin"}, t0, w0)), Error::forbidden);
}

TEST(AuthTable, ErrorsAreNeverCachedAndRefusalsNotForLong) {  // AU6
  AuthTable table(plain());
  put(table, "down", Error::unavailable);
  EXPECT_FALSE(table.find(hash("down"), {}, t0, w0));
  put(table, "forged", Denied{});
  EXPECT_EQ(refused(table.find(hash("forged"), {}, t0 + 10s - 1ns, w0)), Error::unauthenticated);
  EXPECT_FALSE(table.find(hash("forged"), {}, t0 + 10s, w0));
}

TEST(AuthTable, AMillionForgedTokensEvictNoGoodOne) {  // S0-41, AU5
  Config config = plain();
  config.entries_max = config.negative_max = 100;
  AuthTable table(config);
  for (int i = 0; i < 100; ++i) put(table, "good" + std::to_string(i), alice());
  for (int i = 0; i < 20'000; ++i) put(table, "forged" + std::to_string(i), Denied{});
  EXPECT_EQ(table.negative_entries(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(table.find(hash("good" + std::to_string(i)), {}, t0, w0));
  table.find(hash("good0"), {}, t0, w0);
  put(table, "one more", alice());
  EXPECT_EQ(table.entries(), 100U);
  EXPECT_TRUE(table.find(hash("good0"), {}, t0, w0)) << "the least recently used leaves";
  EXPECT_FALSE(table.find(hash("good1"), {}, t0, w0));
}

TEST(AuthTable, RevocationReachesEntriesAndLoadsUnderWay) {  // AU2
  AuthTable table(plain());
  put(table, "t", alice());
  table.revoke_subject("alice");
  EXPECT_FALSE(table.find(hash("t"), {}, t0, w0));
  const auto before = table.begin_load();
  const auto other = table.begin_load();
  table.revoke_subject("alice");
  EXPECT_FALSE(table.end_load(hash("t"), alice(), before, t0));
  EXPECT_FALSE(table.find(hash("t"), {}, t0, w0));
  Claims bob = alice();
  bob.subject = "bob";
  EXPECT_TRUE(table.end_load(hash("b"), bob, other, t0)) << "of somebody else";
  const auto again = table.begin_load();
  EXPECT_TRUE(table.end_load(hash("t"), alice(), again, t0)) << "begun after";
  const auto third = table.begin_load();
  table.revoke_token(hash("t"));
  EXPECT_FALSE(table.end_load(hash("t"), alice(), third, t0));
  const auto fourth = table.begin_load();
  table.revoke_all();
  EXPECT_FALSE(table.end_load(hash("t"), alice(), fourth, t0));
  EXPECT_EQ(table.entries(), 0U);
}

TEST(AuthTable, MoreRevocationsThanItCanTellApartVoidAllLoads) {
  Config config = plain();
  config.revocations_max = 2;
  AuthTable table(config);
  const auto epoch = table.begin_load();
  for (int i = 0; i < 3; ++i) table.revoke_subject(std::to_string(i));
  EXPECT_FALSE(table.end_load(hash("t"), alice(), epoch, t0));
}

TEST(AuthTable, DecidesAsWithoutACache) {  // AU3: transparent while nothing is revoked
  std::mt19937_64 random(5);
  AuthTable table(plain());
  std::map<std::string, Claims> truth;
  for (int i = 0; i < 20; ++i) {
    Claims claims = alice(w0 + std::chrono::seconds(random() % 100));
    if (i % 3 == 0) claims.not_before = w0 + std::chrono::seconds(random() % 50);
    if (i % 2 == 0) claims.scopes = {"orders:read"};
    truth[std::to_string(i)] = claims;
  }
  for (int step = 0; step < 5000; ++step) {
    const std::string token = std::to_string(random() % 20);
    const Scopes required = random() % 2 ? Scopes{"orders:write"} : Scopes{};
    const WallTime w = w0 + std::chrono::seconds(random() % 120);
    const MonoTime t = t0 + std::chrono::milliseconds(step * 7);
    auto cached = table.find(hash(token), required, t, w);
    if (!cached) {
      put(table, token, truth[token], t);
      cached = table.find(hash(token), required, t, w);
    }
    const Decision direct = decide(truth[token], required, 0s, w);
    ASSERT_EQ(refused(cached), refused(direct));
  }
}

Claims fresh_alice() { return alice(wall_now() + 1h); }

TEST(AuthCache, AsksOnceForManyWaiters) {  // AU4, S0-27
  std::promise<void> arrived, go;
  std::atomic<int> asked{0};
  AuthCache cache(Config{}, [&](const std::string&, MonoTime) -> Answer {
    if (++asked == 1) arrived.set_value();
    go.get_future().wait();
    return fresh_alice();
  });
  std::vector<std::thread> threads;
  std::atomic<int> granted{0};
  const auto call = [&] { granted += std::holds_alternative<Claims>(cache.validate("t", {}, mono_now() + 1h)); };
  threads.emplace_back(call);
  arrived.get_future().wait();
  for (int i = 0; i < 3; ++i) threads.emplace_back(call);
  while (cache.counters().joined < 3) std::this_thread::yield();
  go.set_value();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(granted, 4);
}

TEST(AuthCache, EveryWaiterGetsTheFlightsErrorAndTheNextCallAsksAgain) {  // B-77, AU6
  int asked = 0;
  AuthCache cache(Config{}, [&](const std::string&, MonoTime) -> Answer {
    ++asked;
    if (asked == 1) return Error::unavailable;
    if (asked == 2) throw std::runtime_error("broken");
    return fresh_alice();
  });
  EXPECT_EQ(std::get<Error>(cache.validate("t", {}, mono_now() + 1h)), Error::unavailable);
  EXPECT_EQ(std::get<Error>(cache.validate("t", {}, mono_now() + 1h)), Error::internal);
  EXPECT_TRUE(std::holds_alternative<Claims>(cache.validate("t", {}, mono_now() + 1h)));
}

TEST(AuthCache, AnAnswerThatARevocationOvertookIsAskedForAgain) {  // AU2
  AuthCache* self = nullptr;
  int asked = 0;
  AuthCache cache(Config{}, [&](const std::string&, MonoTime) -> Answer {
    if (++asked > 1) return Denied{};
    self->revoke_subject("alice");
    return fresh_alice();
  });
  self = &cache;
  EXPECT_EQ(std::get<Error>(cache.validate("t", {}, mono_now() + 1h)), Error::unauthenticated);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(cache.counters().overtaken, 1U);
}

TEST(AuthCache, RefusesRubbishWithoutAsking) {  // S0-02, S0-26
  AuthCache cache(Config{}, [](const std::string&, MonoTime) -> Answer {
    ADD_FAILURE();
    return Denied{};
  });
  EXPECT_EQ(std::get<Error>(cache.validate("", {}, mono_now() + 1h)), Error::invalid_argument);
  EXPECT_EQ(std::get<Error>(cache.validate(std::string(1 << 20, 'x'), {}, mono_now() + 1h)), Error::invalid_argument);
  EXPECT_EQ(std::get<Error>(cache.validate("t", {}, mono_now())), Error::deadline_exceeded);
}

JwksConfig slow_jwks() {
  JwksConfig config;
  config.ttl = 1h;
  config.cooldown = 1h;
  return config;
}

TEST(JwksCache, UnknownKeyIdsCauseOneFetchInACoolDown) {  // AU8, B-82, S2-07
  JwksCache cache(slow_jwks(), [](MonoTime) -> common::Result<KeySet> { return KeySet{{"k1", "key one"}}; });
  EXPECT_EQ(std::get<std::string>(cache.find("k1", mono_now() + 1h)), "key one");
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(std::get<Error>(cache.find(std::to_string(i), mono_now() + 1h)), Error::unauthenticated);
  }
  EXPECT_EQ(cache.fetches(), 1U);
}

TEST(JwksCache, ABadAnswerWipesNoKeyAndWithoutKeysItFailsClosed) {
  JwksConfig config = slow_jwks();
  config.cooldown = 1ms;
  config.keys_max = 2;
  std::vector<common::Result<KeySet>> answers{Error::unavailable,
                                              KeySet{{"k1", "one"}},
                                              KeySet{},
                                              Error::unavailable,
                                              KeySet{{"a", ""}, {"b", ""}, {"c", ""}},
                                              KeySet{{"k2", "two"}}};
  std::size_t next = 0;
  JwksCache cache(config, [&](MonoTime) { return answers.at(next++); });
  const auto after_cooldown = [&](const std::string& id) {
    std::this_thread::sleep_for(2ms);
    return cache.find(id, mono_now() + 1h);
  };
  EXPECT_EQ(std::get<Error>(after_cooldown("k1")), Error::unavailable);
  EXPECT_EQ(std::get<std::string>(after_cooldown("k1")), "one");
  for (int bad = 0; bad < 3; ++bad) {
    EXPECT_EQ(std::get<Error>(after_cooldown("k2")), Error::unauthenticated);
    EXPECT_EQ(std::get<std::string>(cache.find("k1", mono_now() + 1h)), "one");
  }
  EXPECT_EQ(std::get<std::string>(after_cooldown("k2")), "two");
  const auto removed = cache.find("k1", mono_now());  // rotated out: asked for, or in the cool-down refused
  EXPECT_TRUE(std::holds_alternative<Error>(removed));
}

TEST(AuthConfig, NumbersOutOfRangeAreRefused) {
  Config config;
  config.negative_ttl = config.ttl + 1ns;
  EXPECT_THROW(AuthTable{config}, std::invalid_argument);
  JwksConfig jwks;
  jwks.cooldown = jwks.ttl + 1ns;
  EXPECT_THROW(validate(jwks), std::invalid_argument);
}

}  // namespace
}  // namespace auth_cache
