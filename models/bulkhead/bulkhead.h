// At most C calls at once, at most Q more in line, each with a deadline.
//
// Invariants: permits out <= C, except while a shrunken C drains (BH1, BH4); a permit comes back exactly once, however
// its holder ends; those in line are served in order of arrival, a newcomer never before them (BH2); one whose deadline
// has passed never runs (BH3): it is either granted or refused, never both. What comes free at the very
// instant of a deadline is still in time.
// Any thread. A permit is handed from the one who returns it to the first in line, so nobody can take it in between.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <stop_token>
#include <utility>

#include "common/error.h"
#include "common/time.h"

namespace bulkhead {

using common::Error;
using common::MonoTime;

struct Config {
  std::size_t concurrency = 10;  ///< C: 1 .. 1,000,000
  std::size_t queue = 10;        ///< Q: 0 .. 1,000,000
};

/// Throws std::invalid_argument.
void validate(const Config& config);

class Bulkhead;

/// Leave to run. Move-only. REQUIRES: the bulkhead outlives it.
class Permit {
 public:
  Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), id_(other.id_) {}
  Permit& operator=(Permit&& other) noexcept;
  ~Permit() { release(); }
  void release() noexcept;  ///< idempotent
  std::uint64_t id() const { return id_; }

 private:
  friend class Bulkhead;
  Permit(Bulkhead& owner, std::uint64_t id) : owner_(&owner), id_(id) {}
  Bulkhead* owner_;  // null once released or moved from
  std::uint64_t id_;
};

class Bulkhead {
 public:
  /// Throws std::invalid_argument.
  explicit Bulkhead(const Config& config) : config_((validate(config), config)) {}
  Bulkhead(const Bulkhead&) = delete;
  Bulkhead& operator=(const Bulkhead&) = delete;

  /// Waits in line, at most until `deadline`; a deadline that has passed only tries. Error: overloaded (the line is
  /// full, or there is one and no time to wait), deadline_exceeded, cancelled, closed.
  common::Result<Permit> acquire(MonoTime deadline, std::stop_token stop = {});

  /// A larger C takes effect at once, a smaller one as permits come back. Throws std::invalid_argument.
  void resize(const Config& config);

  /// Everyone in line gets Error::closed, once (BH5); permits out stay good.
  void close();

  std::size_t running() const;
  std::size_t waiting() const;

 private:
  friend class Permit;
  struct Waiter {
    MonoTime deadline;
    std::condition_variable_any woken{};
    std::uint64_t permit = 0;  // set when granted
    bool in_line = true;
  };

  void release();
  void grant_in_order();

  mutable std::mutex mutex_;
  Config config_;              // guarded by mutex_
  std::list<Waiter*> line_;    // guarded by mutex_; each on its thread's stack
  std::size_t running_ = 0;    // guarded by mutex_
  std::uint64_t last_id_ = 0;  // guarded by mutex_
  bool closed_ = false;        // guarded by mutex_
};

}  // namespace bulkhead
