// Calls on descriptors of any kind: virtual ones go to the io room, real ones (host files) through to the host.

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "intercept/host_files.h"
#include "intercept/real.h"
#include "io/descriptors.h"
#include "memory/isolation.h"
#include "net/socket.h"

using namespace foreseed;

namespace {

bool ours(int fd) { return simulated_code() && io::is_virtual(fd); }

/// Calls `use` with what the descriptor stands for.
template <typename Use>
long with(int fd, Use use) {
  const Entry entry;
  io::Description* const description = io::find(fd);
  return through_errno(description == nullptr ? -EBADF : use(*description));
}

[[noreturn]] void unsupported(const char* what) {
  const Entry entry;
  World::get().fail(FindingKind::unsupported, std::string(what) + " cannot be simulated yet");
}

std::uint64_t deadline_after(const timespec* time) {
  if (time == nullptr) return never;
  return World::get().deadline_after(static_cast<std::uint64_t>(time->tv_sec) * 1'000'000'000 +
                                     static_cast<std::uint64_t>(time->tv_nsec));
}

int poll_until(pollfd* entries, nfds_t count, std::uint64_t deadline_ns) {
  for (nfds_t i = 0; i < count; ++i) {
    if (entries[i].fd >= 0 && !io::is_virtual(entries[i].fd)) unsupported("poll() on a file of the host");
  }
  const Entry entry;
  return static_cast<int>(through_errno(io::poll(entries, count, deadline_ns)));
}

}  // namespace

FORESEED_EXPORT int close(int fd) {
  if (!ours(fd)) return closed_on_host(fd), REAL(close)(fd);
  const Entry entry;
  if (net::Socket* const socket = net::find_socket(fd); socket != nullptr) net::linger(*socket);
  return static_cast<int>(through_errno(io::close(fd)));
}

FORESEED_EXPORT ssize_t read(int fd, void* data, size_t size) {
  if (ours(fd)) return with(fd, [&](io::Description& on) { return on.read(data, size); });
  if (series_active) memory::make_writable(data, size);
  return REAL(read)(fd, data, size);
}

FORESEED_EXPORT ssize_t __read_chk(int fd, void* data, size_t size, size_t room) {
  if (size > room) abort();
  return read(fd, data, size);
}

FORESEED_EXPORT ssize_t write(int fd, const void* data, size_t size) {
  if (!ours(fd)) return REAL(write)(fd, data, size);
  return with(fd, [&](io::Description& on) { return on.write(data, size); });
}

FORESEED_EXPORT int poll(pollfd* entries, nfds_t count, int timeout_ms) {
  if (!simulated_code()) return REAL(poll)(entries, count, timeout_ms);
  const std::uint64_t deadline =
      timeout_ms < 0 ? never : World::get().deadline_after(static_cast<std::uint64_t>(timeout_ms) * 1'000'000);
  return poll_until(entries, count, deadline);
}

FORESEED_EXPORT int __poll_chk(pollfd* entries, nfds_t count, int timeout_ms, size_t room) {
  if (room / sizeof(pollfd) < count) abort();
  return poll(entries, count, timeout_ms);
}

FORESEED_EXPORT int ppoll(pollfd* entries, nfds_t count, const timespec* time, const sigset_t* mask) {
  if (!simulated_code()) return REAL(ppoll)(entries, count, time, mask);
  return poll_until(entries, count, deadline_after(time));
}

FORESEED_EXPORT int __ppoll_chk(pollfd* entries, nfds_t count, const timespec* time, const sigset_t* mask,
                                size_t room) {
  if (room / sizeof(pollfd) < count) abort();
  return ppoll(entries, count, time, mask);
}

