// The lock server of a process: LockTable behind one mutex, with the monotonic clock, timed waits and a store.
//
// What must survive a restart is little: tokens are taken from the store in blocks, so that they grow for ever (LK2),
// and for as long after a restart as any lease of the life before could still run, nothing is granted (the lock delay;
// LK11). Leases themselves are forgotten: their holders learn at the next renewal that they are lost. Two servers over
// one store: the older is deposed at its next block of tokens, and until then its tokens are smaller than every token
// of the newer, so a FencedStore refuses what it grants once the newer's holder has written.
//
// Invariants: no store is called under the lock; every wait has a deadline; each operation is linearizable.
// Any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "lock_manager/lock_table.h"
#include "store/versioned_store.h"

namespace lock_manager {

struct ServerConfig {
  std::string name = "locks";                   ///< the record in the store; servers of one name share tokens
  Duration ttl_max = std::chrono::seconds(60);  ///< 1 ms .. 24 h; also the lock delay after a restart
  std::size_t keys_max = 100'000;               ///< 1 .. 10,000,000
  std::size_t waiters_max = 1'000;              ///< 1 .. 100,000
  std::uint64_t token_block = 10'000;           ///< waiters_max + 1 .. 10^9
};

/// Throws std::invalid_argument naming field, value and range.
void validate(const ServerConfig& config);

inline constexpr std::size_t lock_key_bytes_max = 400;

struct ServerGrant {
  FencingToken token;
  Ticket ticket;     ///< names this acquisition when it is released
  MonoTime expires;  ///< by the server's clock
};

class LockServer {
 public:
  /// Announces a new life in the store. Error: unavailable, internal (a broken record). REQUIRES: the store outlives
  /// it.
  static Result<std::unique_ptr<LockServer>> open(const ServerConfig& config, store::VersionedStore& store);

  Session new_session() { return ++last_session_; }

  /// Waits until granted, at most until `deadline`; a deadline that has passed asks once. Error: locked (others hold
  /// it), deadlock, overloaded, unavailable (no tokens, or the lock delay), cancelled, closed, invalid_argument.
  Result<ServerGrant> acquire(Session session, const std::string& key, Mode mode, Duration ttl, MonoTime deadline,
                              std::stop_token stop = {});

  /// Never revives a lease that ran out. Error: lease_lost, closed, invalid_argument.
  Result<MonoTime> renew(const FencingToken& token, Duration ttl);

  /// False where it was not held any more.
  bool release(const FencingToken& token, Ticket ticket);

  /// Everyone who waits gets Error::closed.
  void close();

  /// How many sessions' grants are live on the key.
  std::size_t holders(const std::string& key);

 private:
  LockServer(const ServerConfig& config, store::VersionedStore& store)
      : config_(config), store_(store), table_(config.keys_max, config.waiters_max) {}

  std::optional<Error> take_tokens(bool new_life);
  std::optional<Error> ensure_tokens();
  Result<ServerGrant> wait_for(Ticket ticket, const std::string& key, MonoTime deadline, const std::stop_token& stop,
                               std::unique_lock<std::mutex>& lock);

  const ServerConfig config_;
  store::VersionedStore& store_;
  std::atomic<Session> last_session_{0};
  std::mutex mutex_;
  std::condition_variable_any changed_;
  LockTable table_;         // guarded by mutex_
  std::uint64_t life_ = 0;  // guarded by mutex_; constant after open
  MonoTime grants_from_;    // guarded by mutex_; constant after open
  bool closed_ = false;     // guarded by mutex_
};

}  // namespace lock_manager
