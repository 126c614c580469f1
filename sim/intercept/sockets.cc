// Socket calls: arguments translated, the net room called, the result translated.

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "files/names.h"
#include "intercept/process.h"
#include "intercept/real.h"
#include "net/local.h"

using namespace foreseed;

namespace {

[[noreturn]] void unsupported(const std::string& what) {
  World::get().fail(FindingKind::unsupported, what + " cannot be simulated yet");
}

long read_address(const sockaddr* address, socklen_t size, net::Endpoint& endpoint) {
  if (address == nullptr || size < sizeof(sockaddr_in)) return -EINVAL;
  const auto* const in = reinterpret_cast<const sockaddr_in*>(address);
  if (in->sin_family != AF_INET) return -EAFNOSUPPORT;
  endpoint = {ntohl(in->sin_addr.s_addr), ntohs(in->sin_port)};
  return 0;
}

/// Calls `stream` or `datagram` with the socket behind `fd`; -1 with errno set where it is neither, or the call failed.
template <typename Stream, typename Datagrams>
long on_socket(int fd, Stream stream, Datagrams datagram) {
  const Entry entry;
  io::Description* const description = io::find(fd);
  if (description == nullptr) return through_errno(io::is_virtual(fd) ? -EBADF : -ENOTSOCK);
  switch (description->kind) {
    case io::Description::Kind::stream: return through_errno(stream(*static_cast<net::Socket*>(description)));
    case io::Description::Kind::datagram: return through_errno(datagram(*static_cast<net::DatagramSocket*>(description)));
    default: return through_errno(-ENOTSOCK);
  }
}

/// The same for calls that only stream sockets know.
template <typename Stream>
long on_stream(int fd, Stream stream) {
  return on_socket(fd, stream, [](net::DatagramSocket&) -> long { return -EOPNOTSUPP; });
}

void write_address(sockaddr* address, socklen_t* size, net::Endpoint endpoint) {
  if (address == nullptr || size == nullptr) return;
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(endpoint.address);
  in.sin_port = htons(endpoint.port);
  std::memcpy(address, &in, std::min<std::size_t>(*size, sizeof in));
  *size = sizeof in;
}

/// The same for a name of the Unix domain; many have none.
void write_name(sockaddr* address, socklen_t* size, const std::string& name) {
  if (address == nullptr || size == nullptr) return;
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, name.data(), name.size());
  std::size_t whole = sizeof local.sun_family + name.size();
  if (!name.empty() && name[0] != '\0') ++whole;
  std::memcpy(address, &local, std::min<std::size_t>(*size, whole));
  *size = static_cast<socklen_t>(whole);
}

/// The same for one end of a connection.
void write_address(sockaddr* address, socklen_t* size, const net::Socket& socket, net::Endpoint endpoint) {
  socket.unix_domain ? write_name(address, size, socket.name) : write_address(address, size, endpoint);
}

/// The same for who sent a datagram that `socket` received.
__attribute__((noinline)) void write_sender(sockaddr* address, socklen_t* size, const net::DatagramSocket& socket,
                                            const net::DatagramSocket* sender, net::Endpoint endpoint) {
  if (!socket.unix_domain) return write_address(address, size, endpoint);
  write_name(address, size, sender != nullptr ? sender->name : std::string());
}

/// A name of the Unix domain; `makes` the file that a path stands for.
net::LocalName read_name(const sockaddr* address, socklen_t size, bool makes) {
  net::LocalName name;
  const auto* const local = reinterpret_cast<const sockaddr_un*>(address);
  constexpr socklen_t begin = sizeof local->sun_family;
  if (address == nullptr || size < begin || size > sizeof *local || local->sun_family != AF_UNIX ||
      (size == begin && !makes)) {
    name.error = -EINVAL;
  } else if (size > begin && local->sun_path[0] == '\0') {
    name.text.assign(local->sun_path, size - begin);
  } else if (size > begin) {
    name.text.assign(local->sun_path, strnlen(local->sun_path, size - begin));
    name.error = makes ? files::make_socket(name.text.c_str(), name.file) : files::find_socket(name.text.c_str(), name.file);
  }
  return name;
}

template <typename AnySocket>
long bind_by_name(AnySocket& socket, const sockaddr* address, socklen_t size) {
  return socket.name.empty() ? net::bind_local(socket, read_name(address, size, true)) : -EINVAL;
}

__attribute__((noinline)) long send_by_name(net::DatagramSocket& socket, const void* data, std::size_t size, int flags,
                                            const sockaddr* to, socklen_t length) {
  const net::LocalName name = read_name(to, length, false);
  return net::send_local(socket, data, size, flags, &name);
}

