// The lock table by hand-turned time; server, leases and fencing with real threads, and no test that measures time.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <stdexcept>
#include <thread>
#include <type_traits>

#include "lock_manager/fenced_store.h"
#include "lock_manager/lease.h"
#include "lock_manager/schema_freeze.h"

namespace lock_manager {
namespace {

using namespace std::chrono_literals;
using common::mono_now;

static_assert(!std::is_copy_constructible_v<Lease> && std::is_nothrow_move_constructible_v<Lease>);

constexpr MonoTime zero = MonoTime(1000s);

struct Table : LockTable {
  Table() : LockTable(100, 100) { provide_tokens(1, 1'000'000); }
  Ticket ask(Session session, const std::string& key, Mode mode, MonoTime now = zero, Duration ttl = 10s) {
    return std::get<Ticket>(request(session, key, mode, ttl, now));
  }
  Grant must(Session session, const std::string& key, Mode mode, MonoTime now = zero, Duration ttl = 10s) {
    return granted(ask(session, key, mode, now, ttl)).value();
  }
};

constexpr Mode X = Mode::exclusive, S = Mode::shared;

TEST(LockModes, AreThoseOfMultipleGranularity) {  // LK13
  const bool matrix[4][4] = {
      {true, true, true, false}, {true, true, false, false}, {true, false, true, false}, {false, false, false, false}};
  for (int a = 0; a < 4; ++a) {
    for (int b = 0; b < 4; ++b) EXPECT_EQ(compatible(Mode(a), Mode(b)), matrix[a][b]) << a << b;
  }
}

TEST(LockTable, WaitersAreGrantedInOrderAndSharedOnesTogether) {  // LK1, LK9
  Table table;
  const Ticket holder = table.ask(1, "k", X);
  const Grant first = table.granted(holder).value();
  const Ticket s1 = table.ask(2, "k", S), s2 = table.ask(3, "k", S), x = table.ask(4, "k", X),
               s3 = table.ask(5, "k", S);
  EXPECT_FALSE(table.granted(s1));
  EXPECT_TRUE(table.release("k", first.token, holder, zero));
  const Grant a = table.granted(s1).value(), b = table.granted(s2).value();
  EXPECT_FALSE(table.granted(x));
  EXPECT_FALSE(table.granted(s3)) << "a reader must not overtake a writer that waits";
  EXPECT_LT(first.token, a.token);
  EXPECT_LT(a.token, b.token);
  table.release("k", a.token, s1, zero);
  EXPECT_FALSE(table.granted(x));
  table.release("k", b.token, s2, zero);
  EXPECT_GT(table.granted(x).value().token, b.token);
}

TEST(LockTable, ReentryKeepsTheTokenAndNeedsAsManyReleases) {
  Table table;
  const Ticket t1 = table.ask(1, "k", X), t2 = table.ask(1, "k", X);
  const Grant a = table.granted(t1).value(), b = table.granted(t2).value();
  EXPECT_EQ(a.token, b.token);
  EXPECT_TRUE(table.release("k", a.token, t1, zero));
  EXPECT_FALSE(table.release("k", a.token, t1, zero)) << "the same release again, after a lost reply (LK5)";
  const Ticket other = table.ask(2, "k", S);
  EXPECT_FALSE(table.granted(other));
  EXPECT_TRUE(table.release("k", a.token, t2, zero));
  EXPECT_TRUE(table.granted(other));
}

TEST(LockTable, LeaseEndsAtItsInstantAndCannotBeRevived) {  // LK11, S3-21, S3-24
  Table table;
  const Ticket ticket = table.ask(1, "k", X);
  const Grant a = table.granted(ticket).value();
  const Ticket waiter = table.ask(2, "k", X);
  EXPECT_TRUE(std::holds_alternative<MonoTime>(table.renew("k", a.token, 10s, zero + 9s)));
  table.expire(zero + 19s - 1ns);
  EXPECT_FALSE(table.granted(waiter));
  EXPECT_EQ(std::get<Error>(table.renew("k", a.token, 10s, zero + 19s)), Error::lease_lost);
  const Grant b = table.granted(waiter).value();
  EXPECT_EQ(b.expires, zero + 29s) << "its lease runs from the grant, not from the request (LK7)";
  EXPECT_FALSE(table.release("k", a.token, ticket, zero + 19s));
  EXPECT_EQ(table.holders("k"), 1U) << "the old holder's release left the new one alone (LK5)";
}

TEST(LockTable, RenewalNeverShortens) {
  Table table;
  const Grant a = table.must(1, "k", X);
  EXPECT_EQ(std::get<MonoTime>(table.renew("k", a.token, 1s, zero)), zero + 10s);
}

TEST(LockTable, ACycleOfWaitsIsRefused) {  // LK10
  Table table;
  table.must(1, "a", X);
  table.must(2, "b", X);
  table.must(3, "c", X);
  table.ask(1, "b", X);
  table.ask(2, "c", S);
  EXPECT_EQ(std::get<Error>(table.request(3, "a", S, 10s, zero)), Error::deadlock);
  table.ask(4, "a", S);  // waits, without a cycle
}

TEST(LockTable, TwoUpgradesDeadlockAndOneIsRefused) {  // S3-20
  Table table;
  table.must(1, "k", S);
  const Ticket ticket = table.ask(2, "k", S);
  const Grant second = table.granted(ticket).value();
  const Ticket upgrade = table.ask(1, "k", X);
  EXPECT_EQ(std::get<Error>(table.request(2, "k", X, 10s, zero)), Error::deadlock);
  EXPECT_FALSE(table.granted(upgrade));
  table.release("k", second.token, ticket, zero);
  EXPECT_TRUE(table.granted(upgrade));
}

TEST(LockTable, WithdrawalLetsThoseBehindThrough) {
  Table table;
  table.must(1, "k", S);
  const Ticket x = table.ask(2, "k", X), s = table.ask(3, "k", S);
  table.withdraw(x, zero);
  EXPECT_TRUE(table.granted(s));
}

TEST(LockTable, IsBoundedAndForgetsUnusedKeys) {
  LockTable table(2, 1);
  table.provide_tokens(1, 100);
  const auto ask = [&](Session session, const char* key) { return table.request(session, key, X, 10s, zero); };
  const Ticket a = std::get<Ticket>(ask(1, "a"));
  const Grant grant = table.granted(a).value();
  EXPECT_TRUE(std::holds_alternative<Ticket>(ask(1, "b")));
  EXPECT_EQ(std::get<Error>(ask(1, "c")), Error::overloaded);
  EXPECT_TRUE(std::holds_alternative<Ticket>(ask(2, "a")));
  EXPECT_EQ(std::get<Error>(ask(3, "a")), Error::overloaded);
  table.release("a", grant.token, a, zero);
  table.expire(zero + 1h);
  EXPECT_TRUE(std::holds_alternative<Ticket>(table.request(1, "c", X, 10s, zero + 1h)));
}

TEST(LockTable, RunsOutOfTokensRatherThanReuseOne) {
  LockTable table(10, 10);
  table.provide_tokens(1, 2);
  EXPECT_TRUE(std::holds_alternative<Ticket>(table.request(1, "a", X, 10s, zero)));
  EXPECT_EQ(std::get<Error>(table.request(1, "b", X, 10s, zero)), Error::unavailable);
  table.provide_tokens(1, 2);
  EXPECT_EQ(std::get<Error>(table.request(1, "b", X, 10s, zero)), Error::unavailable);
}

/// Against the rules, one by one, on random histories.
TEST(LockTable, HoldersAreAlwaysCompatibleAndTokensGrow) {  // LK1, LK2
  std::mt19937_64 random(3);
  struct Held {
    Session session;
    Mode mode;
    Grant grant;
    Ticket ticket;
  };
  for (int round = 0; round < 200; ++round) {
    Table table;
    MonoTime now = zero;
    std::map<Ticket, std::pair<Session, Mode>> waiting;
    std::vector<Held> held;
    std::uint64_t last_token = 0;
    for (int step = 0; step < 100; ++step) {
      now += std::chrono::milliseconds(random() % 500);
      if (random() % 2 == 0) {
        const Session session = 1 + random() % 4;
        const Mode mode = Mode(random() % 4);
        const auto asked = table.request(session, "k", mode, 2s, now);
        if (const auto* ticket = std::get_if<Ticket>(&asked)) waiting[*ticket] = {session, mode};
      } else if (!held.empty()) {
        const std::size_t victim = random() % held.size();
        table.release("k", held[victim].grant.token, held[victim].ticket, now);
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(victim));
      }
      table.expire(now);
      std::erase_if(held, [&](const Held& h) {
        return std::holds_alternative<Error>(table.renew("k", h.grant.token, 1ns, now));
      });
      const std::uint64_t before = last_token;  // of several grants in one step the order is not seen
      for (auto it = waiting.begin(); it != waiting.end();) {
        if (const auto grant = table.granted(it->first)) {
          const auto [session, mode] = it->second;
          const bool again =
              std::any_of(held.begin(), held.end(), [&](const Held& h) { return h.grant.token == grant->token; });
          if (!again) {
            EXPECT_GT(grant->token, before);
            last_token = std::max(last_token, grant->token);
          }
          held.push_back({session, mode, *grant, it->first});
          it = waiting.erase(it);
        } else {
          ++it;
        }
      }
      for (const Held& a : held) {
        for (const Held& b : held) EXPECT_TRUE(a.session == b.session || compatible(a.mode, b.mode));
      }
    }
  }
}

ServerConfig small_server() {
  ServerConfig config;
  config.ttl_max = 1h;
  return config;
}
ClientConfig long_leases() {
  ClientConfig config;
  config.ttl = 1h;
  return config;
}
std::unique_ptr<LockServer> open_server(store::VersionedStore& store, ServerConfig config = small_server()) {
  return std::move(std::get<std::unique_ptr<LockServer>>(LockServer::open(config, store)));
}

TEST(LockServer, TokensGrowAcrossRestartsAndBlocks) {  // LK2
  store::MemoryStore store;
  ServerConfig config = small_server();
  config.ttl_max = 1ms;
  config.waiters_max = 1;
  config.token_block = 2;
  std::uint64_t last = 0;
  for (int life = 0; life < 3; ++life) {
    const auto server = open_server(store, config);
    for (int i = 0; i < 5; ++i) {
      auto grant = server->acquire(1, "k", X, 1ms, mono_now() + 1h);
      const ServerGrant& granted = std::get<ServerGrant>(grant);
      EXPECT_GT(granted.token.number(), last);
      last = granted.token.number();
      server->release(granted.token, granted.ticket);
    }
  }
}

TEST(LockServer, GrantsNothingWhileLeasesOfTheLifeBeforeMayRun) {  // LK11
  store::MemoryStore store;
  open_server(store);
  const auto second = open_server(store);
  EXPECT_EQ(std::get<Error>(second->acquire(1, "k", X, 1s, mono_now())), Error::unavailable);
}

TEST(LockServer, TheOlderOfTwoIsDeposed) {
  store::MemoryStore store;
  ServerConfig config = small_server();
  config.waiters_max = 1;
  config.token_block = 2;
  const auto first = open_server(store, config);
  const auto second = open_server(store, config);
  std::optional<Error> error;
  for (int i = 0; i < 3 && !error; ++i) {
    auto result = first->acquire(1, std::to_string(i), X, 1s, mono_now());
    if (auto* failed = std::get_if<Error>(&result)) error = *failed;
  }
  EXPECT_EQ(error, Error::closed);
}

TEST(LockServer, BadRequestsAndRecordsAreErrors) {
  store::MemoryStore store;
  const auto server = open_server(store);
  EXPECT_EQ(std::get<Error>(server->acquire(1, "", X, 1s, mono_now())), Error::invalid_argument);
  EXPECT_EQ(std::get<Error>(server->acquire(1, std::string(1 << 20, 'k'), X, 1s, mono_now())), Error::invalid_argument);
  EXPECT_EQ(std::get<Error>(server->acquire(1, "k", X, 0s, mono_now())), Error::invalid_argument);
  EXPECT_EQ(std::get<Error>(server->acquire(1, "k", X, 2h, mono_now())), Error::invalid_argument);
  store::MemoryStore broken;
  broken.put("locks", 0, "not a record");
  EXPECT_EQ(std::get<Error>(LockServer::open(small_server(), broken)), Error::internal);
}

TEST(LockServer, StopAndCloseEndAWait) {
  store::MemoryStore store;
  const auto server = open_server(store);
  const auto held = server->acquire(1, "k", X, 1h, mono_now());
  std::stop_source stop;
  std::optional<Error> stopped, closed;
  std::thread a([&] { stopped = std::get<Error>(server->acquire(2, "k", X, 1h, MonoTime::max(), stop.get_token())); });
  std::thread b([&] { closed = std::get<Error>(server->acquire(3, "k", X, 1h, MonoTime::max())); });
  stop.request_stop();
  a.join();
  server->close();
  b.join();
  EXPECT_EQ(stopped, Error::cancelled);
  EXPECT_EQ(closed, Error::closed);
}

TEST(Lease, IsBelievedForLessThanTheServerGrants) {  // LK4
  store::MemoryStore store;
  const auto server = open_server(store);
  LockClient client(*server, long_leases());
  const MonoTime before = mono_now();
  auto lease = client.acquire("k", X, before);
  const Lease& held = std::get<Lease>(lease);
  EXPECT_GE(held.valid_until(), before + Duration(1h) * 99 / 100 - 100ms);
  EXPECT_LE(held.valid_until(), mono_now() + Duration(1h) * 99 / 100 - 100ms);
  EXPECT_TRUE(held.valid());
}

TEST(Lease, EndsWithItsOwnerAndOnlyOnce) {
  store::MemoryStore store;
  const auto server = open_server(store);
  LockClient client(*server, long_leases());
  {
    auto lease = client.acquire("k", X, mono_now());
    Lease moved = std::move(std::get<Lease>(lease));
    EXPECT_FALSE(std::get<Lease>(lease).release());
    EXPECT_EQ(server->holders("k"), 1U);
  }
  EXPECT_EQ(server->holders("k"), 0U);
}

TEST(FencedStore, RefusesOlderTokens) {  // LK3, B-57
  store::MemoryStore store;
  FencedStore fenced(store);
  const auto token = [](std::uint64_t number) { return FencingToken::from_wire("k", number); };
  EXPECT_EQ(fenced.write(token(5), "five"), std::nullopt);
  EXPECT_EQ(fenced.write(token(4), "four"), Error::stale_token);
  EXPECT_EQ(fenced.write(token(5), "five again"), std::nullopt);
  EXPECT_EQ(fenced.write(token(6), std::string("s i\0x", 5)), std::nullopt);
  const FencedValue value = std::get<FencedValue>(fenced.read("k"));
  EXPECT_EQ(value.token, 6U);
  EXPECT_EQ(value.value, std::string("s i\0x", 5));
  store.put("fenced/broken", 0, "x");
  EXPECT_EQ(std::get<Error>(fenced.read("broken")), Error::internal);
}

TEST(KeptLease, SaysWhenItIsLost) {  // LK8
  store::MemoryStore store;
  const auto server = open_server(store);
  ClientConfig config;
  config.ttl = 30ms;
  config.margin = 1ms;
  LockClient client(*server, config);
  auto lease = client.acquire("k", X, mono_now() + 1h);
  KeptLease kept(std::move(std::get<Lease>(lease)), config.ttl, 1ms);
  server->close();
  while (!kept.lost().stop_requested()) std::this_thread::sleep_for(1ms);
}

TEST(PathKey, IsInjective) {  // S3-26
  EXPECT_NE(path_key({"ab", "c"}, 2), path_key({"a", "bc"}, 2));
  EXPECT_NE(path_key({"a/", "b"}, 2), path_key({"a", "/b"}, 2));
}

TEST(SchemaFreeze, ExcludesWritesBelowItAndNothingElse) {  // S3-45
  store::MemoryStore store;
  const auto server = open_server(store);
  SchemaFreeze schema(*server, long_leases());
  auto frozen = schema.freeze({"main", "user"}, mono_now());
  auto& freeze = std::get<Freeze>(frozen);
  EXPECT_TRUE(std::holds_alternative<Frozen>(schema.begin_write({"main", "user", "42"})));
  EXPECT_TRUE(std::holds_alternative<Frozen>(schema.begin_write({"main", "user"})));
  EXPECT_TRUE(std::holds_alternative<PathLease>(schema.begin_write({"main", "order", "42"})));
  EXPECT_TRUE(std::holds_alternative<PathLease>(schema.begin_write({"dev", "user", "42"})));
  EXPECT_EQ(std::get<Error>(schema.freeze({"main"}, mono_now())), Error::locked);
  freeze.end();
  EXPECT_TRUE(std::holds_alternative<PathLease>(schema.begin_write({"main", "user", "42"})));
}

TEST(SchemaFreeze, WaitsForWritesInItsWay) {  // S3-43
  store::MemoryStore store;
  const auto server = open_server(store);
  SchemaFreeze schema(*server, long_leases());
  auto first = schema.begin_write({"main", "user", "1"}), second = schema.begin_write({"main", "user", "1"});
  EXPECT_TRUE(std::holds_alternative<PathLease>(first) && std::holds_alternative<PathLease>(second));
  EXPECT_EQ(std::get<Error>(schema.freeze({"main"}, mono_now())), Error::locked);
  std::get<PathLease>(first).release();
  EXPECT_EQ(std::get<Error>(schema.freeze({"main"}, mono_now())), Error::locked);
  std::get<PathLease>(second).release();
  EXPECT_TRUE(std::holds_alternative<Freeze>(schema.freeze({"main"}, mono_now())));
}

TEST(SchemaFreeze, TellsItsProgress) {  // S3-44
  store::MemoryStore store;
  const auto server = open_server(store);
  SchemaFreeze schema(*server, long_leases());
  auto frozen = schema.freeze({"main"}, mono_now());
  auto& freeze = std::get<Freeze>(frozen);
  const auto ask = [&] { return std::get<Frozen>(schema.begin_write({"main", "user"})); };
  EXPECT_EQ(ask().progress_percent, 0U);
  freeze.set_progress(60);
  freeze.set_progress(50);
  EXPECT_EQ(ask().progress_percent, 60U);
  freeze.set_progress(1000);
  EXPECT_EQ(ask().progress_percent, 100U);
  EXPECT_EQ(ask().eta, Duration(0));
  EXPECT_EQ(ask().retry_after_s, 1);
}

TEST(SchemaFreeze, IsOverriddenInAnEmergency) {  // S3-46
  store::MemoryStore store;
  const auto server = open_server(store);
  int audited = 0;
  SchemaFreeze schema(*server, long_leases(), [&](const OverrideRecord&) { return ++audited > 0; });
  auto frozen = schema.freeze({"main"}, mono_now());
  const std::string why = "production is down, ticket 4711";
  const auto leave = schema.override_freeze({"main", "user"}, "ann", why, std::chrono::minutes(5));
  EXPECT_EQ(audited, 1);
  FencedStore resource(store);
  {
    auto pass = schema.begin_write(std::get<Override>(leave), {"main", "user", "42"});
    EXPECT_EQ(resource.write(std::get<EmergencyPass>(pass).token(), "mended"), std::nullopt);
    std::get<Freeze>(frozen).end();
    EXPECT_EQ(std::get<Error>(schema.freeze({"main"}, mono_now())), Error::locked) << "it is still being written";
  }
  EXPECT_FALSE(std::get<Override>(leave).live());
  EXPECT_EQ(std::get<Error>(schema.begin_write(std::get<Override>(leave), {"main", "user", "42"})), Error::lease_lost);
  auto again = schema.freeze({"main"}, mono_now());
  ASSERT_TRUE(std::holds_alternative<Freeze>(again));
  EXPECT_FALSE(std::get<Override>(leave).live()) << "another freeze";
  std::get<Freeze>(again).end();
  // An ordinary write comes later, and its token says so.
  const auto pass = schema.begin_write({"main", "user", "42"});
  EXPECT_EQ(resource.write(std::get<PathLease>(pass).leaf().token(), "changed"), std::nullopt);

  SchemaFreeze unaudited(*server, long_leases());
  auto other = unaudited.freeze({"dev"}, mono_now());
  EXPECT_EQ(std::get<Error>(unaudited.override_freeze({"dev"}, "ann", why, std::chrono::minutes(5))), Error::unavailable);
}

TEST(LockConfig, NumbersOutOfRangeAreRefused) {
  store::MemoryStore store;
  ServerConfig server = small_server();
  server.token_block = 1;
  EXPECT_THROW(LockServer::open(server, store), std::invalid_argument);
  ClientConfig client;
  client.margin = client.ttl;
  EXPECT_THROW(validate(client), std::invalid_argument);
}

}  // namespace
}  // namespace lock_manager
