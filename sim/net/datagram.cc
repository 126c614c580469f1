#include "net/datagram.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <sys/socket.h>

#include "kernel/clear.h"
#include "kernel/fetch.h"
#include "net/local.h"
#include "net/messages.h"

namespace foreseed::net {

namespace {

std::vector<std::unique_ptr<Datagram>> datagrams;  ///< all that were ever needed at once
std::vector<Datagram*> unused;                     ///< those of them that can be sent again
constexpr std::size_t kept_capacity = 4096;        ///< of the bytes of one that is not in use

Datagram& take_datagram() {
  if (unused.empty()) return *datagrams.emplace_back(std::make_unique<Datagram>());
  Datagram& datagram = *unused.back();
  unused.pop_back();
  return datagram;
}

void put_back(Datagram& datagram) {
  if (datagram.bytes.capacity() > kept_capacity) datagram.bytes = {};
  datagram.clock.clear();
  unused.push_back(&datagram);
}

DatagramSocket* find_receiver(std::uint32_t host, Endpoint from, Endpoint to) {
  DatagramSocket* found = nullptr;
  for (DatagramSocket* const socket : Network::get().machine(host).bound_datagrams) {
    if (socket->local.port != to.port) continue;
    if (socket->local.address != 0 && socket->local.address != to.address) continue;
    if (socket->remote.port != 0) {
      if (socket->remote == from) return socket;  // connected ones come first
      continue;
    }
    found = socket;  // of several that share the port, the last to bind
  }
  return found;
}

DatagramSocket* receiver(const Datagram& datagram) {
  return datagram.bindings == Network::get().bindings() ? datagram.receiver
                                                        : find_receiver(datagram.to_host, datagram.from, datagram.to);
}

/// The sender of a datagram that met no socket hears of it, if it is connected to where that went.
bool refusal_arrives(void* context, std::uint64_t where, bool dry) {
  DatagramSocket& sender = *static_cast<DatagramSocket*>(context);
  const Endpoint to{static_cast<std::uint32_t>(where >> 16), static_cast<std::uint16_t>(where)};
  if (sender.references == 0 || sender.remote != to) return false;
  if (dry) return true;
  sender.error = ECONNREFUSED;
  sender.changed();
  return true;
}

void refuse(const Datagram& datagram) {
  World& world = World::get();
  DatagramSocket& sender = *datagram.sender;
  Link& back = Network::get().link(datagram.to_host, sender.host);
  if (is_blocked(back, sender.fate)) return;
  world.at(world.now() + back.travel_ns(0), refusal_arrives, &sender,
           std::uint64_t{datagram.to.address} << 16 | datagram.to.port);
}

void put_in_queue(DatagramSocket& socket, Datagram& datagram) {
  ++socket.waiting;
  socket.buffered += static_cast<std::uint32_t>(datagram.bytes.size());
  datagram.next = nullptr;
  (socket.first == nullptr ? socket.first : socket.last->next) = &datagram;
  socket.last = &datagram;
  socket.changed();
}

bool datagram_arrives(void* context, std::uint64_t, bool dry) {
  if (dry) return true;
  Datagram& datagram = *static_cast<Datagram*>(context);
  DatagramSocket* const socket = receiver(datagram);
  message_arrived(datagram.message, socket == nullptr ? 0 : socket->number);
  const std::size_t size = datagram.bytes.size();
  if (socket != nullptr && socket->buffered + size <= datagram_buffer) {
    put_in_queue(*socket, datagram);
    return true;
  }
  if (socket == nullptr) refuse(datagram);
  put_back(datagram);
  return true;
}

/// The first of those that have arrived is read, or nobody will read it.
void drop_first(DatagramSocket& socket) {
  Datagram& datagram = *socket.first;
  socket.first = datagram.next;
  --socket.waiting;
  socket.buffered -= static_cast<std::uint32_t>(datagram.bytes.size());
  put_back(datagram);
}

void mark(std::uint32_t number, Message::Mark mark) {
  if (Message* const message = recorded_message(number); message != nullptr) message->marks |= mark;
}

/// `delay_ns` from now, the bytes are at the end of the route.
Datagram& deliver(const Route& route, DatagramSocket& sender, Endpoint from, std::string_view bytes, std::uint64_t delay_ns,
                  std::uint32_t message) {
  World& world = World::get();
  Datagram& datagram = take_datagram();
  datagram.sender = &sender;
  datagram.to_host = route.host;
  datagram.from = from;
  datagram.to = route.to;
  datagram.receiver = route.receiver;
  datagram.bindings = route.bindings;
  datagram.bytes.assign(bytes);
  datagram.clock.assign(world.current().clock);
  datagram.message = message;
  world.at(world.now() + delay_ns, datagram_arrives, &datagram, 0);
  return datagram;
}

/// Lets a datagram go: it may be lost, spoiled, doubled, or kept back while later ones pass.
void send_over(const Route& route, DatagramSocket& sender, Endpoint from, std::string_view bytes) {
  Link& link = *route.link;
  const std::uint32_t to_host = route.host;
  std::uint32_t message = message_sent("datagram", sender.host, to_host, bytes.size(), true);
  if (route.down) return message_lost(message);
  if (__builtin_expect(link.plain_for_datagrams(), 1)) {
    deliver(route, sender, from, bytes, link.delay.low_ns, message);
    return;
  }
  if (is_blocked(link, sender.fate) || chance(Op::sock_send, std::max(link.loss, link.trouble.loss))) {
    return message_lost(message);
  }
  const bool corrupt = chance(Op::sock_send, std::max(link.corrupt, link.trouble.corrupt)) && !bytes.empty();
  std::uint32_t bit = 0;
  if (corrupt) {
    bit = World::get().choose(static_cast<std::uint32_t>(Op::sock_send), ChoiceKind::fault, bytes.size() * 8);
    mark(message, Message::corrupt);
  }
  const int copies = chance(Op::sock_send, std::max(link.duplicate, link.trouble.duplicate)) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (i != 0) {
      message = message_sent("datagram", sender.host, to_host, bytes.size(), true);
      mark(message, Message::duplicate);
    }
    std::uint64_t delay_ns = link.travel_ns(bytes.size());
    if (chance(Op::sock_send, std::max(link.reorder, link.trouble.reorder))) {
      delay_ns += 4 * delay_ns + 1'000'000;
      mark(message, Message::late);
    }
    Datagram& datagram = deliver(route, sender, from, bytes, delay_ns, message);
    if (corrupt) datagram.bytes[bit / 8] = static_cast<char>(datagram.bytes[bit / 8] ^ (1 << bit % 8));
  }
}

bool taken(const Machine& machine, const DatagramSocket& socket, Endpoint at) {
  return std::any_of(machine.bound_datagrams.begin(), machine.bound_datagrams.end(), [&](const DatagramSocket* other) {
    return other->local.port == at.port &&
           (other->local.address == 0 || at.address == 0 || other->local.address == at.address) &&
           !(socket.shares_port() && other->shares_port());
  });
}

void own_port(Machine& machine, DatagramSocket& socket) {
  machine.bound_datagrams.push_back(&socket);
  Network::get().binding_changed();
}

void take_any_port(DatagramSocket& socket) {
  Machine& machine = Network::get().machine(socket.host);
  do {
    if (machine.next_port < 32768) machine.next_port = 32768;
    socket.local.port = machine.next_port++;
  } while (taken(machine, socket, socket.local));
  own_port(machine, socket);
}

void find_route(DatagramSocket& socket, Endpoint from, Endpoint to) {
  Network& network = Network::get();
  const std::int64_t found = network.route(socket.host, to.address);
  const auto host = static_cast<std::uint32_t>(found);
  socket.route = {};
  if (found < 0) return;
  World::get().current().used[1] = &network.link(socket.host, host);
  socket.route = {network.bindings(), to, &network.link(socket.host, host), find_receiver(host, from, to), host,
                  network.machine(host).down};
}

/// Step by step: the datagram, its receiver, and who reads there.
const Task* fetch_for_datagram(const Datagram& datagram, std::uint32_t step) {
  if (step == 0) fetch_lines(&datagram, sizeof datagram / 64);
  DatagramSocket* const socket = datagram.receiver;
  if (step == 0 || socket == nullptr || datagram.bindings != Network::get().bindings()) return nullptr;
  if (step > 1) return socket->reader;
  fetch_lines(socket, 3);
  fetch_lines(datagram.bytes.data(), 1);
  datagram.clock.fetch();
  return nullptr;
}

int take_error(DatagramSocket& socket) {
  const int error = socket.error;
  socket.error = 0;
  return error;
}

}  // namespace

