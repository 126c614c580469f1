// The two clocks, as types that do not convert into each other.
//
// Monotonic time measures how long things take: time-outs, leases, rates. Wall time is what a calendar shows and may
// step: it is compared with dates that others wrote, such as a token's expiry, and with nothing else.
#pragma once

#include <algorithm>
#include <chrono>

namespace common {

using MonoTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using Duration = std::chrono::nanoseconds;

inline MonoTime mono_now() { return std::chrono::steady_clock::now(); }
inline WallTime wall_now() { return std::chrono::system_clock::now(); }

/// t + d, at most MonoTime::max() and at least MonoTime::min(): a deadline "for ever" stays one.
inline MonoTime later(MonoTime t, Duration d) {
  if (d.count() > 0 && t > MonoTime::max() - d) return MonoTime::max();
  if (d.count() < 0 && t < MonoTime::min() - d) return MonoTime::min();
  return t + d;
}

}  // namespace common
