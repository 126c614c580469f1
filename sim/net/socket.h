#pragma once
// TCP as a program sees it: a byte stream that stalls, ends or breaks, but never loses a middle.
//
// Each function is a socket call of the running task and returns its result, or a negative errno value. What travels is
// a queue of segments at the receiving socket, each with its time of arrival; one alarm per segment. A connection's bytes
// under way and unread are bounded by the window; a sender that finds it full waits, or gets -EAGAIN.
// Source of behaviour: RFC 9293, and Linux where programs can tell (tcp(7), poll(2)).

#include <cstddef>
#include <cstdint>
#include <poll.h>
#include <string>
#include <vector>

#include "io/descriptors.h"
#include "net/network.h"

namespace foreseed::net {

inline constexpr std::size_t window = 64 * 1024;

enum class SocketState : std::uint8_t { fresh, listening, connecting, connected, failed };

struct Segment {
  enum class Kind : std::uint8_t { data, fin, reset, established, refused, timed_out } kind;
  std::uint32_t size;
  std::uint32_t message = 0;  ///< see messages.h
};

struct Socket : io::Description, SocketOptions {
  Socket() : Description(Kind::stream, "socket") {}
  long read(void* data, std::size_t size) override;
  long write(const void* data, std::size_t size) override;
  short readiness() const override;
  std::size_t unread() const override { return arrived.size() - read_position; }
  void closed() override;

  std::uint64_t generation = 0;  ///< told apart from what earlier runs left in alarms
  // addresses, host byte order
  std::uint32_t local_address = 0;
  std::uint16_t local_port = 0;
  std::uint32_t remote_address = 0;
  std::uint16_t remote_port = 0;
  // stream
  SocketState state = SocketState::fresh;
  Socket* peer = nullptr;
  bool unix_domain = false;          ///< AF_UNIX, see local.h: what is sent has arrived
  std::string name;                  ///< of the Unix domain, see LocalName
  std::string arrived;               ///< bytes to read, from `read_position` on
  std::size_t read_position = 0;
  std::string under_way;             ///< bytes of data segments that have not arrived
  std::vector<Segment> segments;     ///< under way, in order; from `segment_position` on
  std::size_t segment_position = 0;
  std::uint64_t last_arrival_ns = 0;
  std::vector<Segment> held;         ///< lost on the way, or behind what was lost: sent again later
  std::uint32_t resent = 0;          ///< how often the first of `held` was
  Fate fate;                         ///< in partitions of the link that leads here
  std::uint32_t truncate_epoch = 0;  ///< of the link: what it lets pass is counted since then
  std::uint64_t truncate_left = 0;
  bool truncated = false;            ///< what comes after was never sent, as this end sees it
  bool ended = false;                ///< the peer's FIN arrived
  bool reset = false;
  bool vanished = false;             ///< its host has crashed since: whatever arrives is answered by a reset
  bool read_shut = false;
  bool write_shut = false;
  int error = 0;                     ///< SO_ERROR
  VectorClock clock;                 ///< what the senders of what it has received, or will, knew
  // listening
  std::vector<Socket*> pending;
  std::size_t backlog = 0;
  std::uint32_t attempts = 0;        ///< connecting: SYNs sent
  Fate syn_fate;                     ///< and what partitions of the link do to them
  std::uint32_t syn_message = 0;     ///< see messages.h
  bool no_delay = false;             ///< TCP_NODELAY

  std::size_t room() const;          ///< bytes that can be sent now
};

int open_socket(bool unix_domain, bool nonblocking);
long bind(Socket& socket, std::uint32_t address, std::uint16_t port);
long listen(Socket& socket, int backlog);
/// The new connection's descriptor.
long accept(Socket& socket, bool nonblocking_result);
long connect(Socket& socket, std::uint32_t address, std::uint16_t port);
long send(Socket& socket, const void* data, std::size_t size, int flags);
long receive(Socket& socket, void* data, std::size_t size, int flags);
long shutdown(Socket& socket, int how);
/// SO_LINGER: the last descriptor of a connection is about to be closed, which waits until the other side has everything,
/// or the time is over.
void linger(Socket& socket);
/// The host has lost all memory of the socket.
void vanish(Socket& socket);
/// The connection is reset, seen from this end; the other end does not hear of it.
void break_connection(Socket& socket);
/// The same, and whatever arrives for it from now on is answered by a reset.
void forget_connection(Socket& socket);
/// socketpair(2): two sockets of one host, connected with each other.
long open_pair(int descriptors[2], bool nonblocking);

/// The socket behind a descriptor; null if it is none.
Socket* find_socket(int descriptor);

}  // namespace foreseed::net