std::uint64_t to_ns(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_usec) * 1000;
}

}  // namespace

FORESEED_EXPORT int socket(int domain, int type, int protocol) noexcept {
  if (!simulated_code()) return REAL(socket)(domain, type, protocol);
  const Entry entry;
  const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (domain == AF_INET6) return errno = EAFNOSUPPORT, -1;
  if (domain != AF_INET && domain != AF_UNIX) unsupported("socket() of address family " + std::to_string(domain));
  const bool nonblocking = (type & SOCK_NONBLOCK) != 0;
  const bool local = domain == AF_UNIX;
  const int own = local ? PF_UNIX : kind == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
  if (kind <= SOCK_DGRAM && protocol != 0 && protocol != own) return errno = EPROTONOSUPPORT, -1;
  if (kind == SOCK_DGRAM) return static_cast<int>(through_errno(net::open_datagram(local, nonblocking)));
  if (kind != SOCK_STREAM) unsupported("socket() of type " + std::to_string(kind));
  return static_cast<int>(through_errno(net::open_socket(local, nonblocking)));
}

FORESEED_EXPORT int socketpair(int domain, int type, int protocol, int descriptors[2]) noexcept {
  if (!simulated_code()) return REAL(socketpair)(domain, type, protocol, descriptors);
  const Entry entry;
  const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (domain != AF_UNIX || kind > SOCK_DGRAM) unsupported("socketpair() of anything but AF_UNIX, SOCK_STREAM or SOCK_DGRAM");
  const auto open = kind == SOCK_STREAM ? net::open_pair : net::open_datagram_pair;
  return static_cast<int>(through_errno(open(descriptors, (type & SOCK_NONBLOCK) != 0)));
}

FORESEED_EXPORT int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  if (!simulated_code()) return REAL(bind)(fd, address, size);
  net::Endpoint at;
  const long wrong = read_address(address, size, at);
  return static_cast<int>(on_socket(
      fd,
      [&](net::Socket& socket) {
        if (socket.unix_domain) return bind_by_name(socket, address, size);
        return wrong != 0 ? wrong : net::bind(socket, at.address, at.port);
      },
      [&](net::DatagramSocket& socket) {
        if (socket.unix_domain) return bind_by_name(socket, address, size);
        return wrong != 0 ? wrong : net::bind(socket, at);
      }));
}

FORESEED_EXPORT int listen(int fd, int backlog) noexcept {
  if (!simulated_code()) return REAL(listen)(fd, backlog);
  return static_cast<int>(on_stream(fd, [&](net::Socket& socket) { return net::listen(socket, backlog); }));
}

FORESEED_EXPORT int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  if (!simulated_code()) return REAL(accept4)(fd, address, size, flags);
  return static_cast<int>(on_stream(fd, [&](net::Socket& socket) {
    const long result = net::accept(socket, (flags & SOCK_NONBLOCK) != 0);
    if (result >= 0) {
      const net::Socket& connection = *net::find_socket(static_cast<int>(result));
      if (connection.unix_domain) {
        write_name(address, size, connection.peer->name);
      } else {
        write_address(address, size, {connection.remote_address, connection.remote_port});
      }
    }
    return result;
  }));
}

FORESEED_EXPORT int accept(int fd, sockaddr* address, socklen_t* size) {
  if (!simulated_code()) return REAL(accept)(fd, address, size);
  return accept4(fd, address, size, 0);
}

FORESEED_EXPORT int connect(int fd, const sockaddr* address, socklen_t size) {
  if (!simulated_code()) return REAL(connect)(fd, address, size);
  net::Endpoint to;
  const long wrong = read_address(address, size, to);
  const bool undone = address != nullptr && size >= sizeof(sa_family_t) && address->sa_family == AF_UNSPEC;
  return static_cast<int>(on_socket(
      fd,
      [&](net::Socket& socket) {
        if (socket.unix_domain) return net::connect_local(socket, read_name(address, size, false));
        return wrong != 0 ? wrong : net::connect(socket, to.address, to.port);
      },
      [&](net::DatagramSocket& socket) {
        if (socket.unix_domain) {
          const net::LocalName name = undone ? net::LocalName() : read_name(address, size, false);
          return net::connect_local(socket, undone ? nullptr : &name);
        }
        if (undone) return net::connect(socket, {});
        return wrong != 0 ? wrong : net::connect(socket, to);
      }));
}

