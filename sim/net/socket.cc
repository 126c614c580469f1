#include "net/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

#include "io/pipe.h"
#include "net/local.h"
#include "net/messages.h"

namespace foreseed::net {

namespace {

using Kind = Segment::Kind;

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t connect_timeout_ns = 127 * second;  // Linux: 6 retries of the SYN
constexpr std::uint32_t attempts_max = 6;
constexpr std::uint64_t resend_first_ns = second / 5;
constexpr std::uint64_t resend_longest_ns = 120 * second;
constexpr std::uint32_t resends_max = 15;  // Linux: tcp_retries2
constexpr std::uint64_t dribble_gap_ns = 20'000'000;

/// The way from `socket` to the host of its peer, and back.
Link& way_from(const Socket& socket, std::uint32_t to_host) { return Network::get().link(socket.host, to_host); }

bool arrive(void* context, std::uint64_t generation, bool dry);
bool resend(void* context, std::uint64_t generation, bool dry);

/// Puts a segment into the queue of those that will arrive at `to`, in `delay_ns` or behind the last of them.
void schedule(Socket& to, Segment segment, std::uint64_t delay_ns) {
  World& world = World::get();
  to.segments.push_back(segment);
  if (to.unix_domain) {  // one buffer in the kernel, no way to go
    arrive(&to, to.generation, false);
    return;
  }
  to.last_arrival_ns = std::max(to.last_arrival_ns, world.now() + delay_ns);
  world.at(to.last_arrival_ns, arrive, &to, to.generation);
}

/// The same over a link, in the pieces that it makes of data.
void travel(Socket& to, Segment segment, Link& link) {
  if (segment.kind == Kind::data && link.trouble.dribble != 0) {
    while (segment.size > link.trouble.dribble) {
      schedule(to, {Kind::data, link.trouble.dribble, segment.message}, link.travel_ns(link.trouble.dribble));
      to.last_arrival_ns += dribble_gap_ns;
      segment.size -= link.trouble.dribble;
    }
  }
  schedule(to, segment, link.travel_ns(segment.size));
}

bool is_lost(const Link& link, Fate& fate) {
  return is_blocked(link, fate) || chance(Op::sock_deliver, std::max(link.loss, link.trouble.loss));
}

/// Keeps a segment that was lost, or is behind one that was, to be sent again.
void hold(Socket& to, Segment segment) {
  to.held.push_back(segment);
  if (to.held.size() > 1) return;
  to.resent = 0;
  World& world = World::get();
  world.at(world.now() + resend_first_ns, resend, &to, to.generation);
}

void carry(Socket& to, Segment segment, Link& link) {
  if (to.held.empty()) {
    if (!is_lost(link, to.fate)) return travel(to, segment, link);
    message_lost(segment.message);
  }
  hold(to, segment);
}

constexpr const char* segment_names[] = {"data", "fin", "reset", "established", "refused", "timed out"};

Segment new_segment(const Socket& to, Kind kind, std::uint32_t size, std::uint32_t from_host, bool by_task) {
  return {kind, size, message_sent(segment_names[static_cast<int>(kind)], from_host, to.host, size, by_task)};
}

void put_under_way(Socket& to, Kind kind, std::uint32_t size, std::uint32_t from_host, bool by_task = false);

/// Cuts off what a link that truncates streams does not let pass of the data that was sent last to `to`: the stream ends
/// there, and the sender hears that nobody reads on. Returns whether all of it passes.
bool truncate(Socket& to, Link& link, Segment segment, std::uint32_t from_host) {
  if (!to.truncated && to.truncate_epoch != link.truncate_epoch) {
    to.truncate_epoch = link.truncate_epoch;
    to.truncate_left = link.trouble.truncate_after;
  }
  const auto passes = static_cast<std::uint32_t>(std::min<std::uint64_t>(segment.size, to.truncate_left));
  to.truncate_left -= passes;
  if (passes == segment.size) return true;
  to.under_way.resize(to.under_way.size() - (segment.size - passes));
  message_lost(segment.message);
  if (to.truncated) return false;
  if (passes != 0) carry(to, {Kind::data, passes, segment.message}, link);
  carry(to, new_segment(to, Kind::fin, 0, from_host, false), link);
  to.truncated = true;
  put_under_way(*to.peer, Kind::reset, 0, to.host);
  return false;
}

/// Sends a segment to `to` from another host; `by_task`: the running task does. Segments of one connection never overtake
/// each other: where one is lost, those behind it wait until it was sent again (RFC 6298: after 200 ms at first, then each
/// time twice as long).
void put_under_way(Socket& to, Kind kind, std::uint32_t size, std::uint32_t from_host, bool by_task) {
  Link& link = Network::get().link(from_host, to.host);
  if (__builtin_expect(to.truncated && kind == Kind::fin && !to.unix_domain, 0)) return;
  const Segment segment = new_segment(to, kind, size, from_host, by_task);
  if (__builtin_expect((link.plain() && to.held.empty() && !to.truncated) || to.unix_domain, 1)) {
    return schedule(to, segment, link.delay.low_ns);
  }
  if (kind == Kind::data && (to.truncated || link.trouble.truncating) && !truncate(to, link, segment, from_host)) return;
  if (kind == Kind::reset) {  // sent once, acknowledged by nobody
    if (!is_lost(link, to.fate)) return schedule(to, segment, link.travel_ns(0));
    return message_lost(segment.message);
  }
  carry(to, segment, link);
}

void send_to_peer(Socket& from, Kind kind, std::uint32_t size = 0) {
  Socket& to = *from.peer;
  to.clock.join(World::get().current().clock);
  World::get().current().release();
  put_under_way(to, kind, size, from.host, true);
}

void reset_arrived(Socket& socket, int error) {
  socket.error = error;
  socket.state = SocketState::failed;
  socket.reset = true;
}

/// The head of the queue has arrived.
bool arrive(void* context, std::uint64_t generation, bool dry) {
  Socket& socket = *static_cast<Socket*>(context);
  if (socket.generation != generation || socket.segment_position >= socket.segments.size()) return false;
  if (dry) return true;
  const Segment segment = socket.segments[socket.segment_position++];
  const bool down = Network::get().machine(socket.host).down;
  if (socket.segment_position == socket.segments.size()) {
    socket.segments.clear();
    socket.segment_position = 0;
  }
  if (down || socket.vanished) {
    message_lost(segment.message);
    if (!down && segment.kind != Kind::reset && socket.peer != nullptr && !socket.peer->reset) {
      put_under_way(*socket.peer, Kind::reset, 0, socket.host);
    }
    if (down && segment.kind != Kind::reset && socket.peer != nullptr) hold(socket, segment);
    return true;
  }
  message_arrived(segment.message, socket.number);
  switch (segment.kind) {
    case Kind::data:
      if (socket.references == 0 || socket.read_shut || socket.reset) {
        // Nobody will read it: the peer is told.
        socket.under_way.erase(0, segment.size);
        if (!socket.read_shut && socket.peer != nullptr && !socket.peer->reset) {
          put_under_way(*socket.peer, Kind::reset, 0, socket.host);
        }
        break;
      }
      if (socket.read_position != 0 && socket.read_position == socket.arrived.size()) {
        socket.arrived.clear();
        socket.read_position = 0;
      }
      socket.arrived.append(socket.under_way, 0, segment.size);
      socket.under_way.erase(0, segment.size);
      break;
    case Kind::fin: socket.ended = true; break;
    case Kind::reset: reset_arrived(socket, ECONNRESET); break;
    case Kind::established: socket.state = SocketState::connected; break;
    case Kind::refused: reset_arrived(socket, ECONNREFUSED); break;
    case Kind::timed_out: reset_arrived(socket, ETIMEDOUT); break;
  }
  socket.changed();
  return true;
}

/// The first of what is held is sent again, and all of it goes on if that arrives.
bool resend(void* context, std::uint64_t generation, bool dry) {
  Socket& to = *static_cast<Socket*>(context);
  if (to.generation != generation || to.held.empty()) return false;
  if (dry) return true;
  Link& link = way_from(*to.peer, to.host);
  if (!Network::get().machine(to.host).down && !is_lost(link, to.fate)) {
    const std::vector<Segment> segments = std::exchange(to.held, {});
    for (const Segment& segment : segments) travel(to, segment, link);
    return true;
  }
  World& world = World::get();
  message_lost(to.held.front().message);
  if (++to.resent > resends_max) {
    // The sender gives up; the other side never hears of it.
    to.held.clear();
    reset_arrived(*to.peer, ETIMEDOUT);
    to.peer->changed();
    return true;
  }
  world.at(world.now() + std::min(resend_first_ns << to.resent, resend_longest_ns), resend, &to, generation);
  return true;
}

Socket* find_listener(Machine& machine, std::uint32_t address, std::uint16_t port) {
  for (Socket* const socket : machine.bound) {
    if (socket->state != SocketState::listening || socket->local_port != port) continue;
    if (socket->local_address == 0 || socket->local_address == address) return socket;
  }
  return nullptr;
}

bool syn_arrives(void* context, std::uint64_t generation, bool dry);
bool syn_again(void* context, std::uint64_t generation, bool dry);

/// The first segment of a connection was lost: it is sent again, and given up after the sixth time.
void lose_syn(Socket& client) {
  World& world = World::get();
  message_lost(client.syn_message);
  const std::uint64_t wait_ns = second << client.attempts;
  if (++client.attempts > attempts_max) return schedule(client, {Kind::timed_out, 0}, wait_ns);
  world.at(world.now() + wait_ns, syn_again, &client, client.generation);
}

void send_syn(Socket& client, std::uint32_t host) {
  World& world = World::get();
  Link& link = way_from(client, host);
  if (client.attempts == 0) client.syn_message = message_sent("syn", client.host, host, 0, true);
  if (!link.plain() && is_lost(link, client.syn_fate)) return lose_syn(client);
  world.at(world.now() + link.travel_ns(0), syn_arrives, &client, client.generation);
}

bool syn_again(void* context, std::uint64_t generation, bool dry) {
  Socket& client = *static_cast<Socket*>(context);
  if (client.generation != generation || client.state != SocketState::connecting || client.references == 0) return false;
  if (!dry) send_syn(client, static_cast<std::uint32_t>(Network::get().route(client.host, client.remote_address)));
  return true;
}

/// A SYN of `context` arrives where it was sent.
bool syn_arrives(void* context, std::uint64_t generation, bool dry) {
  Socket& client = *static_cast<Socket*>(context);
  if (client.generation != generation || client.state != SocketState::connecting || client.references == 0) return false;
  if (dry) return true;
  Network& network = Network::get();
  const auto host = static_cast<std::uint32_t>(network.route(client.host, client.remote_address));
  if (network.machine(host).down) {
    lose_syn(client);
    return true;
  }
  Socket* const listener = find_listener(network.machine(host), client.remote_address, client.remote_port);
  if (listener == nullptr || chance(Op::sock_deliver, way_from(client, host).trouble.refusing)) {
    message_arrived(client.syn_message, listener == nullptr ? 0 : listener->number);
    put_under_way(client, Kind::refused, 0, host);
    return true;
  }
  if (listener->pending.size() > listener->backlog) {
    lose_syn(client);  // a full queue drops it
    return true;
  }
  message_arrived(client.syn_message, listener->number);
  Socket& server = network.new_socket(host);
  server.state = SocketState::connected;
  server.local_address = client.remote_address;
  server.local_port = client.remote_port;
  server.remote_address = client.local_address;
  server.remote_port = client.local_port;
  server.references = 1;  // the accept queue's
  server.peer = &client;
  client.peer = &server;
  server.clock.join(client.clock);
  listener->pending.push_back(&server);
  put_under_way(client, Kind::established, 0, host);
  listener->changed();
  return true;
}

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
      schedule(socket, {Kind::timed_out, 0}, connect_timeout_ns);
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
