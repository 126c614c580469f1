#include "net/segments.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/messages.h"
#include "net/network.h"

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

bool syn_again(void* context, std::uint64_t generation, bool dry);

/// The first segment of a connection has got no answer: it is sent again, and given up after the sixth time.
void syn_unanswered(Socket& client) {
  World& world = World::get();
  const std::uint64_t wait_ns = second << client.attempts;
  if (++client.attempts > attempts_max) return schedule(client, {Kind::timed_out, 0}, wait_ns);
  world.at(world.now() + wait_ns, syn_again, &client, client.generation);
}

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

/// Sends a segment to `to` from another host; `by_task`: the running task does.
void put_under_way(Socket& to, Kind kind, std::uint32_t size, std::uint32_t from_host, bool by_task) {
  Link& link = Network::get().link(from_host, to.host);
  if (__builtin_expect(to.truncated && kind == Kind::fin && !to.unix_domain, 0)) return;
  const Segment segment = new_segment(to, kind, size, from_host, by_task);
  if (__builtin_expect((link.plain() && to.held.empty() && !to.truncated) || to.unix_domain, 1)) {
    return schedule(to, segment, link.delay.low_ns);
  }
  if (kind == Kind::data && (to.truncated || link.trouble.truncating) && !truncate(to, link, segment, from_host)) return;
  if (kind == Kind::reset || kind == Kind::refused) {  // sent once, acknowledged by nobody
    if (!is_lost(link, to.fate)) return schedule(to, segment, link.travel_ns(0));
    message_lost(segment.message);
    if (kind == Kind::refused) syn_unanswered(to);
    return;
  }
  carry(to, segment, link);
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

void lose_syn(Socket& client) {
  message_lost(client.syn_message);
  syn_unanswered(client);
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

}  // namespace

void send_to_peer(Socket& from, Segment::Kind kind, std::uint32_t size) {
  Socket& to = *from.peer;
  to.clock.join(World::get().current().clock);
  World::get().current().release();
  put_under_way(to, kind, size, from.host, true);
}

void send_syn(Socket& client, std::uint32_t host) {
  World& world = World::get();
  Link& link = way_from(client, host);
  if (client.attempts == 0) client.syn_message = message_sent("syn", client.host, host, 0, true);
  if (!link.plain() && is_lost(link, client.syn_fate)) return lose_syn(client);
  world.at(world.now() + link.travel_ns(0), syn_arrives, &client, client.generation);
}

void give_up_connecting(Socket& client) { schedule(client, {Kind::timed_out, 0}, connect_timeout_ns); }

void reset_arrived(Socket& socket, int error) {
  socket.error = error;
  socket.state = SocketState::failed;
  socket.reset = true;
}

}  // namespace foreseed::net
