// The circuit breaker as a sequential machine: no lock, no clock, no callback. Time is an argument.
//
// This is the specification of the component (catalogue 4.1) in executable form; CircuitBreaker
// adds a mutex, a clock and event delivery and nothing else. Invariants, at every return:
//   - the mode changes only along closed->open, open->half_open, half_open->{open, closed}, and by
//     operators from any mode to {forced_open, disabled, metrics_only, closed}; each change adds 1
//     to the generation and appends exactly one event (CB1);
//   - probes in flight <= P, and successes + probes in flight <= N (CB3);
//   - a report whose generation has passed touches metrics only (CB5);
//   - while open, opened_at and the drawn open time do not move (CB6);
//   - metrics balance as stated at `Metrics` (CB8).
// Times given must not run backwards; an earlier one is read as the latest seen.
// Not thread safe.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <variant>
#include <vector>

#include "breaker/config.h"
#include "breaker/types.h"
#include "breaker/window.h"

namespace breaker {

/// Leave to make one call. Move-only, so that one admission cannot report as two; carries the
/// generation in which it was granted. Does not return itself: `Ticket` is the RAII form.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept { *this = std::move(other); }
  Permit& operator=(Permit&& other) noexcept {
    generation_ = other.generation_;
    id_ = other.id_;
    granted_at_ = other.granted_at_;
    reported_ = std::exchange(other.reported_, true);  // the moved-from permit is spent
    return *this;
  }

  std::uint64_t generation() const { return generation_; }
  std::uint64_t id() const { return id_; }  ///< unique within a machine, from 1
  Time granted_at() const { return granted_at_; }
  bool reported() const { return reported_; }

 private:
  friend class StateMachine;
  Permit(std::uint64_t generation, std::uint64_t id, Time granted_at)
      : generation_(generation), id_(id), granted_at_(granted_at), reported_(false) {}

  std::uint64_t generation_ = 0;
  std::uint64_t id_ = 0;
  Time granted_at_{};
  bool reported_ = true;
};

class StateMachine {
 public:
  /// Throws std::invalid_argument (see `validate`). `seed` drives the jitter only.
  StateMachine(const Config& config, std::uint64_t seed, Time now);

  /// Admits or refuses one call.
  std::variant<Permit, Rejected> acquire(Time now);

  /// Ends the call of `permit`. `ok` becomes `slow` where the call took at least
  /// config.slow_call. At an instant equal to a probe's lease end the lease has run out first.
  ReportResult report(Permit& permit, Outcome outcome, Time now);

  /// Ends the call of a permit whose holder never reported, by config.abandoned.
  void abandon(Permit& permit, Time now);

  /// Applies what time alone brings about: the end of an open time, of a lease, of an era.
  /// `acquire`, `report` and `abandon` do this first; calling it more often changes no admission.
  void tick(Time now);

  // Operators. Each starts a new generation, clears window and probes, and produces one event,
  // also where the mode stays the same.
  void force_open(Time now);
  void disable(Time now);
  void metrics_only(Time now);
  void reset(Time now);  ///< to closed, k = 0

  Snapshot snapshot(Time now) const;
  Metrics metrics() const { return metrics_; }

  /// Events since the last call, oldest first.
  std::vector<Event> take_events() { return std::exchange(events_, {}); }

 private:
  struct Probe {
    std::uint64_t id;
    Time lease_end;
  };

  Time advance(Time now);
  void tick_advanced(Time now);
  void enter(Mode mode, Reason reason, Time now);
  void open(Reason reason, Time now);
  void reopen(Reason reason, Time now);
  void report_closed(Outcome outcome, Time now);
  void report_half_open(std::uint64_t id, Outcome outcome, Time now);
  void count(Outcome outcome);
  Duration draw_open_wait();

  const Config config_;
  std::mt19937_64 random_;
  Window window_;
  Metrics metrics_;
  std::vector<Event> events_;

  Mode mode_ = Mode::closed;
  std::uint64_t generation_ = 1;
  std::uint64_t last_id_ = 0;
  Time now_;         // latest time seen
  Time mode_since_;  // in mode open: opened_at
  Duration open_wait_{};
  std::uint32_t reopens_ = 0;
  std::uint32_t successes_ = 0;
  std::vector<Probe> probes_;
};

/// min(cap, base * (factor_percent/100)^k) in nanoseconds, without jitter; never overflows.
Duration open_wait_before_jitter(const Config& config, std::uint32_t k);

}  // namespace breaker
