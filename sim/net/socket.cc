#include "net/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

#include "io/pipe.h"
#include "net/local.h"
#include "net/segments.h"

namespace foreseed::net {

namespace {

using Kind = Segment::Kind;

constexpr std::uint64_t second = 1'000'000'000;

bool port_taken(const Machine& machine, const Socket& socket, std::uint32_t address, std::uint16_t port) {
  for (const Socket* const other : machine.bound) {
    if (other->local_port != port) continue;
    if (other->local_address != 0 && address != 0 && other->local_address != address) continue;
    if (socket.shares_port() && other->shares_port() && other->state != SocketState::listening) continue;
    return true;
  }
  return false;
}

std::uint16_t ephemeral_port(Machine& machine, const Socket& socket) {
  for (;;) {
    if (machine.next_port < 32768) machine.next_port = 32768;
    const std::uint16_t port = machine.next_port++;
    if (!port_taken(machine, socket, 0, port)) return port;
  }
}

void unbind(Socket& socket) { std::erase(Network::get().machine(socket.host).bound, &socket); }

long report(Op op, Socket& socket, long result, bool progress = true) { return socket.report(op, result, progress); }

std::uint64_t deadline(std::uint64_t timeout_ns) {
  return timeout_ns == 0 ? never : World::get().deadline_after(timeout_ns);
}

}  // namespace

std::size_t Socket::room() const {
  if (peer == nullptr) return 0;
  const std::size_t used = peer->unread() + peer->under_way.size();
  return used < window ? window - used : 0;
}

Socket* find_socket(int descriptor) {
  io::Description* const description = io::find(descriptor);
  return description != nullptr && description->kind == io::Description::Kind::stream
             ? static_cast<Socket*>(description)
             : nullptr;
}

long Socket::read(void* data, std::size_t size) { return receive(*this, data, size, 0); }
long Socket::write(const void* data, std::size_t size) { return send(*this, data, size, 0); }

short Socket::readiness() const {
  short ready = 0;
  switch (state) {
    case SocketState::fresh: ready = POLLOUT | POLLHUP; break;
    case SocketState::listening:
      if (!pending.empty()) ready = POLLIN | POLLRDNORM;
      break;
    case SocketState::connecting: break;
    case SocketState::connected:
      if (unread() != 0 || ended || read_shut) ready |= POLLIN | POLLRDNORM;
      if (ended || read_shut) ready |= POLLRDHUP;
      if (ended && write_shut) ready |= POLLHUP;
      if (room() != 0 || write_shut) ready |= POLLOUT | POLLWRNORM;
      break;
    case SocketState::failed: ready = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP | POLLRDHUP; break;
  }
  if (error != 0) ready |= POLLERR;
  return ready;
}

void Socket::closed() {
  Socket& socket = *this;
  socket.unix_domain ? unbind_local(socket) : unbind(socket);
  if (socket.state == SocketState::listening) {
    for (Socket* const connection : socket.pending) {
      connection->references = 0;
      send_to_peer(*connection, Segment::Kind::reset);
    }
    socket.pending.clear();
    socket.state = SocketState::failed;
  } else if (socket.state == SocketState::connected && socket.peer != nullptr) {
    const bool abort = socket.unread() != 0 || (socket.linger_on && socket.linger_s == 0);
    if (abort) {
      send_to_peer(socket, Segment::Kind::reset);
    } else if (!socket.write_shut) {
      send_to_peer(socket, Segment::Kind::fin);
    }
    if (socket.unix_domain) socket.peer->write_shut = true;
  }
  socket.changed();
}

int open_socket(bool unix_domain, bool nonblocking) {
  Socket& socket = Network::get().new_socket(World::get().current().host);
  socket.unix_domain = unix_domain;
  socket.nonblocking = nonblocking;
  return static_cast<int>(report(Op::sock_socket, socket, io::open(socket)));
}

long bind(Socket& socket, std::uint32_t address, std::uint16_t port) {
  World::get().point(Op::sock_bind);
  Machine& machine = Network::get().machine(socket.host);
  long result = 0;
  if (socket.local_port != 0) {
    result = -EINVAL;
  } else if (address != 0 && address >> 24 != 127 && address != machine.address) {
    result = -EADDRNOTAVAIL;
  } else if (port != 0 && port_taken(machine, socket, address, port)) {
    result = -EADDRINUSE;
  } else {
    socket.local_address = address;
    socket.local_port = port != 0 ? port : ephemeral_port(machine, socket);
    machine.bound.push_back(&socket);
  }
  return report(Op::sock_bind, socket, result);
}

long listen(Socket& socket, int backlog) {
  World::get().point(Op::sock_listen);
  long result = 0;
  if (socket.state != SocketState::fresh && socket.state != SocketState::listening) {
    result = -EINVAL;
  } else {
    Machine& machine = Network::get().machine(socket.host);
    if (socket.unix_domain && socket.name.empty()) return report(Op::sock_listen, socket, -EINVAL);
    if (!socket.unix_domain && socket.local_port == 0) {
      socket.local_port = ephemeral_port(machine, socket);
      machine.bound.push_back(&socket);
    }
    socket.state = SocketState::listening;
    socket.backlog = static_cast<std::size_t>(std::clamp(backlog, 0, 4096));
  }
  return report(Op::sock_listen, socket, result);
}

long accept(Socket& socket, bool nonblocking_result) {
  World& world = World::get();
  world.point(Op::sock_accept);
  const std::uint64_t deadline_ns = deadline(socket.receive_timeout_ns);
  while (socket.pending.empty()) {
    if (socket.state != SocketState::listening) return report(Op::sock_accept, socket, -EINVAL);
    if (socket.nonblocking) return report(Op::sock_accept, socket, -EAGAIN, false);
    if (!socket.wait(Op::sock_accept, deadline_ns)) return report(Op::sock_accept, socket, -EAGAIN);
  }
  Socket& connection = *socket.pending.front();
  const int descriptor = io::open(connection);
  if (descriptor < 0) return report(Op::sock_accept, socket, descriptor);
  connection.references = 1;  // no longer the queue's
  socket.pending.erase(socket.pending.begin());
  connection.nonblocking = nonblocking_result;
  if (socket.unix_domain) socket.changed();  // there is room for one more
  world.current().clock.join(connection.clock);
  return report(Op::sock_accept, socket, descriptor);
}

long connect(Socket& socket, std::uint32_t address, std::uint16_t port) {
  World& world = World::get();
  world.point(Op::sock_connect);
  if (socket.state == SocketState::connected) return report(Op::sock_connect, socket, -EISCONN);
  if (socket.state == SocketState::connecting && socket.nonblocking) {
    return report(Op::sock_connect, socket, -EALREADY, false);
  }
  if (socket.state == SocketState::listening) return report(Op::sock_connect, socket, -EINVAL);
  if (socket.state != SocketState::connecting) {
    Network& network = Network::get();
    Machine& machine = network.machine(socket.host);
    const std::int64_t host = network.route(socket.host, address);
    socket.remote_address = address == 0 ? loopback : address;
    socket.remote_port = port;
    if (socket.local_port == 0) {
      socket.local_port = ephemeral_port(machine, socket);
      machine.bound.push_back(&socket);
    }
    if (socket.local_address == 0) socket.local_address = address >> 24 == 127 ? loopback : machine.address;
    socket.state = SocketState::connecting;
    socket.reset = false;  // of an attempt before this one
    socket.error = 0;
    socket.attempts = 0;
    socket.clock.join(world.current().clock);
    world.current().release();
    if (host < 0) {
      give_up_connecting(socket);
    } else {
      send_syn(socket, static_cast<std::uint32_t>(host));
    }
  }
  if (socket.nonblocking) return report(Op::sock_connect, socket, -EINPROGRESS);
  const std::uint64_t deadline_ns = deadline(socket.send_timeout_ns);
  while (socket.state == SocketState::connecting) {
    if (!socket.wait(Op::sock_connect, deadline_ns)) return report(Op::sock_connect, socket, -EINPROGRESS);
  }
  const int error = socket.error;
  socket.error = 0;
  return report(Op::sock_connect, socket, -error);
}

long send(Socket& socket, const void* data, std::size_t size, int flags) {
  World& world = World::get();
  world.point(Op::sock_send);
  const bool wait = !socket.nonblocking && (flags & MSG_DONTWAIT) == 0;
  const std::uint64_t deadline_ns = deadline(socket.send_timeout_ns);
  std::size_t sent = 0;
  for (;;) {
    if (socket.error != 0) {
      const int error = socket.error;
      socket.error = 0;
      return report(Op::sock_send, socket, sent != 0 ? static_cast<long>(sent) : -error);
    }
    if (socket.state == SocketState::fresh || socket.state == SocketState::listening) {
      return report(Op::sock_send, socket, -ENOTCONN);
    }
    if (socket.write_shut || socket.reset) {
      if ((flags & MSG_NOSIGNAL) == 0) io::broken_pipe();
      return report(Op::sock_send, socket, -EPIPE);
    }
    const std::size_t room = socket.state == SocketState::connected ? socket.room() : 0;
    const std::size_t n = std::min(room, size - sent);
    if (n != 0) {
      socket.peer->under_way.append(static_cast<const char*>(data) + sent, n);
      send_to_peer(socket, Kind::data, static_cast<std::uint32_t>(n));
      sent += n;
    }
    if (sent == size) return report(Op::sock_send, socket, static_cast<long>(sent));
    if (!wait) return report(Op::sock_send, socket, sent != 0 ? static_cast<long>(sent) : -EAGAIN, sent != 0);
    if (!socket.wait(Op::sock_send, deadline_ns)) {
      return report(Op::sock_send, socket, sent != 0 ? static_cast<long>(sent) : -EAGAIN);
    }
  }
}

long receive(Socket& socket, void* data, std::size_t size, int flags) {
  World& world = World::get();
  world.point(Op::sock_recv);
  const bool wait = !socket.nonblocking && (flags & MSG_DONTWAIT) == 0;
  const std::uint64_t deadline_ns = deadline(socket.receive_timeout_ns);
  const std::size_t wanted = (flags & MSG_WAITALL) != 0 ? size : std::min<std::size_t>(size, 1);
  while (socket.unread() < wanted) {
    if (socket.unread() != 0 && (socket.ended || socket.reset || socket.read_shut)) break;
    if (socket.error != 0) {
      const int error = socket.error;
      socket.error = 0;
      return report(Op::sock_recv, socket, -error);
    }
    if (socket.ended || socket.reset || socket.read_shut) return report(Op::sock_recv, socket, 0);
    if (socket.state == SocketState::fresh || socket.state == SocketState::listening) {
      return report(Op::sock_recv, socket, -ENOTCONN);
    }
    if (!wait) return report(Op::sock_recv, socket, -EAGAIN, false);
    if (!socket.wait(Op::sock_recv, deadline_ns)) return report(Op::sock_recv, socket, -EAGAIN);
  }
  const std::size_t n = std::min(size, socket.unread());
  std::memcpy(data, socket.arrived.data() + socket.read_position, n);
  if ((flags & MSG_PEEK) == 0) {
    socket.read_position += n;
    if (socket.peer != nullptr) socket.peer->changed();
  }
  world.current().clock.join(socket.clock);
  return report(Op::sock_recv, socket, static_cast<long>(n));
}

long shutdown(Socket& socket, int how) {
  World::get().point(Op::sock_shutdown);
  if (socket.state == SocketState::listening && how != SHUT_WR) {
    // As on Linux: stops listening, and wakes those in accept().
    for (Socket* const connection : socket.pending) {
      connection->references = 0;
      send_to_peer(*connection, Kind::reset);
    }
    socket.pending.clear();
    socket.state = SocketState::failed;
    if (!socket.unix_domain) unbind(socket);
    socket.changed();
    return report(Op::sock_shutdown, socket, 0);
  }
  if (socket.state != SocketState::connected) return report(Op::sock_shutdown, socket, -ENOTCONN);
  if (how != SHUT_WR) {
    socket.read_shut = true;
    if (socket.unix_domain) socket.peer->write_shut = true;
  }
  if (how != SHUT_RD && !socket.write_shut) {
    socket.write_shut = true;
    send_to_peer(socket, Kind::fin);
  }
  socket.changed();
  return report(Op::sock_shutdown, socket, 0);
}

void linger(Socket& socket) {
  if (!socket.linger_on || socket.linger_s <= 0 || socket.unix_domain || socket.references != 1) return;
  if (socket.state != SocketState::connected || socket.unread() != 0) return;
  World& world = World::get();
  world.point(Op::close);
  const std::uint64_t deadline_ns = deadline(static_cast<std::uint64_t>(socket.linger_s) * second);
  if (socket.state == SocketState::connected && !socket.write_shut) {
    socket.write_shut = true;
    send_to_peer(socket, Kind::fin);
  }
  Socket& peer = *socket.peer;
  while (socket.state == SocketState::connected && !peer.ended && !peer.reset && peer.wait(Op::close, deadline_ns)) {
  }
}

void vanish(Socket& socket) {
  socket.vanished = true;
  socket.held.clear();
  socket.segments.clear();
  socket.segment_position = 0;
  socket.pending.clear();
  ++socket.generation;  // alarms that were set for it are for nobody
  socket.state = SocketState::failed;
}

void forget_connection(Socket& socket) {
  break_connection(socket);
  socket.vanished = true;
}

void break_connection(Socket& socket) {
  reset_arrived(socket, ECONNRESET);
  socket.held.clear();
  socket.changed();
}

long open_pair(int descriptors[2], bool nonblocking) {
  Network& network = Network::get();
  Socket* ends[2];
  for (int i = 0; i < 2; ++i) {
    ends[i] = &network.new_socket(World::get().current().host);
    ends[i]->state = SocketState::connected;
    ends[i]->unix_domain = true;
    ends[i]->nonblocking = nonblocking;
    descriptors[i] = io::open(*ends[i]);
  }
  ends[0]->peer = ends[1];
  ends[1]->peer = ends[0];
  if (descriptors[1] < 0) {
    if (descriptors[0] >= 0) io::close(descriptors[0]);
    return report(Op::socketpair, *ends[0], -EMFILE);
  }
  return report(Op::socketpair, *ends[0], 0);
}

}  // namespace foreseed::net
