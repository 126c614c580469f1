#include "services/deadline_stream.h"

#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace services {

DeadlineStream::DeadlineStream(int socket, SSL* tls, Clock::time_point deadline,
                               std::chrono::milliseconds read_timeout)
    : socket_(socket), tls_(tls), deadline_(deadline), read_timeout_(read_timeout) {}

bool DeadlineStream::handshake() {
  return with_tls([this] { return SSL_do_handshake(tls_); }) == 1;
}

bool DeadlineStream::is_readable() const {
  return buffer_begin_ < buffer_end_ || (tls_ != nullptr && SSL_pending(tls_) > 0) || wait_until_ready(POLLIN);
}

bool DeadlineStream::is_writable() const { return wait_until_ready(POLLOUT); }

ssize_t DeadlineStream::read(char* data, size_t size) {
  if (buffer_begin_ == buffer_end_) {
    const ssize_t received = receive();
    if (received <= 0) return received;
    buffer_begin_ = 0;
    buffer_end_ = static_cast<std::size_t>(received);
  }
  const std::size_t count = std::min(size, buffer_end_ - buffer_begin_);
  std::memcpy(data, buffer_.data() + buffer_begin_, count);
  buffer_begin_ += count;
  return static_cast<ssize_t>(count);
}

/// Into the buffer. 0: the other side closed; negative: it failed, or time ran out.
ssize_t DeadlineStream::receive() {
  const auto limit = static_cast<int>(buffer_.size());
  if (tls_ != nullptr) {
    return with_tls([&] { return SSL_read(tls_, buffer_.data(), limit); });
  }
  for (;;) {
    if (!wait_until_ready(POLLIN)) return -1;
    // Not blocking: what poll saw may be gone, for instance dropped for a bad checksum.
    const ssize_t received = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (received >= 0) return received;
    if (errno != EINTR && errno != EAGAIN) return -1;
  }
}

ssize_t DeadlineStream::write(const char* data, size_t size) {
  if (tls_ != nullptr) {
    const auto count = static_cast<int>(std::min<std::size_t>(size, 1 << 20));
    return with_tls([&] { return SSL_write(tls_, data, count); });
  }
  for (;;) {
    if (!wait_until_ready(POLLOUT)) return -1;
    // Not blocking, so that a full send buffer cannot outlast the deadline.
    const ssize_t sent = ::send(socket_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno != EINTR && errno != EAGAIN) return -1;
  }
}

/// Repeats an operation of OpenSSL's, whose socket does not block, until it has come to something.
template <class Operation>
ssize_t DeadlineStream::with_tls(Operation operation) {
  for (;;) {
    ERR_clear_error();
    const int result = operation();
    if (result > 0) return result;
    switch (SSL_get_error(tls_, result)) {
      case SSL_ERROR_WANT_READ:
        if (!wait_until_ready(POLLIN)) return -1;
        break;
      case SSL_ERROR_WANT_WRITE:
        if (!wait_until_ready(POLLOUT)) return -1;
        break;
      case SSL_ERROR_ZERO_RETURN: return 0;
      default: return -1;
    }
  }
}

void DeadlineStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();  // only servers ask
  port = -1;
}

void DeadlineStream::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = -1;
}

bool DeadlineStream::wait_until_ready(short events) const {
  const auto until = std::min(deadline_, Clock::now() + read_timeout_);
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) {
      timed_out_ = true;
      return false;
    }
    pollfd descriptor{socket_, events, 0};
    const int ready = ::poll(&descriptor, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace services
