#include "io/counters.h"

#include <cerrno>
#include <cstring>

#include "io/descriptors.h"

namespace foreseed::io {

namespace {
constexpr std::uint64_t count_max = ~std::uint64_t{0} - 1;
}

long EventCounter::read(void* data, std::size_t size) {
  if (size < sizeof count) return -EINVAL;
  World& world = World::get();
  world.point(Op::read);
  while (count == 0) {
    if (nonblocking) return report(Op::read, -EAGAIN, false);
    wait(Op::read, never);
  }
  const std::uint64_t taken = semaphore ? 1 : count;
  count -= taken;
  std::memcpy(data, &taken, sizeof taken);
  world.current().clock.join(clock);
  changed();
  return report(Op::read, sizeof taken);
}

long EventCounter::write(const void* data, std::size_t size) {
  std::uint64_t added;
  if (size < sizeof added) return -EINVAL;
  std::memcpy(&added, data, sizeof added);
  if (added > count_max) return -EINVAL;
  World& world = World::get();
  world.point(Op::write);
  while (count > count_max - added) {
    if (nonblocking) return report(Op::write, -EAGAIN, false);
    wait(Op::write, never);
  }
  count += added;
  clock.join(world.current().clock);
  world.current().release();
  changed();
  return report(Op::write, sizeof added);
}

short EventCounter::readiness() const {
  return static_cast<short>((count != 0 ? POLLIN | POLLRDNORM : 0) | (count < count_max ? POLLOUT | POLLWRNORM : 0));
}

long open_event_counter(std::uint64_t count, bool semaphore, bool nonblocking) {
  EventCounter& made = make<EventCounter>(semaphore);
  made.count = count;
  made.nonblocking = nonblocking;
  return made.report(Op::eventfd, open(made));
}

std::uint64_t Timer::expirations() const {
  const std::uint64_t now = World::get().now();
  if (next_ns > now) return 0;
  return interval_ns == 0 ? 1 : 1 + (now - next_ns) / interval_ns;
}

std::uint64_t Timer::changes_at_ns() const {
  const std::uint64_t seen = expirations();
  if (seen == 0) return next_ns;
  return interval_ns == 0 ? never : next_ns + seen * interval_ns;
}

void Timer::set(std::uint64_t next, std::uint64_t interval) {
  next_ns = next;
  interval_ns = interval;
  changed();
}

long Timer::read(void* data, std::size_t size) {
  std::uint64_t count;
  if (size < sizeof count) return -EINVAL;
  World& world = World::get();
  world.point(Op::read);
  while ((count = expirations()) == 0) {
    if (nonblocking) return report(Op::read, -EAGAIN, false);
    wait(Op::read, next_ns);
  }
  changes_ += count;  // what changes() has counted stays counted
  next_ns = interval_ns == 0 ? never : next_ns + count * interval_ns;
  std::memcpy(data, &count, sizeof count);
  return report(Op::read, sizeof count);
}

long open_timer(clockid_t clock, bool nonblocking) {
  Timer& made = make<Timer>(clock);
  made.nonblocking = nonblocking;
  return made.report(Op::timerfd, open(made));
}

}  // namespace foreseed::io
