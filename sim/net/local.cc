#include "net/local.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <sys/socket.h>
#include <vector>

#include "kernel/clear.h"

namespace foreseed::net {

namespace {

constexpr std::uint32_t queue_max = 11;  ///< datagrams that wait to be read: net.unix.max_dgram_qlen, and one

struct Bound {
  std::uint32_t host;
  LocalName name;
  const io::Description* socket;
};
std::vector<Bound> all_bound;
std::uint32_t names_made = 0;

/// Of abstract names, each kind has its own.
const Bound* find(std::uint32_t host, const LocalName& name, io::Description::Kind kind) {
  const auto same = [&](const Bound& bound) {
    if (bound.host != host) return false;
    if (name.file != nullptr) return bound.name.file == name.file;
    return bound.name.text == name.text && bound.socket->kind == kind;
  };
  const auto found = std::find_if(all_bound.begin(), all_bound.end(), same);
  return found == all_bound.end() ? nullptr : &*found;
}

/// The socket of that kind that has the name; null, and why.
template <typename AnySocket>
AnySocket* find_as(std::uint32_t host, const LocalName& name, io::Description::Kind kind, long& error) {
  if ((error = name.error) != 0) return nullptr;
  const Bound* const bound = find(host, name, kind);
  error = bound == nullptr ? -ECONNREFUSED : bound->socket->kind != kind ? -EPROTOTYPE : 0;
  return error != 0 ? nullptr : static_cast<AnySocket*>(const_cast<io::Description*>(bound->socket));
}

std::uint64_t deadline(std::uint64_t timeout_ns) {
  return timeout_ns == 0 ? never : World::get().deadline_after(timeout_ns);
}

}  // namespace

void unbind_local(const io::Description& socket) {
  std::erase_if(all_bound, [&](const Bound& bound) { return bound.socket == &socket; });
}

void local_begin_run() {
  clear_rare(all_bound);
  names_made = 0;
}

namespace {

template <typename AnySocket>
long bind_any(AnySocket& socket, const LocalName& name) {
  World::get().point(Op::sock_bind);
  Bound bound{socket.host, name, &socket};
  if (!socket.name.empty()) return socket.report(Op::sock_bind, -EINVAL);
  if (name.error != 0) return socket.report(Op::sock_bind, name.error);
  if (name.text.empty()) {
    char text[8];
    std::snprintf(text, sizeof text, "%05x", ++names_made);
    bound.name.text = std::string(1, '\0') + text;
  } else if (find(socket.host, name, socket.kind) != nullptr) {
    return socket.report(Op::sock_bind, -EADDRINUSE);
  }
  socket.name = bound.name.text;
  all_bound.push_back(std::move(bound));
  return socket.report(Op::sock_bind, 0);
}

}  // namespace

long bind_local(Socket& socket, const LocalName& name) { return bind_any(socket, name); }
long bind_local(DatagramSocket& socket, const LocalName& name) { return bind_any(socket, name); }

long connect_local(Socket& socket, const LocalName& name) {
  World& world = World::get();
  world.point(Op::sock_connect);
  if (socket.state == SocketState::connected) return socket.report(Op::sock_connect, -EISCONN);
  if (socket.state == SocketState::listening) return socket.report(Op::sock_connect, -EINVAL);
  const std::uint64_t deadline_ns = deadline(socket.send_timeout_ns);
  long error = 0;
  Socket* listener = nullptr;
  for (;;) {
    listener = find_as<Socket>(socket.host, name, io::Description::Kind::stream, error);
    if (error == 0 && listener->state != SocketState::listening) error = -ECONNREFUSED;
    if (error != 0) return socket.report(Op::sock_connect, error);
    if (listener->pending.size() <= listener->backlog) break;
    if (socket.nonblocking) return socket.report(Op::sock_connect, -EAGAIN, false);
    if (!listener->wait(Op::sock_connect, deadline_ns)) return socket.report(Op::sock_connect, -EAGAIN);
  }
  Socket& server = Network::get().new_socket(socket.host);
  server.unix_domain = true;
  server.state = socket.state = SocketState::connected;
  server.references = 1;  // the accept queue's
  server.peer = &socket;
  socket.peer = &server;
  server.name = listener->name;
  server.clock.join(world.current().clock);
  world.current().release();
  listener->pending.push_back(&server);
  listener->changed();
  return socket.report(Op::sock_connect, 0);
}

long connect_local(DatagramSocket& socket, const LocalName* name) {
  World::get().point(Op::sock_connect);
  long error = 0;
  DatagramSocket* peer = nullptr;
  if (name != nullptr) peer = find_as<DatagramSocket>(socket.host, *name, io::Description::Kind::datagram, error);
  if (error == 0 && peer != nullptr && peer->peer != nullptr && peer->peer != &socket) error = -EPERM;
  if (error == 0) socket.peer = peer;
  return socket.report(Op::sock_connect, error);
}

long send_local(DatagramSocket& socket, const void* data, std::size_t size, int flags, const LocalName* to) {
  World& world = World::get();
  world.point(Op::sock_send);
  const auto fails = [&](long error, bool progress = true) { return socket.report(Op::sock_send, error, progress); };
  long error = 0;
  DatagramSocket* const target =
      to == nullptr ? socket.peer : find_as<DatagramSocket>(socket.host, *to, io::Description::Kind::datagram, error);
  if (error != 0) return fails(error);
  if (target == nullptr) return fails(-ENOTCONN);
  if (size > datagram_buffer) return fails(-EMSGSIZE);
  const std::uint64_t deadline_ns = deadline(socket.send_timeout_ns);
  for (;;) {
    if (target->references == 0) return fails(-ECONNREFUSED);
    if (target->read_shut) return fails(-EPIPE);
    if (target->peer != nullptr && target->peer != &socket) return fails(-EPERM);
    if (target->waiting < queue_max && target->buffered + size <= datagram_buffer) break;
    if (socket.nonblocking || (flags & MSG_DONTWAIT) != 0) return fails(-EAGAIN, false);
    if (!target->wait(Op::sock_send, deadline_ns)) return fails(-EAGAIN);
  }
  hand_over(*target, socket, {static_cast<const char*>(data), size});
  world.current().release();
  return socket.report(Op::sock_send, static_cast<long>(size));
}

long open_datagram_pair(int descriptors[2], bool nonblocking) {
  DatagramSocket* ends[2];
  for (int i = 0; i < 2; ++i) {
    ends[i] = &io::make<DatagramSocket>();
    ends[i]->unix_domain = true;
    ends[i]->nonblocking = nonblocking;
    descriptors[i] = io::open(*ends[i]);
  }
  ends[0]->peer = ends[1];
  ends[1]->peer = ends[0];
  if (descriptors[1] < 0) {
    if (descriptors[0] >= 0) io::close(descriptors[0]);
    return ends[0]->report(Op::socketpair, -EMFILE);
  }
  return ends[0]->report(Op::socketpair, 0);
}

}  // namespace foreseed::net
