// Leases, tokens and queues of the lock manager, rule by rule.

#include <foreseed/scenario.h>
#include <foreseed/world.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
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
  config.token_block = 9;
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

ServerGrant granted(LockServer& server, Session session, Mode mode, MonoTime deadline = mono_now()) {
  const auto result = server.acquire(session, "k", mode, 10s, deadline);
  const bool is_granted = std::holds_alternative<ServerGrant>(result);
  FORESEED_CHECK(is_granted);
  return std::get<ServerGrant>(result);
}

}  // namespace

FORESEED_SCENARIO(lock_expiry, "a lease ends at its time, once: not renewed after it, and its release frees nobody else's (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  const auto start = mono_now();
  const auto old = granted(*server, 1, Mode::exclusive);
  FORESEED_CHECK(old.expires == start + 10s);
  std::this_thread::sleep_for(6s);
  FORESEED_CHECK(std::get<MonoTime>(server->renew(old.token, 10s)) == start + 16s);
  std::optional<ServerGrant> next;
  std::thread waiter([&] {
    next = granted(*server, 2, Mode::exclusive, start + 60s);
    FORESEED_CHECK(mono_now() == start + 16s);  // the holder never said that it was done
  });
  waiter.join();
  FORESEED_CHECK(next->token.number() > old.token.number());
  FORESEED_CHECK(server->renew(old.token, 10s) == Result<MonoTime>(Error::lease_lost));
  std::thread late([&] { FORESEED_CHECK(!server->release(old.token, old.ticket)); });
  std::thread third([&] {
    const auto refused = server->acquire(3, "k", Mode::exclusive, 10s, mono_now());
    FORESEED_CHECK(std::get<Error>(refused) == Error::locked);
  });
  late.join();
  third.join();
  FORESEED_CHECK(server->holders("k") == 1);
  std::this_thread::sleep_for(10s);
  FORESEED_CHECK(server->renew(next->token, 10s) == Result<MonoTime>(Error::lease_lost));
  FORESEED_CHECK(server->holders("k") == 0);
}

FORESEED_SCENARIO(lock_fairness, "a reader does not overtake a writer in line, who is woken at once; who leaves the line blocks nobody (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  const auto start = mono_now();
  const auto reading = granted(*server, 1, Mode::shared);
  const bool gives_up = foreseed::choose(2) == 1;
  std::thread writer([&] {
    const auto result = server->acquire(2, "k", Mode::exclusive, 10s, start + (gives_up ? 3s : 60s));
    if (gives_up) return FORESEED_CHECK(std::get<Error>(result) == Error::locked && mono_now() == start + 3s);
    FORESEED_CHECK(std::holds_alternative<ServerGrant>(result) && mono_now() == start + 5s);
    std::this_thread::sleep_for(1s);
    const auto& grant = std::get<ServerGrant>(result);
    FORESEED_CHECK(server->release(grant.token, grant.ticket));
  });
  std::this_thread::sleep_for(1s);
  std::thread reader([&] {
    granted(*server, 3, Mode::shared, start + 60s);
    FORESEED_CHECK(mono_now() == start + (gives_up ? 3s : 6s));
  });
  std::this_thread::sleep_for(4s);
  FORESEED_CHECK(server->release(reading.token, reading.ticket));
  writer.join();
  reader.join();
}

FORESEED_SCENARIO(lock_reentrant, "taken twice by one session it is one lease, held until it is released twice, not once more (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  const auto one = granted(*server, 1, Mode::exclusive);
  const auto two = granted(*server, 1, Mode::exclusive);
  FORESEED_CHECK(one.token.number() == two.token.number());
  std::atomic<bool> free{false};
  std::thread other([&] {
    granted(*server, 2, Mode::exclusive, mono_now() + 60s);
    FORESEED_CHECK(free);
  });
  std::this_thread::sleep_for(1s);
  FORESEED_CHECK(server->release(one.token, one.ticket));
  FORESEED_CHECK(!server->release(one.token, one.ticket));  // said again, as after a lost reply
  FORESEED_CHECK(server->holders("k") == 1);
  std::this_thread::sleep_for(1s);
  free = true;
  FORESEED_CHECK(server->release(two.token, two.ticket));
  other.join();
}