FORESEED_EXPORT ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to, socklen_t length) {
  if (!simulated_code()) return REAL(sendto)(fd, data, size, flags, to, length);
  net::Endpoint target;
  const long wrong = to == nullptr ? 0 : read_address(to, length, target);
  return on_socket(
      fd, [&](net::Socket& socket) { return net::send(socket, data, size, flags); },
      [&](net::DatagramSocket& socket) {
        if (socket.unix_domain && to != nullptr) return send_by_name(socket, data, size, flags, to, length);
        return wrong != 0 ? wrong : net::send(socket, data, size, flags, to == nullptr ? nullptr : &target);
      });
}

FORESEED_EXPORT ssize_t send(int fd, const void* data, size_t size, int flags) {
  if (!simulated_code()) return REAL(send)(fd, data, size, flags);
  return sendto(fd, data, size, flags, nullptr, 0);
}

FORESEED_EXPORT ssize_t recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from, socklen_t* length) {
  if (!simulated_code()) return REAL(recvfrom)(fd, data, size, flags, from, length);
  return on_socket(
      fd,
      [&](net::Socket& socket) {
        if (length != nullptr) *length = 0;
        return net::receive(socket, data, size, flags);
      },
      [&](net::DatagramSocket& socket) {
        net::Endpoint endpoint;
        const net::DatagramSocket* sender = nullptr;
        const long result = net::receive(socket, data, size, flags, &endpoint, &sender);
        if (result >= 0 && from != nullptr) write_sender(from, length, socket, sender, endpoint);
        return result;
      });
}

FORESEED_EXPORT ssize_t recv(int fd, void* data, size_t size, int flags) {
  if (!simulated_code()) return REAL(recv)(fd, data, size, flags);
  return recvfrom(fd, data, size, flags, nullptr, nullptr);
}

// What fortified callers use instead.
FORESEED_EXPORT ssize_t __recv_chk(int fd, void* data, size_t size, size_t room, int flags) {
  if (size > room) abort();
  return recv(fd, data, size, flags);
}
FORESEED_EXPORT ssize_t __recvfrom_chk(int fd, void* data, size_t size, size_t room, int flags, sockaddr* from,
                                       socklen_t* length) {
  if (size > room) abort();
  return recvfrom(fd, data, size, flags, from, length);
}

namespace {

void without_control(int fd, const msghdr& message) {
  const Entry entry;
  const net::Socket* const stream = net::find_socket(fd);
  const net::DatagramSocket* const datagram = net::find_datagram_socket(fd);
  const bool local = (stream != nullptr && stream->unix_domain) || (datagram != nullptr && datagram->unix_domain);
  if (local && message.msg_controllen != 0) unsupported("sendmsg() of descriptors or credentials");
}

bool is_datagram(int fd) {
  const Entry entry;
  return net::find_datagram_socket(fd) != nullptr;
}

std::size_t size_of(const msghdr& message) {
  std::size_t size = 0;
  for (size_t i = 0; i < message.msg_iovlen; ++i) size += message.msg_iov[i].iov_len;
  return size;
}

}  // namespace

FORESEED_EXPORT ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (!simulated_code()) return REAL(sendmsg)(fd, message, flags);
  without_control(fd, *message);
  if (is_datagram(fd)) {
    std::string whole;
    whole.reserve(size_of(*message));
    for (size_t i = 0; i < message->msg_iovlen; ++i) {
      whole.append(static_cast<const char*>(message->msg_iov[i].iov_base), message->msg_iov[i].iov_len);
    }
    return sendto(fd, whole.data(), whole.size(), flags, static_cast<const sockaddr*>(message->msg_name),
                  message->msg_namelen);
  }
  ssize_t total = 0;
  for (size_t i = 0; i < message->msg_iovlen; ++i) {
    const ssize_t n = send(fd, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len, flags);
    if (n < 0) return total != 0 ? total : n;
    total += n;
    if (static_cast<size_t>(n) < message->msg_iov[i].iov_len) break;
  }
  return total;
}

