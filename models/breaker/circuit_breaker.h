// A thread-safe circuit breaker: StateMachine behind one mutex, with the monotonic clock and
// ordered delivery of events.
//
// Usage:
//   auto admission = breaker.acquire();
//   if (auto* rejected = std::get_if<breaker::Rejected>(&admission)) return try_later(*rejected);
//   auto& ticket = std::get<breaker::Ticket>(admission);
//   call_dependency() ? ticket.ok() : ticket.fail();      // at most once; or let it go out of
//   scope
//
// Invariants: every operation is one critical section and reads the clock inside it, so operations
// are linearizable with the time of their linearization point; no callback and no I/O runs under
// the lock; no member function waits for anything but that lock.
// Any thread may call anything. Modelled on: Nygard, "Release It!" (2007); M. Fowler,
// "CircuitBreaker" (2014); states and windows after resilience4j; generations after gobreaker.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <variant>

#include "breaker/config.h"
#include "breaker/state_machine.h"
#include "breaker/types.h"

namespace breaker {

class CircuitBreaker;

/// Leave to make one call, returned by its first report or by its destruction.
/// Move-only. REQUIRES: the breaker outlives it. Reports may come from any thread; moving or
/// destroying a ticket while another thread reports through it is the caller's race.
class Ticket {
 public:
  Ticket(Ticket&& other) noexcept;
  Ticket& operator=(Ticket&& other) noexcept;
  ~Ticket();  ///< unreported: counted by Config::abandoned, and the permit returns

  // Each ends the call. Only the first has an effect; further ones are counted as misuse.
  ReportResult ok();  ///< counts as slow where the call took at least Config::slow_call
  ReportResult fail();
  ReportResult slow();
  ReportResult ignored();
  ReportResult report(Outcome outcome);

  std::uint64_t generation() const { return permit_.generation(); }
  std::uint64_t id() const { return permit_.id(); }

 private:
  friend class CircuitBreaker;
  Ticket(CircuitBreaker& breaker, Permit permit) : breaker_(&breaker), permit_(std::move(permit)) {}

  void abandon() noexcept;

  CircuitBreaker* breaker_;  // null once moved from
  Permit permit_;
};

using Admission = std::variant<Ticket, Rejected>;

/// Called for each event, outside the lock, one at a time, in order of generation. It may run on
/// any thread that uses the breaker, also after that thread's own operation took effect, and may
/// itself use the breaker; events that this brings about follow after it returns. An exception it
/// lets out is swallowed and counted (Metrics::listener_errors).
using Listener = std::function<void(const Event&)>;

class CircuitBreaker {
 public:
  /// Throws std::invalid_argument naming field, value and range.
  explicit CircuitBreaker(const Config& config, Listener listener = {});
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  Admission acquire();

  /// Applies time-driven changes now rather than at the next call; for users who want to see
  /// half_open, or lose a dead probe, without traffic.
  void tick();

  void force_open();
  void disable();
  void metrics_only();
  void reset();

  /// The state as the last operation left it; does not tick.
  Snapshot snapshot() const;
  Metrics metrics() const;

 private:
  friend class Ticket;

  ReportResult report(Permit& permit, Outcome outcome);
  void abandon(Permit& permit);

  template <class Operation>
  auto locked(Operation operation);
  bool collect_events();
  void deliver_events();

  const Listener listener_;
  mutable std::mutex mutex_;
  StateMachine machine_;               // guarded by mutex_
  std::deque<Event> pending_;          // guarded by mutex_
  bool delivering_ = false;            // guarded by mutex_; some thread is in deliver_events
  std::uint64_t listener_errors_ = 0;  // guarded by mutex_
};

}  // namespace breaker