const Task* fetch_for_message(bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint32_t step) {
  return fire == datagram_arrives ? fetch_for_datagram(*static_cast<const Datagram*>(context), step) : nullptr;
}

DatagramSocket* find_datagram_socket(int descriptor) {
  io::Description* const description = io::find(descriptor);
  return description != nullptr && description->kind == io::Description::Kind::datagram
             ? static_cast<DatagramSocket*>(description)
             : nullptr;
}

long DatagramSocket::read(void* data, std::size_t size) { return receive(*this, data, size, 0, nullptr); }
long DatagramSocket::write(const void* data, std::size_t size) { return send(*this, data, size, 0, nullptr); }

short DatagramSocket::readiness() const {
  int ready = POLLOUT | POLLWRNORM;
  if (first != nullptr || read_shut) ready |= POLLIN | POLLRDNORM;
  if (error != 0) ready |= POLLERR;
  return static_cast<short>(ready);
}

void DatagramSocket::closed() {
  unix_domain ? unbind_local(*this) : void(std::erase(Network::get().machine(host).bound_datagrams, this));
  Network::get().binding_changed();
  while (first != nullptr) drop_first(*this);
  if (unix_domain) changed();  // whoever waits for room hears of it
}

void hand_over(DatagramSocket& to, DatagramSocket& from, std::string_view bytes) {
  Datagram& datagram = take_datagram();
  datagram.sender = &from;
  datagram.bytes.assign(bytes);
  datagram.clock.assign(World::get().current().clock);
  datagram.message = 0;
  put_in_queue(to, datagram);
}

