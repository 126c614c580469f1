// A socket seen as an httplib stream whose reads and writes all end by one deadline.
//
// Used by one thread, for one exchange; owns neither the socket nor the TLS session over it. With
// TLS, the process must ignore SIGPIPE, as every httplib::Server sees to.
#pragma once

#include <httplib.h>
#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

namespace services {

class DeadlineStream final : public httplib::Stream {
 public:
  using Clock = std::chrono::steady_clock;

  /// `tls` null: plain text.
  DeadlineStream(int socket, SSL* tls, Clock::time_point deadline,
                 std::chrono::milliseconds read_timeout);

  /// Brings the TLS session about, once for each connection. REQUIRES: there is one.
  bool handshake();

  /// True once an operation failed because time ran out rather than because of the peer.
  bool timed_out() const { return timed_out_; }

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* data, size_t size) override;
  ssize_t write(const char* data, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  int socket() const override { return socket_; }

 private:
  bool wait_until_ready(short events) const;
  ssize_t receive();
  template <class Operation>
  ssize_t with_tls(Operation operation);

  int socket_;
  SSL* tls_;
  Clock::time_point deadline_;
  std::chrono::milliseconds read_timeout_;
  mutable bool timed_out_ = false;
  // httplib reads headers byte by byte.
  std::array<char, 4096> buffer_;
  std::size_t buffer_begin_ = 0;
  std::size_t buffer_end_ = 0;
};

}  // namespace services
