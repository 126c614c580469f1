// A thread-safe rate limiter: LimiterCore behind one mutex, with the monotonic clock and timed waits.
//
// Usage:
//   if (auto rejected = limiter.try_acquire(request)) return too_many_requests(*rejected);
// or, to wait for one's turn, at most until a deadline:
//   if (auto rejected = limiter.acquire(request, deadline, stop)) ...
//
// Invariants: every operation is one critical section that reads the clock inside it; nothing but the sequential core
// runs under the lock; every wait ends at its deadline, at a stop request or at close(). A caller whose turn would come
// after its deadline is refused at once and takes no place in the queue.
// Any thread may call anything. Modelled on: bucket4j (reservations), ITU-T I.371 (GCRA), and what went wrong with
// x/time/rate's cancellation (golang/go#69419).
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "rate_limiter/limiter_core.h"

namespace rate_limiter {

class RateLimiter;

/// A promised turn. Move-only; cancelled by its destruction unless it has started. REQUIRES: the limiter outlives it.
class Reservation {
 public:
  Reservation(Reservation&& other) noexcept : limiter_(std::exchange(other.limiter_, nullptr)), id_(other.id_) {}
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { cancel(); }

  /// When the turn comes; it may move forward when others cancel. Nothing once it has come, or was cancelled.
  std::optional<MonoTime> ready_at() const;

  /// Gives the permits back where the turn has not come; says whether it did.
  bool cancel() noexcept;

  std::uint64_t id() const { return id_; }

 private:
  friend class RateLimiter;
  Reservation(RateLimiter& limiter, LimiterCore::Id id) : limiter_(&limiter), id_(id) {}

  RateLimiter* limiter_;  // null once moved from or cancelled
  LimiterCore::Id id_;
};

class RateLimiter {
 public:
  /// Throws std::invalid_argument naming field, value and range.
  explicit RateLimiter(const Config& config) : core_(config, common::mono_now()) {}
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  /// Nothing where it was admitted.
  std::optional<Rejected> try_acquire(const Request& request);

  /// A turn at most `wait_max` from now.
  std::variant<Reservation, Rejected> reserve(const Request& request, Duration wait_max);

  /// Waits for its turn. Nothing where it was admitted, at `deadline` at the latest.
  std::optional<Rejected> acquire(const Request& request, MonoTime deadline, std::stop_token stop = {});

  /// See LimiterCore.
  void resize(Scope scope, const Limit& limit);

  /// Refuses everything from now on; those who wait get Error::closed.
  void close();

 private:
  friend class Reservation;

  std::mutex mutex_;
  std::condition_variable_any turn_moved_;
  LimiterCore core_;     // guarded by mutex_
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace rate_limiter