FORESEED_EXPORT ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (!simulated_code()) return REAL(recvmsg)(fd, message, flags);
  message->msg_controllen = 0;
  message->msg_flags = 0;
  if (is_datagram(fd)) {
    std::string whole(size_of(*message), '\0');
    const ssize_t n = recvfrom(fd, whole.data(), whole.size(), flags | MSG_TRUNC,
                               static_cast<sockaddr*>(message->msg_name), &message->msg_namelen);
    if (n < 0) return n;
    if (static_cast<size_t>(n) > whole.size()) message->msg_flags |= MSG_TRUNC;
    std::size_t rest = std::min(static_cast<size_t>(n), whole.size());
    const ssize_t copied = static_cast<ssize_t>(rest);
    const char* at = whole.data();
    for (size_t i = 0; i < message->msg_iovlen && rest != 0; ++i) {
      const std::size_t part = std::min(rest, message->msg_iov[i].iov_len);
      std::memcpy(message->msg_iov[i].iov_base, at, part);
      at += part;
      rest -= part;
    }
    return (flags & MSG_TRUNC) != 0 ? n : copied;
  }
  ssize_t total = 0;
  for (size_t i = 0; i < message->msg_iovlen; ++i) {
    const ssize_t n = recv(fd, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len,
                           total == 0 ? flags : flags | MSG_DONTWAIT);
    if (n <= 0) return total != 0 ? total : n;
    total += n;
    if (static_cast<size_t>(n) < message->msg_iov[i].iov_len) break;
  }
  return total;
}

FORESEED_EXPORT int shutdown(int fd, int how) noexcept {
  if (!simulated_code()) return REAL(shutdown)(fd, how);
  return static_cast<int>(on_socket(
      fd, [&](net::Socket& socket) { return net::shutdown(socket, how); },
      [&](net::DatagramSocket& socket) { return net::shutdown(socket, how); }));
}

FORESEED_EXPORT int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
  if (!simulated_code()) return REAL(getsockname)(fd, address, size);
  return static_cast<int>(on_socket(
      fd,
      [&](net::Socket& socket) -> long {
        write_address(address, size, socket, {socket.local_address, socket.local_port});
        return 0;
      },
      [&](net::DatagramSocket& socket) -> long {
        socket.unix_domain ? write_name(address, size, socket.name) : write_address(address, size, socket.local);
        return 0;
      }));
}

FORESEED_EXPORT int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
  if (!simulated_code()) return REAL(getpeername)(fd, address, size);
  return static_cast<int>(on_socket(
      fd,
      [&](net::Socket& socket) -> long {
        if (socket.peer == nullptr) return -ENOTCONN;
        write_address(address, size, socket.unix_domain ? *socket.peer : socket,
                      {socket.remote_address, socket.remote_port});
        return 0;
      },
      [&](net::DatagramSocket& socket) -> long {
        if (socket.remote.port == 0 && socket.peer == nullptr) return -ENOTCONN;
        socket.unix_domain ? write_name(address, size, socket.peer->name) : write_address(address, size, socket.remote);
        return 0;
      }));
}

