#pragma once
// UDP: datagrams that arrive whole or not at all. Source of behaviour: RFC 768, and Linux where programs can tell (udp(7)).
//
// Each function is a socket call of the running task and returns its result, or a negative errno value.

#include <string>
#include <string_view>

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

struct DatagramSocket;

/// One datagram, under way or waiting to be read. Their memory is used again.
struct alignas(64) Datagram {
  Endpoint from;
  Endpoint to;
  std::uint32_t to_host = 0;
  std::uint32_t message = 0;      ///< see messages.h
  DatagramSocket* sender = nullptr;
  DatagramSocket* receiver = nullptr;  ///< whose it was when it was sent, if it is still of `bindings`
  std::uint64_t bindings = 0;          ///< Network::bindings() then
  Datagram* next = nullptr;       ///< behind it in its receiver's queue
  std::string bytes;
  VectorClock clock;              ///< what its sender knew
};

/// Where a socket's datagrams for an endpoint go, good for as long as Network::bindings() is what it was.
struct Route {
  std::uint64_t bindings = 0;
  Endpoint to;
  Link* link = nullptr;
  DatagramSocket* receiver = nullptr;  ///< null: none, or its host is down
  std::uint32_t host = 0;
  bool down = false;
};

struct alignas(64) DatagramSocket : io::Description, SocketOptions {
  DatagramSocket() : Description(Kind::datagram, "udp") {}
  long read(void* data, std::size_t size) override;
  long write(const void* data, std::size_t size) override;
  short readiness() const override;
  std::size_t unread() const override { return first == nullptr ? 0 : first->bytes.size(); }
  void closed() override;

  // What each message asks for comes first, as in Task.
  Endpoint local;
  Datagram* first = nullptr;  ///< of those that have arrived
  Datagram* last = nullptr;
  std::uint32_t buffered = 0;  ///< bytes in them
  std::uint32_t waiting = 0;  ///< how many they are
  int error = 0;              ///< SO_ERROR
  bool unix_domain = false;   ///< AF_UNIX, see local.h
  bool read_shut = false;
  Task* reader = nullptr;     ///< who has received last
  Route route;                ///< of what was sent last

  Endpoint remote;            ///< port 0: not connected
  Fate fate;                  ///< in partitions of links
  std::string name;           ///< see LocalName
  DatagramSocket* peer = nullptr;  ///< of the Unix domain: what it is connected to
};

long open_datagram(bool unix_domain, bool nonblocking);
long bind(DatagramSocket& socket, Endpoint at);
/// Port 0 undoes an earlier one.
long connect(DatagramSocket& socket, Endpoint to);
/// `to` is null for a connected socket.
long send(DatagramSocket& socket, const void* data, std::size_t size, int flags, const Endpoint* to);
/// `from` may be null; for one of the Unix domain, `sender` is set instead.
long receive(DatagramSocket& socket, void* data, std::size_t size, int flags, Endpoint* from,
             const DatagramSocket** sender = nullptr);
long shutdown(DatagramSocket& socket, int how);

/// A datagram of the running task's is at once among those that have arrived at `to`.
void hand_over(DatagramSocket& to, DatagramSocket& from, std::string_view bytes);

void datagrams_end_run();

/// See World::fetch_for_message.
const Task* fetch_for_message(bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint32_t step);

/// The datagram socket behind a descriptor; null if it is none.
DatagramSocket* find_datagram_socket(int descriptor);

}  // namespace foreseed::net
