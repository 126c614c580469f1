// Socket calls: arguments translated, the net room called, the result translated.

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "intercept/real.h"
#include "net/socket.h"

using namespace foreseed;

namespace {

long through_errno(long result) {
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

[[noreturn]] void unsupported(const std::string& what) {
  World::get().fail(FindingKind::unsupported, what + " cannot be simulated yet");
}

/// The socket of a descriptor; null with errno set if it is none.
net::Socket* socket_of(int fd) {
  net::Socket* const socket = net::find_socket(fd);
  if (socket == nullptr) errno = io::is_virtual(fd) && io::find(fd) == nullptr ? EBADF : ENOTSOCK;
  return socket;
}

bool read_address(const sockaddr* address, socklen_t size, std::uint32_t& host, std::uint16_t& port) {
  if (address == nullptr || size < sizeof(sockaddr_in)) return errno = EINVAL, false;
  const auto* const in = reinterpret_cast<const sockaddr_in*>(address);
  if (in->sin_family != AF_INET) return errno = EAFNOSUPPORT, false;
  host = ntohl(in->sin_addr.s_addr);
  port = ntohs(in->sin_port);
  return true;
}

void write_address(sockaddr* address, socklen_t* size, std::uint32_t host, std::uint16_t port) {
  if (address == nullptr || size == nullptr) return;
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(host);
  in.sin_port = htons(port);
  std::memcpy(address, &in, std::min<std::size_t>(*size, sizeof in));
  *size = sizeof in;
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
  if (domain != AF_INET) unsupported("socket() of address family " + std::to_string(domain));
  if (kind != SOCK_STREAM) unsupported("socket() of type " + std::to_string(kind) + " (only TCP is)");
  return static_cast<int>(through_errno(net::open_socket((type & SOCK_NONBLOCK) != 0)));
}

FORESEED_EXPORT int socketpair(int domain, int type, int protocol, int descriptors[2]) noexcept {
  if (!simulated_code()) return REAL(socketpair)(domain, type, protocol, descriptors);
  const Entry entry;
  const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (domain != AF_UNIX || kind != SOCK_STREAM) unsupported("socketpair() of anything but AF_UNIX, SOCK_STREAM");
  return static_cast<int>(through_errno(net::open_pair(descriptors, (type & SOCK_NONBLOCK) != 0)));
}

FORESEED_EXPORT int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  if (!simulated_code()) return REAL(bind)(fd, address, size);
  const Entry entry;
  net::Socket* const socket = socket_of(fd);
  std::uint32_t host;
  std::uint16_t port;
  if (socket == nullptr || !read_address(address, size, host, port)) return -1;
  return static_cast<int>(through_errno(net::bind(*socket, host, port)));
}

FORESEED_EXPORT int listen(int fd, int backlog) noexcept {
  if (!simulated_code()) return REAL(listen)(fd, backlog);
  const Entry entry;
  net::Socket* const socket = socket_of(fd);
  return socket == nullptr ? -1 : static_cast<int>(through_errno(net::listen(*socket, backlog)));
}

FORESEED_EXPORT int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  if (!simulated_code()) return REAL(accept4)(fd, address, size, flags);
  const Entry entry;
  net::Socket* const socket = socket_of(fd);
  if (socket == nullptr) return -1;
  const long result = through_errno(net::accept(*socket, (flags & SOCK_NONBLOCK) != 0));
  if (result >= 0) {
    const net::Socket* const connection = net::find_socket(static_cast<int>(result));
    write_address(address, size, connection->remote_address, connection->remote_port);
  }
  return static_cast<int>(result);
}

FORESEED_EXPORT int accept(int fd, sockaddr* address, socklen_t* size) {
  if (!simulated_code()) return REAL(accept)(fd, address, size);
  return accept4(fd, address, size, 0);
}

FORESEED_EXPORT int connect(int fd, const sockaddr* address, socklen_t size) {
  if (!simulated_code()) return REAL(connect)(fd, address, size);
  const Entry entry;
  net::Socket* const socket = socket_of(fd);
  std::uint32_t host;
  std::uint16_t port;
  if (socket == nullptr || !read_address(address, size, host, port)) return -1;
  return static_cast<int>(through_errno(net::connect(*socket, host, port)));
}

FORESEED_EXPORT ssize_t send(int fd, const void* data, size_t size, int flags) {
  if (!simulated_code()) return REAL(send)(fd, data, size, flags);
  const Entry entry;
  net::Socket* const socket = socket_of(fd);
  return socket == nullptr ? -1 : through_errno(net::send(*socket, data, size, flags));
}

FORESEED_EXPORT ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to, socklen_t length) {
  if (!simulated_code()) return REAL(sendto)(fd, data, size, flags, to, length);
  return send(fd, data, size, flags);
}

