// The sliding window of outcomes: a ring of single outcomes, or a ring of time buckets.
//
// Invariant (specification CB2): `counts(t)` equals the multiset of outcomes added since the last
// `clear` that are still in the window at t, counted in integers.
//   count window: the last `window_calls` outcomes;
//   time window:  time is cut into buckets of window_time / window_buckets, aligned to the last
//                 `clear`; an outcome of bucket b is in the window at t while
//                 bucket(t) - b < window_buckets. It therefore leaves at an age between
//                 window_time less one bucket, and window_time.
// Not thread safe; StateMachine owns it. Memory is fixed by the configuration.
#pragma once

#include <cstdint>
#include <vector>

#include "breaker/config.h"
#include "breaker/types.h"

namespace breaker {

class Window {
 public:
  /// REQUIRES: `config` passed `validate`.
  Window(const Config& config, Time now);

  /// REQUIRES: outcome != ignored; `now` not before any earlier time given.
  void add(Outcome outcome, Time now);

  /// Drops what has aged by `now`, then counts. REQUIRES: as `add`.
  WindowCounts counts(Time now);

  /// As `counts`, leaving the window as it is.
  WindowCounts peek(Time now) const;

  void clear(Time now);

 private:
  void advance(Time now);
  std::uint64_t bucket_of(Time now) const;

  WindowKind kind_;
  WindowCounts total_;

  // Count window: `ring_` holds the last outcomes, `next_` is where the next one goes.
  std::vector<Outcome> ring_;
  std::size_t next_ = 0;

  // Time window: `buckets_[b % size]` holds absolute bucket b for the last `size` values of b.
  std::vector<WindowCounts> buckets_;
  Duration bucket_width_{};
  Time origin_{};
  std::uint64_t current_bucket_ = 0;
};

}  // namespace breaker
