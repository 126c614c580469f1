// The lock manager, small enough that `explore` runs every interleaving (docs/explored.md).

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "lock_manager/fenced_store.h"
#include "lock_manager/lease.h"
#include "lock_manager/schema_freeze.h"
#include "together.h"

namespace {

using namespace std::chrono_literals;
using namespace lock_manager;
using common::mono_now;
using smallest::together;

std::unique_ptr<LockServer> open(store::VersionedStore& store) {
  ServerConfig config;
  config.waiters_max = 8;
  config.token_block = 100;
  return std::move(std::get<std::unique_ptr<LockServer>>(LockServer::open(config, store)));
}

}  // namespace

// LK1, LK2, LK9
FORESEED_SCENARIO(smallest_lock_exclusive, "two want one key: one at a time, the later under the larger token (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  const auto start = mono_now();
  std::uint64_t last = 0;  // guarded by the lock under test
  const auto use = [&] {
    LockClient client(*server, {});
    auto lease = client.acquire("k", Mode::exclusive, start + 1s);
    FORESEED_CHECK(std::holds_alternative<Lease>(lease));
    const auto token = std::get<Lease>(lease).token().number();
    FORESEED_CHECK(token > last);
    last = token;
  };
  together(use, use);
  FORESEED_CHECK(server->holders("k") == 0 && mono_now() == start);
}

// LK1; S3-20
FORESEED_SCENARIO(smallest_lock_shared, "two readers and a writer ask once each: readers side by side, the writer alone (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  std::atomic<int> readers{0}, writers{0};
  const auto use = [&](Mode mode) {
    LockClient client(*server, {});
    const auto lease = client.acquire("k", mode, mono_now());
    if (const auto* error = std::get_if<Error>(&lease)) return FORESEED_CHECK(*error == Error::locked);
    auto& mine = mode == Mode::exclusive ? writers : readers;
    ++mine;
    FORESEED_CHECK(writers == 0 || writers + readers == 1);
    --mine;
  };
  together([&] { use(Mode::shared); }, [&] { use(Mode::exclusive); });
  FORESEED_CHECK(server->holders("k") == 0);
  together([&] { use(Mode::shared); }, [&] { use(Mode::shared); });
}

// LK3, LK7; S3-19, S3-22
FORESEED_SCENARIO(smallest_lock_fenced, "a holder whose lease has ended writes while its successor does: what the successor wrote stays (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  FencedStore resource(store);
  LockClient slow(*server, {}), quick(*server, {});
  const auto first = slow.acquire("k", Mode::exclusive, mono_now());
  std::this_thread::sleep_for(10s);
  const auto second = quick.acquire("k", Mode::exclusive, mono_now());
  FORESEED_CHECK(!std::get<Lease>(first).valid() && std::get<Lease>(second).valid());
  together(
      [&] {
        const auto error = resource.write(std::get<Lease>(first).token(), "stale");
        FORESEED_CHECK(!error || *error == Error::stale_token);
      },
      [&] {
        FORESEED_CHECK(!resource.write(std::get<Lease>(second).token(), "new"));
        FORESEED_CHECK(!resource.write(std::get<Lease>(second).token(), "newer"));
      });
  FORESEED_CHECK(std::get<FencedValue>(resource.read("k")).value == "newer");
}

// LK5, LK6, LK11: what the first holder still sends concerns its own lease only
FORESEED_SCENARIO(smallest_lock_renewal, "a lease is renewed while it is released and another takes the key: nothing comes back to life (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  const auto grant = std::get<ServerGrant>(server->acquire(1, "k", Mode::exclusive, 10s, mono_now()));
  std::atomic<bool> released{false};
  together(
      [&] {
        const bool before = released;
        const auto renewed = server->renew(grant.token, 10s);
        if (before) FORESEED_CHECK(std::get<Error>(renewed) == Error::lease_lost);
      },
      [&] {
        FORESEED_CHECK(server->release(grant.token, grant.ticket));
        released = true;
        FORESEED_CHECK(!server->release(grant.token, grant.ticket));  // said again, after a lost reply
      },
      [&] {
        const auto next = server->acquire(2, "k", Mode::exclusive, 10s, mono_now());
        if (released) FORESEED_CHECK(server->holders("k") == std::holds_alternative<ServerGrant>(next));
      });
  FORESEED_CHECK(std::get<Error>(server->renew(grant.token, 10s)) == Error::lease_lost);
}

// LK10; S0-49
FORESEED_SCENARIO(smallest_lock_deadlock, "two take two keys crosswise: one is refused at once where they meet, the other has both (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  const auto start = mono_now();
  std::atomic<int> both{0};
  const auto cross = [&](const char* first, const char* second) {
    LockClient client(*server, {});
    const auto one = client.acquire(first, Mode::exclusive, start + 1s);
    FORESEED_CHECK(std::holds_alternative<Lease>(one));
    const auto two = client.acquire(second, Mode::exclusive, start + 1s);
    if (const auto* error = std::get_if<Error>(&two)) return FORESEED_CHECK(*error == Error::deadlock);
    ++both;
  };
  together([&] { cross("a", "b"); }, [&] { cross("b", "a"); });
  FORESEED_CHECK(both >= 1 && mono_now() == start);
}

// LK13; S3-43, S3-45
FORESEED_SCENARIO(smallest_freeze, "a branch is frozen while a resource of it is written: not both at once (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  SchemaFreeze schema(*server, {});
  std::atomic<bool> frozen{false};
  together(
      [&] {
        const auto pass = schema.begin_write({"main", "user"});
        if (std::holds_alternative<PathLease>(pass)) FORESEED_CHECK(!frozen);
      },
      [&] {
        auto freeze = schema.freeze({"main"}, mono_now());
        if (std::holds_alternative<Error>(freeze)) return FORESEED_CHECK(std::get<Error>(freeze) == Error::locked);
        frozen = true;
        frozen = false;
        std::get<Freeze>(freeze).end();
      });
  FORESEED_CHECK(std::holds_alternative<PathLease>(schema.begin_write({"main", "user"})));
}

// S3-46
FORESEED_SCENARIO(smallest_override, "a write under an override begins while its freeze ends and the next one begins: not in the next one (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  SchemaFreeze schema(*server, {}, [](const OverrideRecord&) { return true; });
  auto first = schema.freeze({"main"}, mono_now());
  const auto leave = schema.override_freeze({"main"}, "ann", "production is down", 1h);
  std::optional<Result<EmergencyPass>> pass;
  std::optional<Result<Freeze>> second;
  together([&] { pass.emplace(schema.begin_write(std::get<Override>(leave), {"main"})); },
           [&] {
             std::get<Freeze>(first).end();
             second.emplace(schema.freeze({"main"}, mono_now()));
           });
  const bool written = std::holds_alternative<EmergencyPass>(*pass), next = std::holds_alternative<Freeze>(*second);
  FORESEED_CHECK(!(written && next));
  if (!written) FORESEED_CHECK(std::get<Error>(*pass) == Error::lease_lost || std::get<Error>(*pass) == Error::locked);
  if (!next) FORESEED_CHECK(std::get<Error>(*second) == Error::locked);
}
