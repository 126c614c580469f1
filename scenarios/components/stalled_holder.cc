// Locks whose holder is gone for a while, and locks that are not what they seem (catalogue S3-18, S3-22, S3-43).

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "lock_manager/fenced_store.h"
#include "lock_manager/lease.h"
#include "lock_manager/schema_freeze.h"

namespace {

using namespace std::chrono_literals;
using namespace lock_manager;
using common::mono_now;
using common::MonoTime;

std::unique_ptr<LockServer> open(store::VersionedStore& store) {
  ServerConfig config;
  config.waiters_max = 8;
  config.token_block = 100;
  return std::move(std::get<std::unique_ptr<LockServer>>(LockServer::open(config, store)));
}

constexpr auto heartbeat = 10s;

ClientConfig client_config() {
  ClientConfig config;
  config.ttl = 3 * heartbeat;
  return config;
}

/// What a lock guards: a value that its holders replace.
struct Resource {
  std::function<std::optional<Error>(const FencingToken& token, const std::string& value)> write;
  std::function<std::string()> read;
};

/// A holder beats once, stalls for `stall`, and writes as if nothing had happened; another waits all the time and writes
/// as soon as it has the lock. Whoever was granted last must have the last word.
void stalled_holder(LockServer& server, const Resource& resource, common::Duration stall) {
  const MonoTime start = mono_now();
  std::optional<Error> stalled_write;
  MonoTime granted;
  std::thread stalled([&] {
    LockClient client(server, client_config());
    auto acquired = client.acquire("k", Mode::exclusive, start);
    Lease& lease = std::get<Lease>(acquired);
    std::this_thread::sleep_for(heartbeat);
    FORESEED_CHECK(!lease.renew());
    std::this_thread::sleep_for(stall);
    stalled_write = resource.write(lease.token(), "stalled");
  });
  std::thread successor([&] {
    LockClient client(server, client_config());
    std::this_thread::sleep_for(1s);
    auto acquired = client.acquire("k", Mode::exclusive, start + 100s);
    granted = mono_now();
    FORESEED_CHECK(!resource.write(std::get<Lease>(acquired).token(), "successor"));
  });
  stalled.join();
  successor.join();
  FORESEED_CHECK(resource.read() == "successor");
  // The lease ends 3 heartbeats after the beat, or with the holder that came back before.
  FORESEED_CHECK(granted - start == heartbeat + std::min<common::Duration>(stall, 3 * heartbeat));
  if (stall < 3 * heartbeat) FORESEED_CHECK(!stalled_write);
  if (stall > 3 * heartbeat) FORESEED_CHECK(stalled_write == Error::stale_token);
}

/// Three heartbeats, a microsecond less, a microsecond more.
common::Duration choose_stall() { return 3 * heartbeat + std::chrono::microseconds(static_cast<int>(foreseed::choose(3)) - 1); }

}  // namespace

FORESEED_SCENARIO(stalled_holder_3x, "a holder stalls for three heartbeats, just less, just more: what its successor wrote stays (S3-22)") {
  store::MemoryStore store;
  const auto server = open(store);
  FencedStore fenced(store);
  const Resource resource{[&](const FencingToken& token, const std::string& value) { return fenced.write(token, value); },
                          [&] { return std::get<FencedValue>(fenced.read("k")).value; }};
  stalled_holder(*server, resource, choose_stall());
}

FORESEED_SCENARIO(stalled_holder_3x_bad, "the same with a resource that takes every write, as the holder believes in its lock (fails)") {
  store::MemoryStore store;
  const auto server = open(store);
  std::mutex mutex;
  std::string value;
  const Resource resource{[&](const FencingToken&, const std::string& written) -> std::optional<Error> {
                            const std::lock_guard lock(mutex);
                            value = written;
                            return std::nullopt;
                          },
                          [&] {
                            const std::lock_guard lock(mutex);
                            return value;
                          }};
  stalled_holder(*server, resource, choose_stall());
}

