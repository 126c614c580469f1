// A pool of connections: `size` kept, `overflow` more under load, callers in line after that.
//
// Invariants:
//   - connecting + idle + leased + closing <= size + overflow (CP1); a connection counts until it is closed;
//   - a connection has one lease at a time; leases are numbered, and only the lease that holds it gives it back (CP2);
//   - callers in line are served in order of arrival, by the one who gives back, so none is overtaken (CP5); one is
//     either served or refused (CP6), and what comes free at the very instant of its deadline is in time;
//   - where callers wait and there is room, one of them connects (CP4): a connection that is closed or cannot be made
//     passes its place to the first in line;
//   - a connection is reset before it is used again, and one that is broken, cannot be reset or is too old is not
//     (CP8).
// Connecting, resetting and closing run on callers' threads, under no lock. Any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/time.h"

namespace pool {

using common::Duration;
using common::Error;
using common::MonoTime;
using common::Result;

class Connection {
 public:
  virtual ~Connection() = default;  ///< closes
  /// Makes it as new: rolls back, drops session state and locks. False where it is broken. Must return by the deadline.
  virtual bool reset(MonoTime deadline) = 0;
};

/// Must return by the deadline. An exception it lets out is Error::internal.
using Connect = std::function<Result<std::unique_ptr<Connection>>(MonoTime deadline)>;

struct Config {
  std::size_t size = 20;                             ///< 1 .. 10,000
  std::size_t overflow = 10;                         ///< 0 .. 10,000
  std::size_t server_max = 100;                      ///< size + overflow ..: what the server allows this process
  std::size_t waiters_max = 1'000;                   ///< 0 .. 1,000,000
  Duration lifetime_max = std::chrono::minutes(30);  ///< 1 s .. 24 h
  Duration idle_max = std::chrono::minutes(10);      ///< 1 s .. 24 h
  std::uint32_t jitter_percent = 20;                 ///< 0 .. 50: lifetimes end up to this much earlier
  Duration reset_timeout = std::chrono::seconds(1);  ///< 1 ms .. 1 min
  Duration leak_after = std::chrono::minutes(1);     ///< 1 ms .. 24 h: a lease held longer is reported
};

/// Throws std::invalid_argument naming field and range (S2-06).
void validate(const Config& config);

struct Snapshot {
  std::size_t connecting = 0, idle = 0, leased = 0, closing = 0, waiting = 0;
  std::size_t total() const { return connecting + idle + leased + closing; }
  std::uint64_t opened = 0, closed = 0, connect_failures = 0, timeouts = 0;
  std::uint64_t leaks_reported = 0, leaks_returned = 0;  ///< the latter: reported and given back after all
};

struct Leak {
  std::uint64_t lease = 0;
  std::string owner;
  Duration held{};
};

class Pool;

/// A connection on loan. Move-only; given back by its destruction. REQUIRES: the pool outlives it.
class Lease {
 public:
  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { give_back(); }

  Connection& operator*() const { return *item_->connection; }
  Connection* operator->() const { return item_->connection.get(); }
  std::uint64_t id() const { return id_; }

  void mark_broken() { broken_ = true; }  ///< it will be closed
  void give_back() noexcept;              ///< idempotent

 private:
  friend class Pool;
  struct Item {
    std::unique_ptr<Connection> connection;
    MonoTime good_until;
    MonoTime idle_since;
  };
  Lease(Pool& pool, std::uint64_t id, std::unique_ptr<Item> item) : pool_(&pool), id_(id), item_(std::move(item)) {}

  Pool* pool_;
  std::uint64_t id_;
  std::unique_ptr<Item> item_;  // null once given back or moved from
  bool broken_ = false;
};

class Pool {
 public:
  /// Throws std::invalid_argument. Opens nothing.
  Pool(const Config& config, Connect connect);
  ~Pool();  ///< REQUIRES: no lease is out and nobody waits
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Error: pool_timeout, overloaded (the line is full), cancelled, closed, or why it could not connect.
  Result<Lease> checkout(MonoTime deadline, const std::string& owner = {}, std::stop_token stop = {});

  /// Closes idle connections that are too old or too long idle.
  void maintain();

  /// Leases held longer than leak_after, each reported once. Nothing is taken from their holders (CP7).
  std::vector<Leak> new_leaks();

  /// No new leases; those in line get Error::closed; idle connections are closed, the others as they come back. True
  /// where all were back by the deadline. Idempotent.
  bool close(MonoTime deadline);

  Snapshot snapshot() const;

 private:
  friend class Lease;
  using Item = Lease::Item;
  struct Waiter {
    MonoTime deadline;
    std::condition_variable_any woken{};
    std::unique_ptr<Item> item{};  // what it was given: a connection,
    bool may_connect = false;      // or leave to make one
    bool in_line = true;
  };
  struct Loan {
    MonoTime since;
    std::string owner;
    bool reported = false;
  };
  using Lock = std::unique_lock<std::mutex>;

  std::unique_ptr<Item> take_idle(std::vector<std::unique_ptr<Item>>& too_old);
  Result<std::unique_ptr<Item>> wait_in_line(Lock& lock, MonoTime deadline, const std::stop_token& stop);
  Result<std::unique_ptr<Item>> connect(Lock& lock, MonoTime deadline, const std::stop_token& stop);
  Lease lend(std::unique_ptr<Item> item, const std::string& owner);
  void give_back(std::unique_ptr<Item> item, std::uint64_t lease, bool broken);
  void put(Lock& lock, std::unique_ptr<Item> item);
  void discard(Lock& lock, std::vector<std::unique_ptr<Item>> items);
  Waiter* next_waiter();
  void offer_places();
  bool too_old(const Item& item, MonoTime now) const;

  const Config config_;
  const Connect connect_;
  mutable std::mutex mutex_;
  std::condition_variable_any all_back_;
  Snapshot counts_;                        // guarded by mutex_; `waiting` is not kept in it
  std::list<std::unique_ptr<Item>> idle_;  // guarded by mutex_; most recently used last
  std::list<Waiter*> line_;                // guarded by mutex_; each on its thread's stack
  std::map<std::uint64_t, Loan> loans_;    // guarded by mutex_
  std::uint64_t last_lease_ = 0;           // guarded by mutex_
  bool closed_ = false;                    // guarded by mutex_
};

}  // namespace pool
