// An HTTP server with the life cycle both services share: bind, serve on own threads, stop.
//
// Invariants: no wait is without a bound; `start` returns with the port open and a thread accepting, or throws
// StartError; it never waits longer than start_timeout for its own thread. After `stop` no handler runs any more and the
// port is free. start, stop and destruction belong to one owner thread; handlers run on worker threads, up to
// `worker_threads` at once, which is what bounds work in flight.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "common/error.h"
#include "services/tls.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace services {

class ConnectionQueue;

struct HttpServerConfig {
  std::string host = "127.0.0.1";  ///< name or address to listen on
  int port = 0;                    ///< 0 .. 65535; 0: any free port, see `port()`
  /// 1 .. 256. A connection that is kept alive occupies a worker until it idles out, so this must
  /// exceed the number of connections that clients keep.
  std::size_t worker_threads = 8;
  /// 1 .. 100,000: accepted connections that wait for a worker; beyond, the kernel's backlog waits.
  std::size_t connections_queued_max = 1024;
  /// 1 ms .. 10 min: what finds no place in that queue for so long is answered 503 "overloaded", with Retry-After.
  std::chrono::milliseconds place_timeout{1000};
  std::chrono::milliseconds read_timeout{5000};   ///< 1 ms .. 10 min, for each read
  std::chrono::milliseconds write_timeout{5000};  ///< 1 ms .. 10 min, for each write
  std::chrono::seconds keep_alive_timeout{2};     ///< 1 .. 600; `stop` may take this long
  std::size_t keep_alive_requests = 100;          ///< 1 .. 1,000,000 for each connection
  std::size_t body_bytes_max = 16 * 1024;         ///< 1 .. 16 MiB; longer: 413
  std::chrono::milliseconds start_timeout{5000};  ///< 1 ms .. 10 min
  std::optional<TlsIdentity> tls;                 ///< unset: plain text; see renew_certificate
};

/// Throws std::invalid_argument naming field, value and range.
void validate(const HttpServerConfig& config);

/// Why a service did not start. Its message names host and port.
class StartError : public std::runtime_error {
 public:
  enum class Code {
    already_started,
    cannot_listen,  ///< name unknown, address not ours, or port taken
    not_ready,      ///< start_timeout passed, or the accepting thread ended at once
  };
  StartError(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Code code() const { return code_; }

 private:
  Code code_;
};

class HttpServer {
 public:
  /// `add_routes` registers handlers; called once by each `start`. Exceptions that a handler lets
  /// out become a 500. Throws std::invalid_argument.
  HttpServer(HttpServerConfig config, std::function<void(httplib::Server&)> add_routes);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();  ///< stops

  /// Throws StartError. May be called again after `stop`.
  void start();

  /// Closes the port, lets running requests finish, joins all threads. Idempotent. Takes at most
  /// about keep_alive_timeout + read_timeout + the longest handler.
  void stop();

  /// The port in use; 0 while not started.
  int port() const { return port_; }

  /// New connections are shown this, those that are there go on; nothing is dropped. Throws std::invalid_argument, and
  /// nothing has changed: where it is no identity, or the configuration has none to renew. Any thread.
  void renew_certificate(const TlsIdentity& identity);

  /// For handlers, before they begin to work: true where nobody waits for the answer any more (see time_left.h), or it
  /// cannot be told; `response` is complete then: deadline_exceeded (504) or invalid_argument (400). Time counts from the
  /// arrival of the request, its wait for a worker included; what it took on the way here, or waited in the kernel's
  /// backlog while the queue was full, we do not know.
  bool refuse_late(const httplib::Request& request, httplib::Response& response);

  /// Requests refused as late since construction.
  std::uint64_t late() const { return late_; }

 private:
  void configure();
  void serve();

  const HttpServerConfig config_;
  const std::function<void(httplib::Server&)> add_routes_;
  const std::unique_ptr<ServerIdentity> identity_;  // null: plain text
  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
  int port_ = 0;
  int listener_ = -1;
  std::thread::id accepting_;         // set before there are workers
  ConnectionQueue* queue_ = nullptr;  // httplib's; set before the first request, for those who handle one
  std::atomic<std::uint64_t> late_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool serving_ = false;    // guarded by mutex_
  bool ended_ = false;      // guarded by mutex_
  bool abandoned_ = false;  // guarded by mutex_; start gave up waiting
};

/// Answers with a JSON body.
void reply_json(httplib::Response& response, int status, const nlohmann::json& body);

/// Answers {"error":{"code":code,"message":message}}; an Error by its own status and name.
void reply_error(httplib::Response& response, int status, std::string_view code,
                 std::string_view message);
void reply_error(httplib::Response& response, common::Error error, std::string_view message);

}  // namespace services
