// Configuration of a circuit breaker, and the one place that judges it.
//
// A Config is a plain value; `validate` is called by every constructor that takes one, so a
// breaker that exists has a configuration within the ranges below. Ranges are chosen so that no
// arithmetic in this component can overflow.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace breaker {

enum class WindowKind : std::uint8_t {
  count,  ///< the last `window_calls` outcomes
  time,   ///< the outcomes of the last `window_time`, in `window_buckets` steps
};

/// What a ticket means that is destroyed without a report (an exception passed by, a caller was
/// cancelled). Under both policies a probe's permit is returned.
enum class AbandonPolicy : std::uint8_t {
  fail,     ///< a call that vanished is no evidence of health: count it as failed
  ignored,  ///< abandonment is ordinary for this caller: count it, but judge nothing by it
};

struct Config {
  /// Sliding window of outcomes seen while closed.
  WindowKind window_kind = WindowKind::count;
  std::uint32_t window_calls = 100;               ///< count window: 1 .. 1,000,000
  std::chrono::milliseconds window_time{10'000};  ///< time window: 1 ms .. 24 h
  std::uint32_t window_buckets = 10;              ///< time window: 1 .. 3,600, <= window_time in ms

  /// Trip rule: window holds >= min_calls, and fail% >= failure_percent or slow% >= slow_percent.
  std::uint32_t min_calls = 10;        ///< 1 .. 1,000,000; count window: <= window_calls
  std::uint32_t failure_percent = 50;  ///< 1 .. 100
  std::uint32_t slow_percent = 100;    ///< 1 .. 100
  /// A success that took at least this long is slow: 1 ms .. 24 h, or 0 for "never by duration"
  /// (callers may still report slow themselves).
  std::chrono::milliseconds slow_call{0};

  /// Half-open: closes after N successes in a row, with at most P probes at once.
  std::uint32_t probe_successes = 3;    ///< N: 1 .. 10,000
  std::uint32_t probe_concurrency = 1;  ///< P: 1 .. N
  /// A probe that has not reported within its lease counts as failed: 1 ms .. 24 h.
  std::chrono::milliseconds probe_lease{10'000};
  /// A half-open era that lasts this long opens again: 1 ms .. 24 h.
  std::chrono::milliseconds half_open_max{60'000};

  /// Open time: wait(k) = min(cap, base * (factor_percent/100)^k), k = failed half-open eras,
  /// then moved by a uniform draw within +- jitter_percent of it. The draw is made once, when
  /// the breaker opens. The jitter applies after the cap.
  std::chrono::milliseconds open_wait_base{30'000};  ///< 1 ms .. cap
  std::chrono::milliseconds open_wait_cap{300'000};  ///< base .. 24 h
  std::uint32_t open_wait_factor_percent = 200;      ///< 100 .. 1,000
  std::uint32_t jitter_percent = 10;                 ///< 0 .. 50
  /// Seed of the jitter; unset: drawn from std::random_device, so that a fleet spreads.
  std::optional<std::uint64_t> jitter_seed;

  AbandonPolicy abandoned = AbandonPolicy::fail;
};

/// Throws std::invalid_argument whose message names the field, its value and its range.
void validate(const Config& config);

}  // namespace breaker
