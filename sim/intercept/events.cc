// Descriptors that are made to be waited for: pipes, event counters, timers, epoll sets.

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "intercept/real.h"
#include "io/counters.h"
#include "io/descriptors.h"
#include "io/epoll.h"
#include "io/pipe.h"
#include "sync/sync.h"

using namespace foreseed;

namespace {

/// The description of `fd` as a T; null, with errno set, if it is none.
template <typename T>
T* find_as(int fd, io::Description::Kind kind, int otherwise) {
  io::Description* const description = io::find(fd);
  if (description == nullptr) return errno = EBADF, nullptr;
  if (description->kind != kind) return errno = otherwise, nullptr;
  return static_cast<T*>(description);
}

io::Epoll* epoll_of(int fd) { return find_as<io::Epoll>(fd, io::Description::Kind::epoll, EINVAL); }
io::Timer* timer_of(int fd) { return find_as<io::Timer>(fd, io::Description::Kind::timer, EINVAL); }

std::uint64_t to_ns(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}
timespec to_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}
bool valid(const timespec& time) { return time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < 1'000'000'000; }

itimerspec remaining(const io::Timer& timer) {
  const std::int64_t next = timer.next_expiration();
  const std::int64_t left = next - static_cast<std::int64_t>(World::get().local_ns(timer.host));
  return {to_timespec(timer.interval_ns),
          to_timespec(next == io::Timer::disarmed ? 0 : static_cast<std::uint64_t>(std::max<std::int64_t>(left, 1)))};
}

/// `value` on the timer's clock, as a local time of its host.
std::int64_t local_time(const io::Timer& timer, const timespec& value, bool absolute) {
  constexpr time_t seconds_max = 4'000'000'000;  // more is never
  const World& world = World::get();
  const auto time = static_cast<std::int64_t>(to_ns({std::min(value.tv_sec, seconds_max), value.tv_nsec}));
  const auto now = static_cast<std::int64_t>(world.local_ns(timer.host));
  if (!absolute) return now + time;
  if (timer.clock == CLOCK_REALTIME) return time - (static_cast<std::int64_t>(world.wall_ns(timer.host)) - now);
  return time - static_cast<std::int64_t>(monotonic_epoch_ns);
}

}  // namespace

// --- pipes

FORESEED_EXPORT int pipe2(int descriptors[2], int flags) noexcept {
  if (!simulated_code()) return REAL(pipe2)(descriptors, flags);
  const Entry entry;
  return through_errno(io::open_pipe(descriptors, (flags & O_NONBLOCK) != 0));
}

FORESEED_EXPORT int pipe(int descriptors[2]) noexcept {
  return simulated_code() ? pipe2(descriptors, 0) : REAL(pipe)(descriptors);
}

// --- event counters

FORESEED_EXPORT int eventfd(unsigned count, int flags) noexcept {
  if (!simulated_code()) return REAL(eventfd)(count, flags);
  const Entry entry;
  return through_errno(io::open_event_counter(count, (flags & EFD_SEMAPHORE) != 0, (flags & EFD_NONBLOCK) != 0));
}

FORESEED_EXPORT int eventfd_read(int fd, eventfd_t* value) {
  if (!simulated_code()) return REAL(eventfd_read)(fd, value);
  return read(fd, value, sizeof *value) == static_cast<ssize_t>(sizeof *value) ? 0 : -1;
}

FORESEED_EXPORT int eventfd_write(int fd, eventfd_t value) {
  if (!simulated_code()) return REAL(eventfd_write)(fd, value);
  return write(fd, &value, sizeof value) == static_cast<ssize_t>(sizeof value) ? 0 : -1;
}

// --- timers

FORESEED_EXPORT int timerfd_create(clockid_t clock, int flags) noexcept {
  if (!simulated_code()) return REAL(timerfd_create)(clock, flags);
  const Entry entry;
  if (clock == CLOCK_BOOTTIME) clock = CLOCK_MONOTONIC;
  if (!sync::is_wait_clock(clock)) return errno = EINVAL, -1;
  return through_errno(io::open_timer(clock, (flags & TFD_NONBLOCK) != 0));
}