namespace {

constexpr std::size_t buffer_of(const net::Socket&) { return net::window; }
constexpr std::size_t buffer_of(const net::DatagramSocket&) { return net::datagram_buffer; }
constexpr int type_of(const net::Socket&) { return SOCK_STREAM; }
constexpr int type_of(const net::DatagramSocket&) { return SOCK_DGRAM; }
int domain_of(const net::Socket& socket) { return socket.unix_domain ? AF_UNIX : AF_INET; }
int domain_of(const net::DatagramSocket& socket) { return socket.unix_domain ? AF_UNIX : AF_INET; }
int protocol_of(const net::Socket& socket) { return socket.unix_domain ? 0 : IPPROTO_TCP; }
int protocol_of(const net::DatagramSocket& socket) { return socket.unix_domain ? 0 : IPPROTO_UDP; }
bool listens(const net::Socket& socket) { return socket.state == net::SocketState::listening; }
bool listens(const net::DatagramSocket&) { return false; }

template <typename AnySocket>
long set_timeout(AnySocket& socket, int name, const timeval& time) {
  if (time.tv_usec < 0 || time.tv_usec >= 1'000'000) return -EDOM;
  (name == SO_RCVTIMEO ? socket.receive_timeout_ns : socket.send_timeout_ns) = to_ns(time);
  return 0;
}

/// SOL_SOCKET's options; those that tune what the model has no notion of are taken and forgotten.
template <typename AnySocket>
long set_socket_option(AnySocket& socket, int name, const void* value, socklen_t size) {
  if (name == SO_RCVTIMEO || name == SO_SNDTIMEO) {
    return size < sizeof(timeval) ? -EINVAL : set_timeout(socket, name, *static_cast<const timeval*>(value));
  }
  if (size < sizeof(int)) return -EINVAL;
  const bool on = *static_cast<const int*>(value) != 0;
  switch (name) {
    case SO_LINGER: {
      if (size < sizeof(linger)) return -EINVAL;
      const auto* const option = static_cast<const linger*>(value);
      socket.linger_on = option->l_onoff != 0;
      socket.linger_s = option->l_linger;
      return 0;
    }
    case SO_REUSEADDR: socket.reuse_address = on; return 0;
    case SO_REUSEPORT: socket.reuse_port = on; return 0;
    case SO_KEEPALIVE: socket.keep_alive = on; return 0;
    case SO_BROADCAST: socket.broadcast = on; return 0;
    case SO_RCVBUF:
    case SO_SNDBUF:
    case SO_PRIORITY:
    case SO_DEBUG:
    case SO_DONTROUTE:
    case SO_OOBINLINE: return 0;
    case SO_ZEROCOPY:
    case SO_BUSY_POLL: return -ENOPROTOOPT;  // as of a kernel without them
    default: unsupported("setsockopt(SOL_SOCKET, " + std::to_string(name) + ")");
  }
}

/// As much of `given` as there is room for.
template <typename Value>
long give(const Value& given, void* value, socklen_t* size) {
  *size = static_cast<socklen_t>(std::min<std::size_t>(*size, sizeof given));
  std::memcpy(value, &given, *size);
  return 0;
}

template <typename AnySocket>
long get_socket_option(AnySocket& socket, int name, void* value, socklen_t* size) {
  const auto number = [&](auto given) { return give(static_cast<int>(given), value, size); };
  const auto time = [&](std::uint64_t ns) {
    constexpr std::uint64_t second = 1'000'000'000;
    return give(timeval{static_cast<time_t>(ns / second), static_cast<suseconds_t>(ns % second / 1000)}, value, size);
  };
  switch (name) {
    case SO_ERROR: return number(std::exchange(socket.error, 0));
    case SO_DOMAIN: return number(domain_of(socket));
    case SO_TYPE: return number(type_of(socket));
    case SO_PROTOCOL: return number(protocol_of(socket));
    case SO_ACCEPTCONN: return number(listens(socket));
    case SO_RCVBUF:
    case SO_SNDBUF: return number(buffer_of(socket));
    case SO_REUSEADDR: return number(socket.reuse_address);
    case SO_REUSEPORT: return number(socket.reuse_port);
    case SO_KEEPALIVE: return number(socket.keep_alive);
    case SO_BROADCAST: return number(socket.broadcast);
    case SO_RCVTIMEO: return time(socket.receive_timeout_ns);
    case SO_SNDTIMEO: return time(socket.send_timeout_ns);
    case SO_PEERCRED: {
      if (domain_of(socket) != AF_UNIX) return give(ucred{0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)}, value, size);
      return give(ucred{process_id, geteuid(), getegid()}, value, size);
    }
    case SO_LINGER: return give(linger{socket.linger_on, socket.linger_s}, value, size);
    default: unsupported("getsockopt(SOL_SOCKET, " + std::to_string(name) + ")");
  }
}

}  // namespace

FORESEED_EXPORT int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  if (!simulated_code()) return REAL(setsockopt)(fd, level, name, value, size);
  return static_cast<int>(on_socket(
      fd,
      [&](net::Socket& socket) -> long {
        if (level == SOL_SOCKET) return set_socket_option(socket, name, value, size);
        if (level == IPPROTO_TCP && name == TCP_NODELAY) socket.no_delay = *static_cast<const int*>(value) != 0;
        // The rest of TCP's and IP's options tune what the model has no notion of.
        return level == IPPROTO_TCP || level == IPPROTO_IP ? 0 : -ENOPROTOOPT;
      },
      [&](net::DatagramSocket& socket) -> long {
        if (level == SOL_SOCKET) return set_socket_option(socket, name, value, size);
        return level == IPPROTO_IP ? 0 : -ENOPROTOOPT;
      }));
}

FORESEED_EXPORT int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
  if (!simulated_code()) return REAL(getsockopt)(fd, level, name, value, size);
  return static_cast<int>(on_socket(
      fd,
      [&](net::Socket& socket) -> long {
        if (level == IPPROTO_TCP && name == TCP_NODELAY) return give(static_cast<int>(socket.no_delay), value, size);
        if (level == IPPROTO_TCP && name == TCP_MAXSEG) return give(1448, value, size);
        return level == SOL_SOCKET ? get_socket_option(socket, name, value, size) : -ENOPROTOOPT;
      },
      [&](net::DatagramSocket& socket) -> long {
        return level == SOL_SOCKET ? get_socket_option(socket, name, value, size) : -ENOPROTOOPT;
      }));
}
