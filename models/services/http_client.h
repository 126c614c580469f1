// A thread-safe HTTP client for one server: keep-alive pool, and a deadline on the whole exchange.
//
// httplib's own timeouts are per read, so a peer that sends a byte now and then holds a caller for ever; here each
// request ends by connect_timeout + request_deadline whatever the peer does (name resolution, which the C library
// bounds, comes on top). A request is sent once: no retry, no redirect. It carries how long the caller still waits for
// the first byte of the answer, see time_left.h. Any thread may call `post_json` and `get`; no lock is held across I/O.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "services/tls.h"

namespace services {

struct HttpClientConfig {
  std::string host = "127.0.0.1";
  int port = 0;                                      ///< 1 .. 65535
  std::chrono::milliseconds connect_timeout{500};    ///< 1 ms .. 10 min, for each address
  std::chrono::milliseconds read_timeout{1000};      ///< 1 ms .. 10 min, between two arrivals
  std::chrono::milliseconds request_deadline{2000};  ///< 1 ms .. 10 min, connected to last byte
  std::size_t idle_connections_max = 4;              ///< 0 .. 256; 0: no keep-alive
  /// Idle connections older than this are not used again: 0 .. 10 min. Keep it below the server's
  /// keep-alive time, or requests race with the server's close.
  std::chrono::milliseconds idle_max{1000};
  std::size_t response_bytes_max = 64 * 1024;  ///< 1 .. 16 MiB
  /// PEM certificates of authorities: speak TLS, with a server that shows one of theirs for `host`.
  /// Empty: plain text. See tls.h.
  std::string tls_ca_pem;
};

/// Throws std::invalid_argument naming field, value and range.
void validate(const HttpClientConfig& config);

struct HttpReply {
  int status = 0;
  std::string body;
};

enum class HttpFailure {
  connect_failed,  ///< name unknown, refused, unreachable
  connect_timeout,
  tls_failed,       ///< no TLS session: the certificate was refused, or what came was no TLS
  timeout,          ///< read_timeout or request_deadline passed
  connection_lost,  ///< closed or reset before the reply was complete, or the reply is not HTTP
  too_large,        ///< reply longer than response_bytes_max
};

class HttpClient {
 public:
  /// Throws std::invalid_argument.
  explicit HttpClient(HttpClientConfig config);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();  ///< REQUIRES: no call in progress

  std::variant<HttpReply, HttpFailure> post_json(const std::string& path, const std::string& body) {
    return exchange("POST", path, body);
  }
  std::variant<HttpReply, HttpFailure> get(const std::string& path) { return exchange("GET", path, {}); }

  /// When the certificate ends that the server showed last, accepted or not; nothing before.
  std::optional<std::chrono::system_clock::time_point> certificate_end() const;

 private:
  class Connection;
  struct Idle {
    std::unique_ptr<Connection> connection;
    std::chrono::steady_clock::time_point since;
  };

  std::variant<HttpReply, HttpFailure> exchange(const char* method, const std::string& path, const std::string& body);
  void note_certificate(const SSL& session);
  std::unique_ptr<Connection> take();
  void give_back(std::unique_ptr<Connection> connection);

  const HttpClientConfig config_;
  const std::unique_ptr<TlsClient> tls_;  // null: plain text
  mutable std::mutex mutex_;
  std::vector<Idle> idle_;  // guarded by mutex_; most recently used last
  std::optional<std::chrono::system_clock::time_point> certificate_end_;  // guarded by mutex_
};

}  // namespace services
