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

std::uint64_t Timer::due() const {
  const auto now = static_cast<std::int64_t>(World::get().local_ns(host));
  if (next_ == disarmed || next_ > now) return 0;
  return interval_ns == 0 ? 1 : 1 + static_cast<std::uint64_t>(now - next_) / interval_ns;
}

std::uint64_t Timer::expirations() const { return kept_ + due(); }

std::int64_t Timer::next_expiration() const {
  const std::uint64_t seen = due();
  if (seen == 0 || next_ == disarmed) return next_;
  return interval_ns == 0 ? disarmed : next_ + static_cast<std::int64_t>(seen * interval_ns);
}

std::uint64_t Timer::changes_at_ns() const {
  const std::int64_t next = next_expiration();
  return next == disarmed ? never : World::get().time_at(host, static_cast<std::uint64_t>(next));
}

void Timer::set(std::int64_t next, std::uint64_t interval) {
  next_ = next;
  interval_ns = interval;
  kept_ = 0;
  cancelled = false;
  changed();
}

void Timer::clock_set(std::int64_t by_ns) {
  if (!on_wall_clock || next_ == disarmed) return;
  const std::uint64_t before = due();
  next_ = next_expiration();
  kept_ += before;
  if (next_ != disarmed) next_ -= by_ns;
  cancelled = cancelled_by_set;
  World::get().wake_all(waiters);  // whoever waits looks again when that will be
}

long Timer::read(void* data, std::size_t size) {
  if (size < sizeof kept_) return -EINVAL;
  World& world = World::get();
  world.point(Op::read);
  while (!cancelled && expirations() == 0) {
    if (nonblocking) return report(Op::read, -EAGAIN, false);
    wait(Op::read, changes_at_ns());
  }
  const std::uint64_t count = expirations();
  changes_ += count + cancelled;  // what changes() has counted stays counted
  next_ = next_expiration();
  kept_ = 0;
  if (cancelled) {
    cancelled = false;
    return report(Op::read, -ECANCELED);
  }
  std::memcpy(data, &count, sizeof count);
  return report(Op::read, sizeof count);
}

long open_timer(clockid_t clock, bool nonblocking) {
  Timer& made = make<Timer>(clock);
  made.nonblocking = nonblocking;
  return made.report(Op::timerfd, open(made));
}

}  // namespace foreseed::io