namespace {

/// A database with advisory locks that last as long as the transaction which took them, as pg_try_advisory_xact_lock's do.
class Database {
 public:
  class Transaction {
   public:
    explicit Transaction(Database& database) : database_(database) {}
    /// Commits, or rolls back; either way its locks are gone.
    ~Transaction() {
      if (!locked_) return;
      const std::lock_guard lock(database_.mutex_);
      database_.advisory_ = false;
    }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    bool try_advisory_lock() {
      const std::lock_guard lock(database_.mutex_);
      if (database_.advisory_) return false;
      return locked_ = database_.advisory_ = true;
    }
    MonoTime locked_until() const {
      const std::lock_guard lock(database_.mutex_);
      return database_.locked_until_;
    }
    void lock_until(MonoTime until) const {
      const std::lock_guard lock(database_.mutex_);
      database_.locked_until_ = until;
    }

   private:
    Database& database_;
    bool locked_ = false;
  };

 private:
  std::mutex mutex_;
  bool advisory_ = false;   // guarded by mutex_
  MonoTime locked_until_;   // guarded by mutex_; the row, by the database's clock
};

constexpr auto ttl = 30s;

/// The row says who holds the lock; the advisory lock is only the critical section in which it is read and written.
bool take_by_row(Database& database) {
  Database::Transaction transaction(database);
  if (!transaction.try_advisory_lock() || transaction.locked_until() > mono_now()) return false;
  transaction.lock_until(mono_now() + ttl);
  return true;
}

/// Who gets the advisory lock believes to hold the lock, and writes into the row for how long: but it ended with the commit.
bool take_by_advisory_lock(Database& database) {
  Database::Transaction transaction(database);
  if (!transaction.try_advisory_lock()) return false;
  transaction.lock_until(mono_now() + ttl);
  return true;
}

/// Three who want the lock again and again; a holder works for 10 s, or dies with the lock.
void take_turns(const std::function<bool(Database&)>& take) {
  Database database;
  std::atomic<int> holders{0};
  std::atomic<int> taken{0};
  std::atomic<MonoTime> dead_since{MonoTime::max()};
  const auto work = [&](bool dies) {
    const MonoTime start = mono_now();
    while (!take(database)) {
      FORESEED_CHECK(mono_now() - start < 3 * ttl);
      std::this_thread::sleep_for(1s);
    }
    ++taken;
    // Not before the time of one who died with it is over.
    FORESEED_CHECK(dead_since.load() == MonoTime::max() || mono_now() >= dead_since.load() + ttl);
    FORESEED_CHECK(++holders == 1);
    if (dies) {
      --holders;
      dead_since = mono_now();
      return;
    }
    std::this_thread::sleep_for(10s);
    --holders;
    Database::Transaction(database).lock_until(mono_now());
  };
  std::thread a(work, false), b(work, false);
  a.join();
  b.join();
  std::thread dying(work, true);
  dying.join();
  std::thread c(work, false);
  c.join();
  FORESEED_CHECK(taken == 4);
}

}  // namespace

FORESEED_SCENARIO(xact_lock_vs_ttl, "a lock with a time to live, in a row that a transaction's lock guards: one holder (S3-18)") {
  take_turns(take_by_row);
}

FORESEED_SCENARIO(xact_lock_vs_ttl_bad, "the transaction's lock taken for the lock itself: it ends with the commit (fails)") {
  take_turns(take_by_advisory_lock);
}

FORESEED_SCENARIO(freeze_toctou_bad, "a writer that looks whether there is a freeze, and then writes without a pass (fails)") {
  store::MemoryStore store;
  const auto server = open(store);
  SchemaFreeze schema(*server, client_config());
  std::atomic<bool> frozen{false};
  std::thread writer([&] {
    if (server->holders(path_key({"main"}, 1)) > 0) return;
    std::this_thread::sleep_for(1s);  // writes
    FORESEED_CHECK(!frozen);
  });
  auto result = schema.freeze({"main"}, mono_now() + 60s);
  FORESEED_CHECK(std::holds_alternative<Freeze>(result));
  frozen = true;
  std::this_thread::sleep_for(2s);
  frozen = false;
  std::get<Freeze>(result).end();
  writer.join();
}