FORESEED_SCENARIO(lock_cancelled, "who is stopped while waiting, or granted meanwhile, leaves no lock behind (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  LockClient holder(*server, client_config()), waiter(*server, client_config());
  const auto start = mono_now();
  std::stop_source stop;
  {
    const auto held = holder.acquire("k", Mode::exclusive, start);
    FORESEED_CHECK(std::holds_alternative<Lease>(held));
    std::thread waiting([&] {
      const auto result = waiter.acquire("k", Mode::exclusive, start + 60s, stop.get_token());
      if (std::holds_alternative<Error>(result)) FORESEED_CHECK(std::get<Error>(result) == Error::cancelled);
    });
    std::this_thread::sleep_for(1s);
    std::thread stopper([&] { stop.request_stop(); });
    if (foreseed::choose(2) == 0) stopper.join();
    std::get<Lease>(const_cast<Result<Lease>&>(held)).release();
    waiting.join();
    FORESEED_CHECK(mono_now() == start + 1s);
    if (stopper.joinable()) stopper.join();
  }
  FORESEED_CHECK(server->holders("k") == 0);
}

FORESEED_SCENARIO(lock_belief, "a client that is paused at any point stops believing before somebody else is granted (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  std::atomic<std::int64_t> believed_until{0};
  const bool renews = foreseed::choose(2) == 1;
  foreseed::Host holder("holder", [&] {
    LockClient client(*server, client_config());
    auto acquired = client.acquire("k", Mode::exclusive, mono_now());
    if (!std::holds_alternative<Lease>(acquired)) return;
    Lease& lease = std::get<Lease>(acquired);
    believed_until = lease.valid_until().time_since_epoch().count();
    if (renews && !lease.renew()) believed_until = lease.valid_until().time_since_epoch().count();
    std::this_thread::sleep_for(60s);
  });
  foreseed::Host other("other", [&] {
    std::this_thread::sleep_for(1s);
    LockClient client(*server, client_config());
    const auto acquired = client.acquire("k", Mode::exclusive, mono_now() + 60s);
    FORESEED_CHECK(std::holds_alternative<Lease>(acquired) && std::get<Lease>(acquired).valid());
    std::this_thread::sleep_for(8s);
    // The one before it may have been slow to note what it believes.
    FORESEED_CHECK(believed_until < (mono_now() - 8s).time_since_epoch().count());
  });
  const std::uint32_t turns = foreseed::choose(12);
  for (std::uint32_t i = 0; i < turns; ++i) std::this_thread::yield();
  holder.pause();
  std::this_thread::sleep_for(5s);
  holder.resume();
  other.join();
}

FORESEED_SCENARIO(lock_loss_told, "a kept lease that cannot be renewed is reported lost before it can no longer be believed (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  LockClient client(*server, client_config());
  auto lease = client.acquire("k", Mode::exclusive, mono_now());
  KeptLease kept(std::move(std::get<Lease>(lease)), 10s, 1s);
  std::this_thread::sleep_for(std::chrono::seconds(1 + foreseed::choose(20)));
  const auto closed_at = mono_now();
  server->close();
  while (!kept.lost().stop_requested()) {
    std::this_thread::sleep_for(100ms);
    FORESEED_CHECK(mono_now() <= closed_at + 9s);
  }
}

FORESEED_SCENARIO(lock_takeover, "a server that another has replaced gives out no token beyond its block (holds)") {
  store::MemoryStore store;
  const auto older = open(store);
  const auto first = granted(*older, 1, Mode::shared);
  const auto newer = open(store);
  const auto restarted = mono_now();
  std::uint64_t last = first.token.number();
  for (Session session = 2; session < 14; ++session) {
    const auto result = older->acquire(session, "k", Mode::shared, 10s, mono_now());
    if (const auto* grant = std::get_if<ServerGrant>(&result)) last = grant->token.number();
  }
  const auto present = granted(*newer, 1, Mode::exclusive, mono_now() + 200s);
  FORESEED_CHECK(last < present.token.number());
  // The delay is one longest lease, no more: nobody waits for what has surely ended.
  FORESEED_CHECK(mono_now() == restarted + 60s);
}

FORESEED_SCENARIO(fenced_race, "writes under an older and a newer token: the newer's stay, whatever the order (holds)") {
  store::MemoryStore store;
  FencedStore resource(store);
  const auto write = [&](std::uint64_t number, const char* value) {
    return resource.write(FencingToken::from_wire("k", number), value);
  };
  std::thread older([&] {
    const auto error = write(1, "old");
    FORESEED_CHECK(!error || *error == Error::stale_token);
  });
  std::thread newer([&] {
    FORESEED_CHECK(!write(2, "new"));
    FORESEED_CHECK(!write(2, "newer"));  // a holder writes as often as it likes
    FORESEED_CHECK(std::get<FencedValue>(resource.read("k")).value == "newer");
  });
  older.join();
  newer.join();
  FORESEED_CHECK(std::get<FencedValue>(resource.read("k")).value == "newer");
}

