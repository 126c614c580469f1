// syscall(): the way in which libstdc++ reaches futexes, and programs the rest.

#include <cerrno>
#include <cstdarg>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "intercept/real.h"
#include "memory/weak.h"
#include "sync/sync.h"

using namespace foreseed;

extern "C" ssize_t getrandom(void*, size_t, unsigned);

namespace {

long through_errno(int error) {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

long futex(const long* a) {
  const auto* const address = reinterpret_cast<const void*>(a[0]);
  const auto* const time = reinterpret_cast<const timespec*>(a[3]);
  const long operation = a[1] & FUTEX_CMD_MASK;
  if (memory::weak) memory::weak_futex(address, operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET);
  const bool realtime = (a[1] & FUTEX_CLOCK_REALTIME) != 0;
  switch (operation) {
    case FUTEX_WAIT: {  // relative timeout
      const std::uint64_t deadline =
          time == nullptr ? never
                          : World::get().deadline_after(static_cast<std::uint64_t>(time->tv_sec) * 1'000'000'000 +
                                                        static_cast<std::uint64_t>(time->tv_nsec));
      return through_errno(sync::futex_wait(address, static_cast<std::uint32_t>(a[2]), deadline));
    }
    case FUTEX_WAIT_BITSET: {  // absolute timeout
      const std::uint64_t deadline =
          time == nullptr ? never : sync::deadline_of(realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC, *time);
      return through_errno(sync::futex_wait(address, static_cast<std::uint32_t>(a[2]), deadline));
    }
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
      return sync::futex_wake(address, static_cast<std::uint32_t>(a[2]));
    default:
      World::get().fail(FindingKind::unsupported,
                        "futex operation " + std::to_string(operation) + " cannot be simulated yet");
  }
}

}  // namespace

FORESEED_EXPORT long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  if (!simulated_code()) return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  switch (number) {
    case SYS_getrandom:
      return getrandom(reinterpret_cast<void*>(a[0]), static_cast<size_t>(a[1]), static_cast<unsigned>(a[2]));
    case SYS_futex: {
      const Entry entry;
      return futex(a);
    }
    case SYS_gettid: return static_cast<long>(World::get().current().id) + 1000;
    case SYS_membarrier: return 0;
    default: {
      const Entry entry;
      World::get().fail(FindingKind::unsupported,
                        "syscall(" + std::to_string(number) + ") cannot be simulated yet");
    }
  }
}
