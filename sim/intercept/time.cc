// Clocks and sleeping.

#include <cerrno>
#include <ctime>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timeb.h>
#include <sys/times.h>
#include <unistd.h>

#include "intercept/real.h"
#include "sync/sync.h"

using namespace foreseed;

namespace {

constexpr std::uint64_t second = 1'000'000'000;

bool is_wall(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

bool is_known(clockid_t clock) { return clock < 0 || (clock <= CLOCK_TAI && clock != 10); }

/// Nanoseconds on `clock`; CPU clocks count as if a task ran all the time.
std::uint64_t read(clockid_t clock) {
  World& world = World::get();
  const std::uint64_t now = world.read_clock();
  if (is_wall(clock)) return world.wall_ns(world.current().host);
  if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID || clock < 0) return now;
  return monotonic_epoch_ns + now;
}

timespec to_timespec(std::uint64_t ns) {
  return {static_cast<time_t>(ns / second), static_cast<long>(ns % second)};
}

std::uint64_t duration(const timespec& time) {
  const auto seconds = static_cast<std::uint64_t>(time.tv_sec);
  if (seconds > 9'000'000'000ull) return 9'000'000'000ull * second;
  return seconds * second + static_cast<std::uint64_t>(time.tv_nsec);
}

bool valid(const timespec* time) { return time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < 1'000'000'000; }

void sleep_for(std::uint64_t ns) { sync::sleep_until(World::get().deadline_after(ns)); }

}  // namespace

FORESEED_EXPORT int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (!simulated_code()) return REAL(clock_gettime)(clock, time);
  const Entry entry;
  if (!is_known(clock)) {
    errno = EINVAL;
    return -1;
  }
  *time = to_timespec(read(clock));
  return 0;
}

/// Sets the wall clock of the running task's host, as an NTP client does.
FORESEED_EXPORT int clock_settime(clockid_t clock, const timespec* time) noexcept {
  if (!simulated_code()) return REAL(clock_settime)(clock, time);
  if (clock != CLOCK_REALTIME || !valid(time)) return errno = EINVAL, -1;
  const Entry entry;
  World& world = World::get();
  const std::uint32_t host = world.current().host;
  world.step_clock(host, static_cast<std::int64_t>(duration(*time) - world.wall_ns(host)));
  return 0;
}

FORESEED_EXPORT int settimeofday(const timeval* time, const struct timezone* zone) noexcept {
  if (!simulated_code()) return REAL(settimeofday)(time, zone);
  if (time == nullptr) return 0;
  const timespec wanted{time->tv_sec, time->tv_usec * 1000};
  return clock_settime(CLOCK_REALTIME, &wanted);
}

FORESEED_EXPORT int clock_getres(clockid_t clock, timespec* resolution) noexcept {
  if (!simulated_code() || !is_known(clock)) return REAL(clock_getres)(clock, resolution);
  if (resolution != nullptr) *resolution = {0, 1};
  return 0;
}

FORESEED_EXPORT int gettimeofday(timeval* time, void* zone) noexcept {
  if (!simulated_code()) return REAL(gettimeofday)(time, zone);
  const Entry entry;
  const std::uint64_t now = read(CLOCK_REALTIME);
  *time = {static_cast<time_t>(now / second), static_cast<suseconds_t>(now % second / 1000)};
  return 0;
}

FORESEED_EXPORT time_t time(time_t* out) noexcept {
  if (!simulated_code()) return REAL(time)(out);
  const Entry entry;
  const auto now = static_cast<time_t>(read(CLOCK_REALTIME) / second);
  if (out != nullptr) *out = now;
  return now;
}

FORESEED_EXPORT int timespec_get(timespec* time, int base) noexcept {
  if (!simulated_code()) return REAL(timespec_get)(time, base);
  const Entry entry;
  if (base != TIME_UTC) return 0;
  *time = to_timespec(read(CLOCK_REALTIME));
  return base;
}

FORESEED_EXPORT clock_t clock() noexcept {
  if (!simulated_code()) return REAL(clock)();
  const Entry entry;
  return static_cast<clock_t>(read(CLOCK_PROCESS_CPUTIME_ID) / 1000);
}

FORESEED_EXPORT clock_t times(tms* out) noexcept {
  if (!simulated_code()) return REAL(times)(out);
  const Entry entry;
  const auto ticks = static_cast<clock_t>(read(CLOCK_MONOTONIC) / (second / 100));
  if (out != nullptr) *out = {ticks, 0, 0, 0};
  return ticks;
}

FORESEED_EXPORT int getrusage(__rusage_who_t who, rusage* usage) noexcept {
  if (!simulated_code()) return REAL(getrusage)(who, usage);
  const Entry entry;
  const std::uint64_t now = read(CLOCK_PROCESS_CPUTIME_ID);
  *usage = {};
  usage->ru_utime = {static_cast<time_t>(now / second), static_cast<suseconds_t>(now % second / 1000)};
  return 0;
}

FORESEED_EXPORT int nanosleep(const timespec* time, timespec* left) {
  if (!simulated_code()) return REAL(nanosleep)(time, left);
  const Entry entry;
  if (!valid(time)) {
    errno = EINVAL;
    return -1;
  }
  sleep_for(duration(*time));
  return 0;
}

FORESEED_EXPORT int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec* left) {
  if (!simulated_code()) return REAL(clock_nanosleep)(clock, flags, time, left);
  const Entry entry;
  if (!valid(time) || clock == CLOCK_THREAD_CPUTIME_ID) return EINVAL;
  if ((flags & TIMER_ABSTIME) != 0) {
    sync::sleep_until(sync::deadline_of(is_wall(clock) ? CLOCK_REALTIME : CLOCK_MONOTONIC, *time));
  } else {
    sleep_for(duration(*time));
  }
  return 0;
}

FORESEED_EXPORT int usleep(useconds_t microseconds) {
  if (!simulated_code()) return REAL(usleep)(microseconds);
  const Entry entry;
  sleep_for(std::uint64_t{microseconds} * 1000);
  return 0;
}

FORESEED_EXPORT unsigned sleep(unsigned seconds) {
  if (!simulated_code()) return REAL(sleep)(seconds);
  const Entry entry;
  sleep_for(seconds * second);
  return 0;
}