FORESEED_EXPORT ssize_t recv(int fd, void* data, size_t size, int flags) {
  if (!simulated_code()) return REAL(recv)(fd, data, size, flags);
  const Entry entry;
  net::Socket* const socket = socket_of(fd);
  return socket == nullptr ? -1 : through_errno(net::receive(*socket, data, size, flags));
}

FORESEED_EXPORT ssize_t recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from, socklen_t* length) {
  if (!simulated_code()) return REAL(recvfrom)(fd, data, size, flags, from, length);
  if (length != nullptr) *length = 0;
  return recv(fd, data, size, flags);
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

FORESEED_EXPORT ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (!simulated_code()) return REAL(sendmsg)(fd, message, flags);
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
  const Entry entry;
  net::Socket* const socket = socket_of(fd);
  return socket == nullptr ? -1 : static_cast<int>(through_errno(net::shutdown(*socket, how)));
}

FORESEED_EXPORT int getsockname(int fd, sockaddr* address, socklen_t* size) noexcept {
  if (!simulated_code()) return REAL(getsockname)(fd, address, size);
  const Entry entry;
  const net::Socket* const socket = socket_of(fd);
  if (socket == nullptr) return -1;
  write_address(address, size, socket->local_address, socket->local_port);
  return 0;
}

FORESEED_EXPORT int getpeername(int fd, sockaddr* address, socklen_t* size) noexcept {
  if (!simulated_code()) return REAL(getpeername)(fd, address, size);
  const Entry entry;
  const net::Socket* const socket = socket_of(fd);
  if (socket == nullptr) return -1;
  if (socket->peer == nullptr) return errno = ENOTCONN, -1;
  write_address(address, size, socket->remote_address, socket->remote_port);
  return 0;
}

namespace {

int set_socket_option(net::Socket& socket, int name, const void* value, socklen_t size) {
  if (name == SO_RCVTIMEO || name == SO_SNDTIMEO) {
    if (size < sizeof(timeval)) return -EINVAL;
    const std::uint64_t ns = to_ns(*static_cast<const timeval*>(value));
    (name == SO_RCVTIMEO ? socket.receive_timeout_ns : socket.send_timeout_ns) = ns;
    return 0;
  }
  if (size < sizeof(int)) return -EINVAL;
  const int number = *static_cast<const int*>(value);
  switch (name) {
    case SO_REUSEADDR:
    case SO_REUSEPORT: socket.reuse_address = number != 0; return 0;
    case SO_KEEPALIVE: socket.keep_alive = number != 0; return 0;
    case SO_LINGER: {
      if (size < sizeof(linger)) return -EINVAL;
      const auto* const option = static_cast<const linger*>(value);
      socket.linger_on = option->l_onoff != 0;
      socket.linger_s = option->l_linger;
      return 0;
    }
    case SO_RCVBUF:
    case SO_SNDBUF:
    case SO_PRIORITY:
    case SO_BROADCAST:
    case SO_OOBINLINE: return 0;
    default: unsupported("setsockopt(SOL_SOCKET, " + std::to_string(name) + ")");
  }
}

}  // namespace

FORESEED_EXPORT int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  if (!simulated_code()) return REAL(setsockopt)(fd, level, name, value, size);
  const Entry entry;
  net::Socket* const socket = socket_of(fd);
  if (socket == nullptr) return -1;
  if (level == SOL_SOCKET) return static_cast<int>(through_errno(set_socket_option(*socket, name, value, size)));
  if (level == IPPROTO_TCP && name == TCP_NODELAY) socket->no_delay = *static_cast<const int*>(value) != 0;
  // The rest of TCP's and IP's options tune what the model has no notion of.
  if (level == IPPROTO_TCP || level == IPPROTO_IP) return 0;
  return errno = ENOPROTOOPT, -1;
}

FORESEED_EXPORT int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
  if (!simulated_code()) return REAL(getsockopt)(fd, level, name, value, size);
  const Entry entry;
  net::Socket* const socket = socket_of(fd);
  if (socket == nullptr) return -1;
  int number = 0;
  if (level == SOL_SOCKET) {
    switch (name) {
      case SO_ERROR:
        number = socket->error;
        socket->error = 0;
        break;
      case SO_TYPE: number = SOCK_STREAM; break;
      case SO_DOMAIN: number = AF_INET; break;
      case SO_REUSEADDR: number = socket->reuse_address; break;
      case SO_KEEPALIVE: number = socket->keep_alive; break;
      case SO_ACCEPTCONN: number = socket->state == net::SocketState::listening; break;
      case SO_RCVBUF:
      case SO_SNDBUF: number = static_cast<int>(net::window); break;
      default: unsupported("getsockopt(SOL_SOCKET, " + std::to_string(name) + ")");
    }
  } else if (level == IPPROTO_TCP && name == TCP_NODELAY) {
    number = socket->no_delay;
  } else {
    return errno = ENOPROTOOPT, -1;
  }
  std::memcpy(value, &number, std::min<std::size_t>(*size, sizeof number));
  *size = sizeof number;
  return 0;
}
