// A circuit breaker that several processes of one machine share through a versioned store.
//
// While closed nothing is asked of the store but, every `staleness`, whether somebody else has opened; while half open
// every probe is one compare-and-swap, so all processes together never have more than P out (CB3). So CB3 and CB6 hold
// for the fleet up to `staleness`. A new process takes the state as it finds it (catalogue B-23). Where the store
// fails, this process goes on alone with what it knows, and no store error reaches the caller. When the store is back
// the state of the higher generation wins. Invariants: no store is called under the lock; a report whose generation has
// passed counts as stale and changes nothing. Any thread. Shares config.h, windows and words with
// breaker::CircuitBreaker.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <variant>

#include "breaker/window.h"
#include "shared_breaker/shared_state.h"
#include "store/versioned_store.h"

namespace shared_breaker {

struct SharedConfig {
  Config breaker;                              ///< the same for all who share it
  std::string name = "breaker";                ///< the record in the store
  std::chrono::milliseconds staleness{1'000};  ///< 0 .. 1 min
};

/// Throws std::invalid_argument.
void validate(const SharedConfig& config);

class SharedBreaker;

/// Leave to make one call. Move-only; destroyed unreported it counts by Config::abandoned.
class Ticket {
 public:
  Ticket(Ticket&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)), admitted_(other.admitted_), at_(other.at_) {}
  Ticket& operator=(Ticket&&) = delete;
  ~Ticket();

  /// Only the first has an effect. False where it was stale, or not the first.
  bool report(Outcome outcome);
  std::uint64_t generation() const { return admitted_.generation; }

 private:
  friend class SharedBreaker;
  Ticket(SharedBreaker& owner, Admitted admitted, Time at) : owner_(&owner), admitted_(admitted), at_(at) {}
  SharedBreaker* owner_;  // null once reported or moved from
  Admitted admitted_;
  Time at_;
};

struct SharedMetrics {
  std::uint64_t admitted = 0, rejected = 0, counted = 0, ignored = 0,
                stale = 0;  ///< admitted = the last three + in_flight
  std::uint64_t in_flight = 0;
  std::uint64_t store_errors = 0;
};

class SharedBreaker {
 public:
  /// Throws std::invalid_argument. REQUIRES: the store outlives it.
  SharedBreaker(const SharedConfig& config, store::VersionedStore& store);
  SharedBreaker(const SharedBreaker&) = delete;
  SharedBreaker& operator=(const SharedBreaker&) = delete;

  std::variant<Ticket, Rejected> acquire();

  /// By an operator, for all who share it: forced_open, disabled, metrics_only, or closed (reset).
  /// Throws std::invalid_argument for open and half_open, which nobody can order.
  void set(Mode mode);

  /// As this process knows it.
  SharedState state() const;
  bool alone() const;  ///< the store failed when it was last needed
  SharedMetrics metrics() const;

 private:
  friend class Ticket;
  using Change = std::function<void(SharedState&, Time)>;

  bool report(const Admitted& admitted, Outcome outcome, Time admitted_at);
  void update(const Change& change);
  void refresh_if_old();
  void learn(const SharedState& state, std::uint64_t version);
  void go_alone(const Change& change);
  void follow_generation(Time t);

  const SharedConfig config_;
  store::VersionedStore& store_;
  mutable std::mutex mutex_;
  SharedState known_;                // guarded by mutex_
  std::uint64_t version_ = 0;        // guarded by mutex_; of the record that known_ came from
  Time known_at_{};                  // guarded by mutex_; when that was last confirmed
  bool ever_known_ = false;          // guarded by mutex_
  bool alone_ = false;               // guarded by mutex_
  breaker::Window window_;           // guarded by mutex_; of outcomes seen here in window_generation_
  std::uint64_t window_generation_;  // guarded by mutex_
  SharedMetrics metrics_;            // guarded by mutex_
};

}  // namespace shared_breaker
