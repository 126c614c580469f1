#pragma once
// The clocks of one simulated host: a monotonic one, which may run fast or slow, and a wall clock, which may also be set.
//
// Local time is what the monotonic clock shows since the start of the execution: a piecewise linear function of the
// world's time. Integer arithmetic only.

#include <cstdint>

namespace foreseed {

class HostClock {
 public:
  static constexpr std::int64_t billion = 1'000'000'000;
  static constexpr std::int32_t drift_max_ppb = 500'000'000;

  /// Local time at the world's time `world_ns`, which is not before the last change.
  std::uint64_t local(std::uint64_t world_ns) const {
    return local_ns_ + static_cast<std::uint64_t>(Wide{world_ns - since_ns_} * (billion + drift_ppb_) / billion);
  }

  /// The first time of the world at which local() is at least `local_ns`; not before `now_ns`.
  std::uint64_t world(std::uint64_t local_ns, std::uint64_t now_ns) const {
    if (local_ns <= local(now_ns)) return now_ns;
    const Wide rate = billion + drift_ppb_;
    const Wide wait = (Wide{local_ns - local_ns_} * billion + rate - 1) / rate;
    return since_ns_ + static_cast<std::uint64_t>(wait);
  }

  /// What the wall clock shows beyond local time, plus the epoch.
  std::int64_t wall_offset_ns() const { return wall_offset_ns_; }

  /// The wall clock is set, `by_ns` forwards or back.
  void step(std::int64_t by_ns) { wall_offset_ns_ += by_ns; }
  /// From now on both clocks run `ppb` billionths fast (slow, if negative), |ppb| <= drift_max_ppb.
  void drift(std::int32_t ppb, std::uint64_t now_ns) {
    local_ns_ = local(now_ns);
    since_ns_ = now_ns;
    drift_ppb_ = ppb;
  }

 private:
  __extension__ using Wide = __int128;
  std::uint64_t since_ns_ = 0;  ///< the world's time of the last change
  std::uint64_t local_ns_ = 0;  ///< local time then
  std::int64_t wall_offset_ns_ = 0;
  std::int32_t drift_ppb_ = 0;
};

}  // namespace foreseed
