// The lock manager at its smallest: exclusion, a stalled holder, deadlock, a restart, the schema freeze.

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "lock_manager/fenced_store.h"
#include "lock_manager/lease.h"
#include "lock_manager/schema_freeze.h"

namespace {

using namespace std::chrono_literals;
using namespace lock_manager;
using common::mono_now;

ServerConfig server_config() {
  ServerConfig config;
  config.waiters_max = 8;
  config.token_block = 9;  // so that blocks are taken during the run as well
  return config;
}

ClientConfig client_config(Duration ttl = 10s) {
  ClientConfig config;
  config.ttl = ttl;
  return config;
}

std::unique_ptr<LockServer> open(store::VersionedStore& store) {
  return std::move(std::get<std::unique_ptr<LockServer>>(LockServer::open(server_config(), store)));
}

}  // namespace

FORESEED_SCENARIO(lock_exclusion, "two writers and a reader of one key: never a writer with another holder (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  std::atomic<int> writers{0}, readers{0};
  const auto use = [&](Mode mode) {
    LockClient client(*server, client_config());
    auto lease = client.acquire("k", mode, mono_now() + 60s);
    FORESEED_CHECK(std::holds_alternative<Lease>(lease));
    auto& mine = mode == Mode::exclusive ? writers : readers;
    ++mine;
    FORESEED_CHECK(writers == 0 || writers + readers == 1);
    std::this_thread::sleep_for(1s);
    --mine;
  };
  std::thread a(use, Mode::exclusive), b(use, Mode::exclusive), c(use, Mode::shared);
  a.join();
  b.join();
  c.join();
  FORESEED_CHECK(server->holders("k") == 0);
}

FORESEED_SCENARIO(lock_stalled_holder,
                  "a holder that is paused past its lease writes nothing over its successor (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  FencedStore resource(store);
  std::atomic<std::uint64_t> newest{0};  // that has written
  const auto write = [&](Duration pause, const char* value) {
    LockClient client(*server, client_config());
    auto acquired = client.acquire("k", Mode::exclusive, mono_now() + 60s);
    FORESEED_CHECK(std::holds_alternative<Lease>(acquired));
    const Lease& lease = std::get<Lease>(acquired);
    std::this_thread::sleep_for(pause);
    const auto error = resource.write(lease.token(), value);
    std::uint64_t before = newest;
    while (!error && before < lease.token().number() && !newest.compare_exchange_weak(before, lease.token().number())) {
    }
    const auto after = std::get<FencedValue>(resource.read("k"));
    FORESEED_CHECK(error ? *error == Error::stale_token : after.token >= lease.token().number());
    if (error) FORESEED_CHECK(after.token > lease.token().number());
  };
  std::thread stalled([&] { write(30s, "stalled"); });
  std::thread brisk([&] { write(1s, "brisk"); });
  stalled.join();
  brisk.join();
  // Both came to write in the order of their tokens, or the older was refused.
  FORESEED_CHECK(newest > 0 && std::get<FencedValue>(resource.read("k")).token == newest);
}

FORESEED_SCENARIO(lock_deadlock, "two sessions take two locks crosswise: one is refused, the other gets both (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  std::atomic<int> both{0}, victims{0};
  const auto cross = [&](const char* first, const char* second) {
    LockClient client(*server, client_config(50s));
    const auto start = mono_now();
    auto one = client.acquire(first, Mode::exclusive, start + 40s);
    FORESEED_CHECK(std::holds_alternative<Lease>(one));
    auto two = client.acquire(second, Mode::exclusive, start + 40s);
    if (std::holds_alternative<Lease>(two)) {
      ++both;
    } else {
      FORESEED_CHECK(std::get<Error>(two) == Error::deadlock);
      ++victims;
    }
    FORESEED_CHECK(mono_now() - start < 1s);
  };
  std::thread a(cross, "a", "b"), b(cross, "b", "a");
  a.join();
  b.join();
  FORESEED_CHECK(both >= 1 && both + victims == 2);
}

FORESEED_SCENARIO(lock_heartbeat, "a kept lease outlives its time-to-live; released, it is renewed no more (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  LockClient client(*server, client_config());
  auto lease = client.acquire("k", Mode::exclusive, mono_now());
  const auto token = std::get<Lease>(lease).token();
  KeptLease kept(std::move(std::get<Lease>(lease)), 10s, 1s);
  std::thread other([&] {
    LockClient waiter(*server, client_config());
    const auto next = waiter.acquire("k", Mode::exclusive, mono_now() + 60s);
    FORESEED_CHECK(std::holds_alternative<Lease>(next));
    FORESEED_CHECK(std::get<Lease>(next).token().number() > token.number());
    FORESEED_CHECK(std::get<Lease>(next).valid());
  });
  std::this_thread::sleep_for(25s);
  FORESEED_CHECK(!kept.lost().stop_requested());
  kept.release();
  FORESEED_CHECK(std::get<Error>(server->renew(token, 10s)) == Error::lease_lost);
  other.join();
}

FORESEED_SCENARIO(lock_restart,
                  "tokens grow across a restart and no lease of the life before overlaps a new one (holds)") {
  store::MemoryStore store;
  std::uint64_t before = 0;
  common::MonoTime lease_end;
  {
    const auto server = open(store);
    const auto grant = server->acquire(1, "k", Mode::exclusive, 60s, mono_now());
    before = std::get<ServerGrant>(grant).token.number();
    lease_end = std::get<ServerGrant>(grant).expires;
  }
  const auto server = open(store);
  const auto take = [&] {
    LockClient client(*server, client_config());
    const auto lease = client.acquire("k", Mode::exclusive, mono_now() + 100s);
    FORESEED_CHECK(std::holds_alternative<Lease>(lease));
    FORESEED_CHECK(std::get<Lease>(lease).token().number() > before && mono_now() >= lease_end);
  };
  std::thread a(take), b(take);
  a.join();
  b.join();
}

FORESEED_SCENARIO(freeze_toctou,
                  "a freeze and a write of the same resource: no write happens during the freeze (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  SchemaFreeze schema(*server, client_config());
  std::atomic<bool> frozen{false};
  std::thread writer([&] {
    for (int i = 0; i < 2; ++i) {
      const auto pass = schema.begin_write({"main", "user", "42"});
      if (std::holds_alternative<PathLease>(pass)) {
        FORESEED_CHECK(!frozen);
        std::this_thread::sleep_for(1s);
        FORESEED_CHECK(!frozen);
      } else {
        FORESEED_CHECK(std::get<Frozen>(pass).retry_after_s >= 1);
      }
    }
  });
  std::thread freezer([&] {
    auto result = schema.freeze({"main"}, mono_now() + 60s);
    FORESEED_CHECK(std::holds_alternative<Freeze>(result));
    frozen = true;
    std::this_thread::sleep_for(2s);
    frozen = false;
    std::get<Freeze>(result).end();
  });
  writer.join();
  freezer.join();
  FORESEED_CHECK(std::holds_alternative<PathLease>(schema.begin_write({"main", "user", "42"})));
}
