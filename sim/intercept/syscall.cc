// syscall(): the way in which libstdc++ reaches futexes, and programs the rest.

#include <cerrno>
#include <cstdarg>
#include <ctime>
#include <linux/futex.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <type_traits>
#include <utility>

#include "intercept/process.h"
#include "intercept/real.h"
#include "memory/weak.h"
#include "sync/sync.h"

using namespace foreseed;

namespace {

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
      return error_through_errno(sync::futex_wait(address, static_cast<std::uint32_t>(a[2]), deadline));
    }
    case FUTEX_WAIT_BITSET: {  // absolute timeout
      const std::uint64_t deadline =
          time == nullptr ? never : sync::deadline_of(realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC, *time);
      return error_through_errno(sync::futex_wait(address, static_cast<std::uint32_t>(a[2]), deadline));
    }
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
      return sync::futex_wake(address, static_cast<std::uint32_t>(a[2]));
    default:
      World::get().fail(FindingKind::unsupported,
                        "futex operation " + std::to_string(operation) + " cannot be simulated yet");
  }
}

template <typename To>
To as(long argument) {
  if constexpr (std::is_pointer_v<To>) {
    return reinterpret_cast<To>(argument);
  } else {
    return static_cast<To>(argument);
  }
}

/// A system call through the function of that name, which says -1 and errno as syscall() does.
template <typename Result, typename... Parameters>
long through(Result (*function)(Parameters...), const long* a) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    const Result result = function(as<Parameters>(a[i])...);
    if constexpr (std::is_pointer_v<Result>) {
      return reinterpret_cast<long>(result);
    } else {
      return static_cast<long>(result);
    }
  }(std::index_sequence_for<Parameters...>());
}

/// struct sched_attr in its first version.
struct Attributes {
  std::uint32_t size;
  std::uint32_t of_class;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime, deadline, period;
};

long get_attributes(pid_t id, Attributes* out, unsigned size, unsigned flags) {
  if (out == nullptr || size < sizeof *out || flags != 0) return errno = EINVAL, -1;
  const int of_class = sched_getscheduler(id);
  if (of_class < 0) return -1;
  *out = {sizeof *out, static_cast<std::uint32_t>(of_class), 0, getpriority(PRIO_PROCESS, static_cast<id_t>(id)), 0, 0, 0, 0};
  return 0;
}

long set_attributes(pid_t id, const Attributes* given, unsigned flags) {
  if (given == nullptr || flags != 0) return errno = EINVAL, -1;
  const sched_param parameters{static_cast<int>(given->priority)};
  if (sched_setscheduler(id, static_cast<int>(given->of_class), &parameters) != 0) return -1;
  return setpriority(PRIO_PROCESS, static_cast<id_t>(id), given->nice) == 0 ? 0 : (errno = EPERM, -1);
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
    case SYS_gettid: return thread_id(World::get().current());
    case SYS_membarrier: return 0;
    // What kernels may lack, and programs that know this go on without.
    case SYS_io_uring_setup:
    case SYS_perf_event_open:
    case SYS_pidfd_open:
    case SYS_userfaultfd: return errno = ENOSYS, -1;
    case SYS_open: return open(as<const char*>(a[0]), as<int>(a[1]), as<mode_t>(a[2]));
    case SYS_openat: return openat(as<int>(a[0]), as<const char*>(a[1]), as<int>(a[2]), as<mode_t>(a[3]));
    case SYS_fcntl: return fcntl(as<int>(a[0]), as<int>(a[1]), a[2]);
#define SAME(name) \
  case SYS_##name: return through(::name, a);
#define AS(number, name) \
  case SYS_##number: return through(::name, a);
    SAME(read) SAME(write) SAME(close) SAME(lseek) SAME(readv) SAME(writev) SAME(preadv) SAME(pwritev)
    AS(pread64, pread) AS(pwrite64, pwrite) SAME(fsync) SAME(fdatasync) SAME(truncate) SAME(ftruncate) SAME(fallocate)
    SAME(stat) SAME(fstat) SAME(lstat) AS(newfstatat, fstatat) SAME(statx) SAME(access) SAME(faccessat) SAME(flock)
    SAME(rename) SAME(renameat) SAME(renameat2) SAME(mkdir) SAME(mkdirat) SAME(rmdir) SAME(link) SAME(linkat) SAME(unlink)
    SAME(unlinkat) SAME(sendfile)
    SAME(dup) SAME(dup2) SAME(dup3) SAME(pipe) SAME(pipe2) SAME(poll) SAME(select) SAME(epoll_create) SAME(epoll_create1)
    SAME(epoll_ctl) SAME(epoll_wait) AS(eventfd2, eventfd) SAME(timerfd_create) SAME(timerfd_settime) SAME(timerfd_gettime)
    SAME(socket) SAME(socketpair) SAME(connect) SAME(bind) SAME(listen) SAME(accept) SAME(accept4) SAME(shutdown) SAME(sendto)
    SAME(recvfrom) SAME(sendmsg) SAME(recvmsg) SAME(getsockname) SAME(getpeername) SAME(setsockopt) SAME(getsockopt)
    SAME(mmap) SAME(munmap) SAME(msync) SAME(mprotect) SAME(madvise)
    SAME(clock_gettime) SAME(clock_getres) SAME(clock_settime) SAME(gettimeofday) SAME(time) SAME(nanosleep) SAME(sched_yield)
    SAME(sched_setscheduler) SAME(sched_getscheduler) SAME(sched_setparam) SAME(sched_getparam) SAME(sched_setaffinity)
    SAME(getpid) SAME(getppid) SAME(getuid) SAME(geteuid) SAME(getgid) SAME(getegid) SAME(uname)
#undef SAME
#undef AS
    case SYS_clock_nanosleep:  // says its error itself
      return error_through_errno(clock_nanosleep(as<clockid_t>(a[0]), as<int>(a[1]), as<const timespec*>(a[2]), as<timespec*>(a[3])));
    case SYS_sched_getaffinity:  // says how many bytes of the set it has written
      return sched_getaffinity(as<pid_t>(a[0]), as<std::size_t>(a[1]), as<cpu_set_t*>(a[2])) == 0 ? static_cast<long>(sizeof(long)) : -1;
    case SYS_sched_getattr: return through(get_attributes, a);
    case SYS_sched_setattr: return through(set_attributes, a);
    default: {
      const Entry entry;
      World::get().fail(FindingKind::unsupported,
                        "syscall(" + std::to_string(number) + ") cannot be simulated yet");
    }
  }
}