FORESEED_SCENARIO(freeze_progress, "who is frozen out is told how long: progress never goes back, the time is rounded up (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  SchemaFreeze schema(*server, client_config());
  auto freeze = std::get<Freeze>(schema.freeze({"main"}, mono_now()));
  std::this_thread::sleep_for(1500ms);
  std::thread a([&] { freeze.set_progress(50); });
  a.join();
  freeze.set_progress(20);
  const auto frozen = schema.begin_write({"main", "user"});
  FORESEED_CHECK(std::get<Frozen>(frozen).progress_percent == 50);
  FORESEED_CHECK(std::get<Frozen>(frozen).eta == 1500ms && std::get<Frozen>(frozen).retry_after_s == 2);
  // Another branch, even one that is spelt alike, is not frozen; nor is this one after the end.
  FORESEED_CHECK(std::holds_alternative<PathLease>(schema.begin_write({"mai", "n"})));
  FORESEED_CHECK(std::holds_alternative<PathLease>(schema.begin_write({"4:main/"})));
  freeze.end();
  FORESEED_CHECK(std::holds_alternative<PathLease>(schema.begin_write({"main", "user"})));
}

FORESEED_SCENARIO(lock_heartbeat_never, "a holder that dies before its first heartbeat holds for its time to live, no longer (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  const auto start = mono_now();
  std::thread dies([&] { granted(*server, 1, Mode::exclusive); });
  dies.join();
  const auto wait = [&](Session session) {
    granted(*server, session, Mode::shared, start + 60s);
    FORESEED_CHECK(mono_now() == start + 10s);
  };
  std::thread a(wait, 2), b(wait, 3);
  a.join();
  b.join();
}

// S3-23, LK12
FORESEED_SCENARIO(lock_wall_clock, "wall clocks are set by ten seconds, back and forth, while a lease runs and is renewed: it is no shorter or longer (holds)") {
  store::MemoryStore store;
  const auto server = open(store);
  const auto start = mono_now();
  foreseed::Host holder("holder", [&] {
    const ServerGrant grant = granted(*server, 1, Mode::exclusive);
    std::this_thread::sleep_until(start + 5s);
    FORESEED_CHECK(server->renew(grant.token, 10s) == Result<MonoTime>(start + 15s));
    std::this_thread::sleep_until(start + 16s);
    FORESEED_CHECK(server->renew(grant.token, 10s) == Result<MonoTime>(Error::lease_lost));
  });
  std::thread waiter([&] {
    std::this_thread::sleep_until(start + 1s);
    granted(*server, 2, Mode::exclusive, start + 60s);
    FORESEED_CHECK(mono_now() == start + 15s);
  });
  const auto by = foreseed::choose(2) == 0 ? 10s : -10s;
  for (const auto step : {by, -2 * by}) {
    std::this_thread::sleep_for(3s);
    holder.step_clock(step);
  }
  waiter.join();
  holder.join();
}

// S2-02, S3-25
FORESEED_SCENARIO(migration_once, "three replicas start a migration of four steps at once, one dies before any of them: each is done once, the next goes on where it stopped (holds)") {
  store::MemoryStore locks, database;
  const auto server = open(locks);
  FencedStore state(database);
  const auto start = mono_now();
  const std::size_t dies_before = foreseed::choose(5);  // 4: nobody does
  std::atomic<bool> died{false};
  std::optional<Lease> of_the_dead;
  std::array<std::atomic<int>, 4> done{};
  const auto replica = [&] {
    LockClient client(*server, ClientConfig{});
    auto acquired = client.acquire("migration", Mode::exclusive, start + 60s);
    Lease& lease = std::get<Lease>(acquired);
    for (;;) {
      const std::size_t next = std::get<FencedValue>(state.read("migration")).value.size();
      if (next == done.size()) return;
      if (next == dies_before && !died.exchange(true)) {
        of_the_dead.emplace(std::move(lease));  // it is not renewed, nor given back
        return;
      }
      FORESEED_CHECK(!state.write(lease.token(), std::string(next + 1, 'x')));
      ++done[next];
    }
  };
  std::thread a(replica), b(replica), c(replica);
  a.join();
  b.join();
  c.join();
  for (const std::atomic<int>& times : done) FORESEED_CHECK(times == 1);
  FORESEED_CHECK(died == (dies_before < 4) && (!died || mono_now() - start < 11s));
  if (of_the_dead) FORESEED_CHECK(state.write(of_the_dead->token(), "late") == Error::stale_token);
  FORESEED_CHECK(std::get<FencedValue>(state.read("migration")).value == "xxxx");
}