long open_datagram(bool unix_domain, bool nonblocking) {
  DatagramSocket& made = io::make<DatagramSocket>();
  made.unix_domain = unix_domain;
  made.nonblocking = nonblocking;
  return made.report(Op::sock_socket, io::open(made));
}

long bind(DatagramSocket& socket, Endpoint at) {
  World::get().point(Op::sock_bind);
  Machine& machine = Network::get().machine(socket.host);
  if (socket.local.port != 0) return socket.report(Op::sock_bind, -EINVAL);
  if (at.address != 0 && at.address >> 24 != 127 && at.address != machine.address) {
    return socket.report(Op::sock_bind, -EADDRNOTAVAIL);
  }
  if (at.port != 0 && taken(machine, socket, at)) return socket.report(Op::sock_bind, -EADDRINUSE);
  socket.local = at;
  at.port == 0 ? take_any_port(socket) : own_port(machine, socket);
  return socket.report(Op::sock_bind, 0);
}

long connect(DatagramSocket& socket, Endpoint to) {
  World::get().point(Op::sock_connect);
  socket.remote = to;
  Network::get().binding_changed();
  if (to.port != 0) {
    if (to.address == 0) socket.remote.address = loopback;
    if (socket.local.port == 0) take_any_port(socket);
  }
  return socket.report(Op::sock_connect, 0);
}

long send(DatagramSocket& socket, const void* data, std::size_t size, int flags, const Endpoint* to) {
  if (socket.unix_domain) return send_local(socket, data, size, flags, nullptr);
  World& world = World::get();
  world.point(Op::sock_send);
  if (const int error = take_error(socket); error != 0) return socket.report(Op::sock_send, -error);
  if (to == nullptr && socket.remote.port == 0) return socket.report(Op::sock_send, -EDESTADDRREQ);
  if (size > datagram_size_max) return socket.report(Op::sock_send, -EMSGSIZE);
  if (socket.local.port == 0) take_any_port(socket);
  Endpoint target = to != nullptr ? *to : socket.remote;
  if (target.address == 0) target.address = loopback;
  const Network& network = Network::get();
  const std::uint32_t own = target.address >> 24 == 127   ? loopback
                            : socket.local.address != 0 ? socket.local.address
                                                        : first_address + socket.host;
  const Endpoint from{own, socket.local.port};
  if (socket.route.bindings != network.bindings() || socket.route.to != target) find_route(socket, from, target);
  if (socket.route.link != nullptr) {
    send_over(socket.route, socket, from, {static_cast<const char*>(data), size});
    world.current().release();
  }
  return socket.report(Op::sock_send, static_cast<long>(size));
}

namespace {

/// 1 once there is a datagram; else what the call gives.
__attribute__((noinline)) long wait_for_first(DatagramSocket& socket, int flags) {
  const bool waits = !socket.nonblocking && (flags & MSG_DONTWAIT) == 0;
  const std::uint64_t deadline_ns =
      socket.receive_timeout_ns == 0 ? never : World::get().deadline_after(socket.receive_timeout_ns);
  while (socket.first == nullptr) {
    if (const int error = take_error(socket); error != 0) return socket.report(Op::sock_recv, -error);
    if (socket.read_shut) return socket.report(Op::sock_recv, 0);
    if (!waits) return socket.report(Op::sock_recv, -EAGAIN, false);
    if (!socket.wait(Op::sock_recv, deadline_ns)) return socket.report(Op::sock_recv, -EAGAIN);
  }
  return 1;
}

}  // namespace

long receive(DatagramSocket& socket, void* data, std::size_t size, int flags, Endpoint* from,
             const DatagramSocket** sender) {
  World& world = World::get();
  socket.reader = &world.current();
  world.current().used[0] = &socket;
  world.point(Op::sock_recv);
  if (const long result = wait_for_first(socket, flags); result <= 0) return result;
  const Datagram& datagram = *socket.first;
  const std::size_t whole = datagram.bytes.size();
  std::memcpy(data, datagram.bytes.data(), std::min(size, whole));
  if (from != nullptr) *from = datagram.from;
  if (sender != nullptr) *sender = datagram.sender;
  world.current().clock.join(datagram.clock);
  if ((flags & MSG_PEEK) == 0) {
    drop_first(socket);
    if (socket.unix_domain) socket.changed();  // there is room for more
  }
  return socket.report(Op::sock_recv, static_cast<long>((flags & MSG_TRUNC) != 0 ? whole : std::min(size, whole)));
}

long shutdown(DatagramSocket& socket, int how) {
  World::get().point(Op::sock_shutdown);
  if (socket.remote.port == 0 && socket.peer == nullptr) return socket.report(Op::sock_shutdown, -ENOTCONN);
  if (how != SHUT_WR) socket.read_shut = true;
  socket.changed();
  return socket.report(Op::sock_shutdown, 0);
}

}  // namespace foreseed::net

void foreseed::net::datagrams_end_run() {
  clear_rare(unused);
  clear_rare(datagrams);
}