FORESEED_EXPORT int timerfd_settime(int fd, int flags, const itimerspec* value, itimerspec* old) noexcept {
  if (!simulated_code()) return REAL(timerfd_settime)(fd, flags, value, old);
  const Entry entry;
  io::Timer* const timer = timer_of(fd);
  if (timer == nullptr) return -1;
  if (!valid(value->it_value) || !valid(value->it_interval)) return errno = EINVAL, -1;
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0) return errno = EINVAL, -1;
  World::get().point(Op::timerfd_settime);
  if (old != nullptr) *old = remaining(*timer);
  const bool armed = to_ns(value->it_value) != 0;
  const bool absolute = (flags & TFD_TIMER_ABSTIME) != 0;
  const bool was_cancelled = timer->cancelled;
  timer->on_wall_clock = absolute && timer->clock == CLOCK_REALTIME;
  timer->cancelled_by_set = timer->on_wall_clock && (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
  timer->set(armed ? local_time(*timer, value->it_value, absolute) : io::Timer::disarmed, to_ns(value->it_interval));
  return through_errno(timer->report(Op::timerfd_settime, armed && was_cancelled ? -ECANCELED : 0));
}

FORESEED_EXPORT int timerfd_gettime(int fd, itimerspec* value) noexcept {
  if (!simulated_code()) return REAL(timerfd_gettime)(fd, value);
  const Entry entry;
  const io::Timer* const timer = timer_of(fd);
  if (timer == nullptr) return -1;
  *value = remaining(*timer);
  return 0;
}

// --- epoll

FORESEED_EXPORT int epoll_create1(int flags) noexcept {
  if (!simulated_code()) return REAL(epoll_create1)(flags);
  const Entry entry;
  return through_errno(io::open_epoll());
}

FORESEED_EXPORT int epoll_create(int size) noexcept {
  return simulated_code() ? epoll_create1(0) : REAL(epoll_create)(size);
}

FORESEED_EXPORT int epoll_ctl(int fd, int operation, int target, epoll_event* event) noexcept {
  if (!simulated_code()) return REAL(epoll_ctl)(fd, operation, target, event);
  const Entry entry;
  io::Epoll* const epoll = epoll_of(fd);
  if (epoll == nullptr) return -1;
  const io::Description* const watched = io::find(target);
  if (!io::is_virtual(target)) return errno = EPERM, -1;
  if (watched != nullptr && watched->kind == io::Description::Kind::file) return errno = EPERM, -1;
  return through_errno(io::control(*epoll, operation, target, event));
}

FORESEED_EXPORT int epoll_wait(int fd, epoll_event* events, int max, int timeout_ms) {
  if (!simulated_code()) return REAL(epoll_wait)(fd, events, max, timeout_ms);
  const Entry entry;
  io::Epoll* const epoll = epoll_of(fd);
  if (epoll == nullptr) return -1;
  const std::uint64_t deadline =
      timeout_ms < 0 ? never : World::get().deadline_after(static_cast<std::uint64_t>(timeout_ms) * 1'000'000);
  return through_errno(io::wait(*epoll, events, max, deadline));
}

FORESEED_EXPORT int epoll_pwait(int fd, epoll_event* events, int max, int timeout_ms, const sigset_t* mask) {
  return simulated_code() ? epoll_wait(fd, events, max, timeout_ms)
                          : REAL(epoll_pwait)(fd, events, max, timeout_ms, mask);
}

FORESEED_EXPORT int epoll_pwait2(int fd, epoll_event* events, int max, const timespec* time, const sigset_t* mask) {
  if (!simulated_code()) return REAL(epoll_pwait2)(fd, events, max, time, mask);
  const Entry entry;
  io::Epoll* const epoll = epoll_of(fd);
  if (epoll == nullptr) return -1;
  return through_errno(io::wait(*epoll, events, max, time == nullptr ? never : World::get().deadline_after(to_ns(*time))));
}
