// The vocabulary of the circuit breaker: modes, outcomes, events and the two read-only views.
//
// Plain values, no behaviour, no locks; anyone may include this. Every enumeration is closed:
// `to_string` handles each value and there is no "unknown".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace breaker {

/// Monotonic time. Wall time has another type and does not convert, so a wall-clock step cannot
/// reach the breaker (specification CB11).
using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

enum class Mode : std::uint8_t {
  closed,        ///< calls pass, outcomes fill the window
  open,          ///< calls are rejected until the open time has passed
  half_open,     ///< a bounded number of probes decides between closed and open
  forced_open,   ///< operator: reject everything, no timer
  disabled,      ///< operator: admit everything, window untouched, never opens
  metrics_only,  ///< operator: admit everything, window filled, never opens
};

/// What a call came to, as its caller saw it.
enum class Outcome : std::uint8_t {
  ok,
  fail,
  slow,     ///< succeeded, but took at least the slow-call duration
  ignored,  ///< says nothing about the dependency (for instance: cancelled by the user)
};

/// Why the mode changed. Exactly one per event.
enum class Reason : std::uint8_t {
  failure_rate,         ///< closed -> open
  slow_rate,            ///< closed -> open
  wait_elapsed,         ///< open -> half_open
  probe_failed,         ///< half_open -> open
  probe_slow,           ///< half_open -> open
  probe_lease_expired,  ///< half_open -> open; a probe did not come back in time
  half_open_timeout,    ///< half_open -> open; the era lasted longer than allowed
  probes_succeeded,     ///< half_open -> closed
  operator_force_open,
  operator_disable,
  operator_metrics_only,
  operator_reset,
};

/// One mode change. Events of one breaker carry strictly growing generations.
struct Event {
  Mode from{};
  Mode to{};
  Reason reason{};
  std::uint64_t generation = 0;  ///< the generation that begins with this event
  Time time{};
  bool operator==(const Event&) const = default;
};

/// Content of the sliding window. 0 <= fail + slow <= calls.
struct WindowCounts {
  std::uint64_t calls = 0;  ///< ok + fail + slow
  std::uint64_t fail = 0;
  std::uint64_t slow = 0;
  bool operator==(const WindowCounts&) const = default;
};

/// Everything that decides admission, read at one instant (specification CB7).
struct Snapshot {
  Mode mode = Mode::closed;
  std::uint64_t generation = 0;
  std::optional<Time> opened_at;  ///< set in mode open only
  Duration open_wait{};           ///< open time drawn for the present open era; 0 in other modes
  std::uint32_t reopens = 0;      ///< k: half-open eras failed since last closed; saturates
  std::uint32_t probes_in_flight = 0;
  std::uint32_t probe_successes = 0;
  WindowCounts window;
};

/// Monotone counters, except `in_flight`. At every instant (specification CB8):
///   admitted = ok + fail + slow + ignored + stale + in_flight
struct Metrics {
  std::uint64_t admitted = 0;
  std::uint64_t rejected = 0;
  std::uint64_t ok = 0;
  std::uint64_t fail = 0;
  std::uint64_t slow = 0;
  std::uint64_t ignored = 0;
  std::uint64_t stale = 0;            ///< reports whose generation had passed; no other effect
  std::uint64_t in_flight = 0;        ///< admitted, not yet reported
  std::uint64_t abandoned = 0;        ///< tickets destroyed unreported; each is also counted above
  std::uint64_t misuse = 0;           ///< second reports of one ticket; no other effect
  std::uint64_t lease_expired = 0;    ///< probes treated as failed because their lease ran out
  std::uint64_t transitions = 0;      ///< events produced
  std::uint64_t listener_errors = 0;  ///< exceptions that a listener let out; swallowed
  bool operator==(const Metrics&) const = default;
};

/// What became of a report.
enum class ReportResult : std::uint8_t {
  counted,           ///< applied to the present generation
  stale,             ///< its generation had passed: counted as stale, nothing else
  already_reported,  ///< second report of one ticket: counted as misuse, nothing else
};

enum class RejectReason : std::uint8_t {
  open,
  forced_open,
  probes_exhausted,  ///< half_open and every permit is out or spent
};

/// A refused call.
struct Rejected {
  RejectReason reason{};
  /// How long until a call has a chance, >= 0. Set in mode open only: in forced_open no timer
  /// runs, in half_open it depends on other callers' probes.
  std::optional<Duration> retry_after;
};

std::string_view to_string(Mode mode);
std::string_view to_string(Outcome outcome);
std::string_view to_string(Reason reason);

}  // namespace breaker