namespace {

/// select(2) in terms of poll(2).
int select_until(int limit, fd_set* reads, fd_set* writes, fd_set* errors, std::uint64_t deadline_ns) {
  pollfd entries[FD_SETSIZE];
  nfds_t count = 0;
  for (int fd = 0; fd < limit; ++fd) {
    short events = 0;
    if (reads != nullptr && FD_ISSET(fd, reads)) events |= POLLIN;
    if (writes != nullptr && FD_ISSET(fd, writes)) events |= POLLOUT;
    if (errors != nullptr && FD_ISSET(fd, errors)) events |= POLLPRI;
    if (events != 0) entries[count++] = {fd, events, 0};
  }
  if (poll_until(entries, count, deadline_ns) < 0) return -1;
  int ready = 0;
  for (nfds_t i = 0; i < count; ++i) {
    const auto [fd, events, revents] = entries[i];
    if ((revents & POLLNVAL) != 0) return errno = EBADF, -1;
    const bool readable = (events & POLLIN) != 0 && (revents & (POLLIN | POLLHUP | POLLERR)) != 0;
    const bool writable = (events & POLLOUT) != 0 && (revents & (POLLOUT | POLLERR)) != 0;
    if (reads != nullptr && !readable) FD_CLR(fd, reads);
    if (writes != nullptr && !writable) FD_CLR(fd, writes);
    if (errors != nullptr) FD_CLR(fd, errors);
    ready += readable + writable;
  }
  return ready;
}

}  // namespace

FORESEED_EXPORT int select(int limit, fd_set* reads, fd_set* writes, fd_set* errors, timeval* time) {
  if (!simulated_code()) return REAL(select)(limit, reads, writes, errors, time);
  if (time == nullptr) return select_until(limit, reads, writes, errors, never);
  const timespec span{time->tv_sec, time->tv_usec * 1000};
  return select_until(limit, reads, writes, errors, deadline_after(&span));
}

FORESEED_EXPORT int pselect(int limit, fd_set* reads, fd_set* writes, fd_set* errors, const timespec* time,
                            const sigset_t* mask) {
  if (!simulated_code()) return REAL(pselect)(limit, reads, writes, errors, time, mask);
  return select_until(limit, reads, writes, errors, deadline_after(time));
}

namespace {

int control(int fd, int command, long argument) {
  return static_cast<int>(with(fd, [&](io::Description& on) -> long {
    switch (command) {
      case F_GETFD: return FD_CLOEXEC;
      case F_SETFD: return 0;
      case F_DUPFD:
      case F_DUPFD_CLOEXEC: return io::duplicate(fd, static_cast<int>(argument));
      default: return on.control(command, argument);
    }
  }));
}

}  // namespace

FORESEED_EXPORT int fcntl64(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  const long argument = va_arg(list, long);
  va_end(list);
  return ours(fd) ? control(fd, command, argument) : REAL(fcntl64)(fd, command, argument);
}

FORESEED_EXPORT int fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  const long argument = va_arg(list, long);
  va_end(list);
  return ours(fd) ? control(fd, command, argument) : REAL(fcntl)(fd, command, argument);
}

FORESEED_EXPORT int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list list;
  va_start(list, request);
  void* const argument = va_arg(list, void*);
  va_end(list);
  if (!ours(fd)) return REAL(ioctl)(fd, request, argument);
  return static_cast<int>(with(fd, [&](io::Description& on) -> long {
    switch (request) {
      case FIONBIO: on.nonblocking = *static_cast<const int*>(argument) != 0; return 0;
      case FIONREAD: *static_cast<int*>(argument) = static_cast<int>(on.unread()); return 0;
      case FIOCLEX:
      case FIONCLEX: return 0;
      default: World::get().fail(FindingKind::unsupported, "ioctl() of a virtual descriptor cannot be simulated yet");
    }
  }));
}

FORESEED_EXPORT int dup(int fd) noexcept {
  return ours(fd) ? control(fd, F_DUPFD, io::first_descriptor) : opened_on_host(REAL(dup)(fd));
}

FORESEED_EXPORT int dup2(int from, int to) noexcept {
  if (!simulated_code()) return REAL(dup2)(from, to);
  if (!io::is_virtual(from) || !io::is_virtual(to)) unsupported("dup2() of a file of the host");
  const Entry entry;
  return static_cast<int>(through_errno(io::duplicate_to(from, to)));
}

FORESEED_EXPORT int dup3(int from, int to, int flags) noexcept {
  if (!simulated_code()) return REAL(dup3)(from, to, flags);
  return from == to ? (errno = EINVAL, -1) : dup2(from, to);
}
