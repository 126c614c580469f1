#pragma once
// eventfd(2) and timerfd_create(2): descriptors from which a count is read.

#include <ctime>

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

struct Timer : Description {
  explicit Timer(clockid_t of_clock) : Description(Kind::timer, "timerfd"), clock(of_clock) {}
  long read(void* data, std::size_t size) override;
  short readiness() const override { return expirations() != 0 ? POLLIN | POLLRDNORM : 0; }
  std::uint64_t changes_at_ns() const override;
  std::uint64_t changes() const override { return changes_ + expirations(); }

  /// Expirations that were not read yet.
  std::uint64_t expirations() const;
  /// Arms it for `next_ns` of virtual time (never: disarms it), then each `interval_ns` (0: once).
  void set(std::uint64_t next_ns, std::uint64_t interval_ns);

  const clockid_t clock;
  std::uint64_t next_ns = never;
  std::uint64_t interval_ns = 0;
};

long open_timer(clockid_t clock, bool nonblocking);

}  // namespace foreseed::io
