#include "io/pipe.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <fcntl.h>

#include "io/descriptors.h"

namespace foreseed::io {

void broken_pipe() {
  struct sigaction action {};
  sigaction(SIGPIPE, nullptr, &action);
  if (action.sa_handler == SIG_DFL) {
    World::get().fail(FindingKind::crash, "crash: SIGPIPE, a write that the other side can no longer read");
  }
}

long PipeEnd::read(void* data, std::size_t size) {
  if (!reader) return -EBADF;
  World& world = World::get();
  world.point(Op::read);
  while (bytes.empty() && size != 0) {
    if (other->references == 0) return report(Op::read, 0);
    if (nonblocking) return report(Op::read, -EAGAIN, false);
    wait(Op::read, never);
  }
  const std::size_t n = std::min(size, bytes.size());
  std::memcpy(data, bytes.data(), n);
  bytes.erase(0, n);
  world.current().clock.join(clock);
  if (n != 0) other->changed();
  return report(Op::read, static_cast<long>(n));
}

long PipeEnd::write(const void* data, std::size_t size) {
  if (reader) return -EBADF;
  World& world = World::get();
  world.point(Op::write);
  std::size_t written = 0;
  while (written < size) {
    if (other->references == 0) {
      broken_pipe();
      return report(Op::write, written != 0 ? static_cast<long>(written) : -EPIPE);
    }
    const std::size_t room = other->capacity - other->bytes.size();
    const std::size_t least = size <= PIPE_BUF ? size : 1;
    if (room < least) {
      if (nonblocking) return report(Op::write, written != 0 ? static_cast<long>(written) : -EAGAIN, written != 0);
      wait(Op::write, never);
      continue;
    }
    const std::size_t n = std::min(room, size - written);
    other->bytes.append(static_cast<const char*>(data) + written, n);
    other->clock.join(world.current().clock);
    world.current().release();
    written += n;
    other->changed();
  }
  return report(Op::write, static_cast<long>(written));
}

long PipeEnd::control(int command, long argument) {
  PipeEnd& pipe = reader ? *this : *other;
  if (command == F_GETPIPE_SZ) return static_cast<long>(pipe.capacity);
  if (command != F_SETPIPE_SZ) return Description::control(command, argument);
  if (argument < 0 || argument > 1L << 31) return -EINVAL;
  const std::size_t wanted = std::bit_ceil(std::max<std::size_t>(static_cast<std::size_t>(argument), PIPE_BUF));
  if (wanted > pipe_capacity_max) return -EPERM;
  World::get().point(Op::pipe);
  if (wanted < pipe.bytes.size()) return report(Op::pipe, -EBUSY);
  pipe.capacity = wanted;
  pipe.other->changed();
  return report(Op::pipe, static_cast<long>(wanted));
}

short PipeEnd::readiness() const {
  if (reader) {
    const short readable = bytes.empty() ? 0 : POLLIN | POLLRDNORM;
    return static_cast<short>(readable | (other->references == 0 ? POLLHUP : 0));
  }
  if (other->references == 0) return POLLOUT | POLLWRNORM | POLLERR;
  return other->capacity - other->bytes.size() >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0;
}

long open_pipe(int descriptors[2], bool nonblocking) {
  PipeEnd& reader = make<PipeEnd>(true);
  PipeEnd& writer = make<PipeEnd>(false);
  reader.other = &writer;
  writer.other = &reader;
  reader.nonblocking = writer.nonblocking = nonblocking;
  const int first = open(reader);
  const int second = open(writer);
  if (second < 0) {
    if (first >= 0) close(first);
    return reader.report(Op::pipe, -EMFILE);
  }
  descriptors[0] = first;
  descriptors[1] = second;
  return reader.report(Op::pipe, 0);
}

}  // namespace foreseed::io
