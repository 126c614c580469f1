// Readiness, as poll(2) defines it.

#include <cerrno>
#include <deque>

#include "net/socket.h"

namespace foreseed::net {

short readiness(const Socket& socket, short wanted) {
  short ready = 0;
  switch (socket.state) {
    case SocketState::fresh: ready = POLLOUT | POLLHUP; break;
    case SocketState::listening:
      if (!socket.pending.empty()) ready = POLLIN | POLLRDNORM;
      break;
    case SocketState::connecting: break;
    case SocketState::connected:
      if (socket.unread() != 0 || socket.ended || socket.read_shut) ready |= POLLIN | POLLRDNORM;
      if (socket.ended || socket.read_shut) ready |= POLLRDHUP;
      if (socket.ended && socket.write_shut) ready |= POLLHUP;
      if (socket.room() != 0 || socket.write_shut) ready |= POLLOUT | POLLWRNORM;
      break;
    case SocketState::failed: ready = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP | POLLRDHUP; break;
  }
  if (socket.error != 0) ready |= POLLERR;
  return static_cast<short>(ready & (wanted | POLLERR | POLLHUP));
}

namespace {

long scan(pollfd* entries, std::size_t count) {
  long ready = 0;
  for (std::size_t i = 0; i < count; ++i) {
    pollfd& entry = entries[i];
    entry.revents = 0;
    if (entry.fd < 0) continue;
    const Socket* const socket = find_socket(entry.fd);
    entry.revents = socket == nullptr ? static_cast<short>(POLLNVAL) : readiness(*socket, entry.events);
    ready += entry.revents != 0;
  }
  return ready;
}

}  // namespace

long poll(pollfd* entries, std::size_t count, std::uint64_t deadline_ns) {
  World& world = World::get();
  world.point(Op::sock_poll);
  std::uint32_t object = 0;
  long ready = scan(entries, count);
  if (ready == 0 && deadline_ns > world.now()) {
    std::deque<Waiter> waiters;
    for (std::size_t i = 0; i < count; ++i) {
      Socket* const socket = entries[i].fd < 0 ? nullptr : find_socket(entries[i].fd);
      if (socket == nullptr) continue;
      object = socket->number;
      waiters.emplace_back(socket->waiters, world.current());
    }
    bool in_time = true;
    while (ready == 0 && in_time) {
      in_time = world.wait(Op::sock_poll, object, deadline_ns);
      ready = scan(entries, count);
    }
  }
  world.event(Op::sock_poll, object, static_cast<std::int32_t>(ready), ready != 0);
  return ready;
}

}  // namespace foreseed::net
