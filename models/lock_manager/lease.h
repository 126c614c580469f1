// What a client holds: a lease that knows how long it can be believed, and a heartbeat that keeps it.
//
//   valid_until = instant before the request was sent + ttl * (1 - drift) - margin
// so where the clocks' rates differ by at most `drift`, the server's lease outlives the client's belief (LK4). Validity
// is for stopping in time; what makes a write safe is the token it carries (FencedStore).
// A lease is move-only and released by its destruction. One thread at a time; KeptLease's thread is its own affair.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "lock_manager/lock_server.h"

namespace lock_manager {

struct ClientConfig {
  Duration ttl = std::chrono::seconds(10);           ///< 1 ms .. the server's ttl_max
  std::uint32_t drift_percent = 1;                   ///< 0 .. 50: how much the two clocks' rates may differ
  Duration margin = std::chrono::milliseconds(100);  ///< >= 0, below ttl * (1 - drift)
};

/// Throws std::invalid_argument naming field, value and range.
void validate(const ClientConfig& config);

class Lease {
 public:
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { release(); }

  const FencingToken& token() const { return token_; }
  MonoTime valid_until() const { return valid_until_; }
  bool valid() const { return server_ != nullptr && common::mono_now() < valid_until_; }

  /// Error: lease_lost, closed. After lease_lost it is never valid again.
  std::optional<Error> renew();

  /// Idempotent. False where the server did not hold it any more.
  bool release() noexcept;

 private:
  friend class LockClient;
  Lease(LockServer& server, const ClientConfig& config, ServerGrant grant, MonoTime asked_at);
  void believe_from(MonoTime asked_at);

  LockServer* server_;  // null once released, lost or moved from
  ClientConfig config_;
  FencingToken token_;
  Ticket ticket_;
  MonoTime valid_until_;
};

/// Locks along a path, the whole before the part; released the part before the whole.
class PathLease {
 public:
  PathLease() = default;
  PathLease(PathLease&&) noexcept = default;
  PathLease& operator=(PathLease&& other) noexcept;
  ~PathLease() { release(); }

  /// The lease on the last part, whose token guards it. REQUIRES: not empty.
  const Lease& leaf() const { return leases_.back(); }
  MonoTime valid_until() const;  ///< of the lease that ends first; MonoTime::min() where it is empty
  bool valid() const;
  std::optional<Error> renew();
  void release() noexcept;

 private:
  friend class LockClient;
  std::vector<Lease> leases_;
};

/// One session: locks of one client do not exclude each other. Any thread.
class LockClient {
 public:
  /// Throws std::invalid_argument. REQUIRES: the server outlives it and its leases.
  LockClient(LockServer& server, const ClientConfig& config);

  /// Errors: see LockServer::acquire, and lease_lost where the lease had run out by the time it arrived.
  Result<Lease> acquire(const std::string& key, Mode mode, MonoTime deadline, std::stop_token stop = {});

  /// `parts` from the whole to the part, for instance {branch, type, resource}: intention locks on all but the last
  /// (LK13).
  Result<PathLease> acquire_path(const std::vector<std::string>& parts, Mode mode, MonoTime deadline,
                                 std::stop_token stop = {});

 private:
  LockServer& server_;
  const ClientConfig config_;
  const Session session_;
};

/// A key for the first n parts; lengths keep {"ab", "c"} and {"a", "bc"} apart.
std::string path_key(const std::vector<std::string>& parts, std::size_t n);

/// A lease renewed by a thread every third of its time. Where that fails, `lost()` is stopped `stop_margin` before the
/// lease can no longer be believed (LK8), so that who works under it stops in time.
class KeptLease {
 public:
  /// REQUIRES: stop_margin < a third of the lease's ttl.
  KeptLease(Lease lease, Duration ttl, Duration stop_margin);
  ~KeptLease() { release(); }
  KeptLease(const KeptLease&) = delete;
  KeptLease& operator=(const KeptLease&) = delete;

  const FencingToken& token() const { return token_; }
  std::stop_token lost() const { return lost_.get_token(); }

  /// No renewal is sent after this has begun to release (LK6). Idempotent; one thread.
  void release() noexcept;

 private:
  void beat(const std::stop_token& stop);

  const FencingToken token_;
  const Duration interval_;
  const Duration stop_margin_;
  Lease lease_;  // the thread's while it runs
  std::stop_source lost_;
  std::mutex mutex_;
  std::condition_variable_any stopping_;
  std::jthread thread_;
};

}  // namespace lock_manager
