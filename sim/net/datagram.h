#pragma once
// UDP: datagrams that arrive whole or not at all. Source of behaviour: RFC 768, and Linux where programs can tell (udp(7)).
//
// Each function is a socket call of the running task and returns its result, or a negative errno value.

#include <deque>
#include <string>

#include "io/descriptors.h"
#include "net/network.h"

namespace foreseed::net {

inline constexpr std::size_t datagram_size_max = 65'507;
inline constexpr std::size_t datagram_buffer = 212'992;  ///< bytes that wait to be read; what comes on top is lost

/// An address of the world, host byte order.
struct Endpoint {
  std::uint32_t address = 0;
  std::uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct Datagram {
  Endpoint from;
  std::string bytes;
};

struct DatagramSocket : io::Description, SocketOptions {
  DatagramSocket() : Description(Kind::datagram, "udp") {}
  long read(void* data, std::size_t size) override;
  long write(const void* data, std::size_t size) override;
  short readiness() const override;
  std::size_t unread() const override { return arrived.empty() ? 0 : arrived.front().bytes.size(); }
  void closed() override;

  Endpoint local;
  Endpoint remote;          ///< port 0: not connected
  std::deque<Datagram> arrived;
  std::size_t buffered = 0; ///< bytes in `arrived`
  VectorClock clock;        ///< what the senders of what has arrived knew
  int error = 0;            ///< SO_ERROR
  Fate fate;                ///< in partitions of links
  bool read_shut = false;
};

long open_datagram(bool nonblocking);
long bind(DatagramSocket& socket, Endpoint at);
/// Port 0 undoes an earlier one.
long connect(DatagramSocket& socket, Endpoint to);
/// `to` is null for a connected socket.
long send(DatagramSocket& socket, const void* data, std::size_t size, int flags, const Endpoint* to);
/// `from` may be null.
long receive(DatagramSocket& socket, void* data, std::size_t size, int flags, Endpoint* from);
long shutdown(DatagramSocket& socket, int how);

void datagrams_end_run();

/// The datagram socket behind a descriptor; null if it is none.
DatagramSocket* find_datagram_socket(int descriptor);

}  // namespace foreseed::net
