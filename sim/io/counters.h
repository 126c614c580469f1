#pragma once
// eventfd(2) and timerfd_create(2): descriptors from which a count is read.

#include <ctime>
#include <limits>

#include "io/description.h"

namespace foreseed::io {

struct EventCounter : Description {
  explicit EventCounter(bool one_at_a_time) : Description(Kind::event_counter, "eventfd"), semaphore(one_at_a_time) {}
  long read(void* data, std::size_t size) override;
  long write(const void* data, std::size_t size) override;
  short readiness() const override;

  const bool semaphore;
  std::uint64_t count = 0;
  VectorClock clock;  ///< what the writers knew
};

long open_event_counter(std::uint64_t count, bool semaphore, bool nonblocking);

/// Its times are those of its host's monotonic clock (World::local_ns), so that they follow when that clock drifts.
struct Timer : Description {
  static constexpr std::int64_t disarmed = std::numeric_limits<std::int64_t>::max();

  explicit Timer(clockid_t of_clock) : Description(Kind::timer, "timerfd"), clock(of_clock) {}
  long read(void* data, std::size_t size) override;
  short readiness() const override { return cancelled || expirations() != 0 ? POLLIN | POLLRDNORM : 0; }
  std::uint64_t changes_at_ns() const override;
  std::uint64_t changes() const override { return changes_ + cancelled + expirations(); }

  /// Expirations that were not read yet.
  std::uint64_t expirations() const;
  /// The next one after those, or `disarmed`.
  std::int64_t next_expiration() const;
  /// Arms it for `next` (disarmed: disarms it), then each `interval_ns` (0: once).
  void set(std::int64_t next, std::uint64_t interval_ns);
  /// The wall clock of its host was set. An absolute time on that clock is now another time; expirations of before count.
  void clock_set(std::int64_t by_ns);

  const clockid_t clock;
  std::uint64_t interval_ns = 0;
  bool on_wall_clock = false;  ///< set to an absolute time on the wall clock
  bool cancelled_by_set = false;  ///< TFD_TIMER_CANCEL_ON_SET
  bool cancelled = false;      ///< and nobody has read that yet

 private:
  std::uint64_t due() const;  ///< expirations since `next_`

  std::int64_t next_ = disarmed;  ///< the first that is not in `kept_`; may lie before the execution's start
  std::uint64_t kept_ = 0;        ///< expirations before the wall clock was set
};

long open_timer(clockid_t clock, bool nonblocking);

}  // namespace foreseed::io
