#include "services/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "services/connection_queue.h"
#include "services/time_left.h"

namespace services {
namespace {

constexpr std::int64_t timeout_ms_max = 600'000;

void require_range(const char* field, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  throw std::invalid_argument("http server config: " + std::string(field) + " is " +
                              std::to_string(value) + ", must be in [" + std::to_string(low) +
                              ", " + std::to_string(high) + "]");
}

constexpr int backlog_max = 4096;  // the kernel cuts it to net.core.somaxconn

/// httplib's default is SO_REUSEPORT, with which a second daemon on the same port starts happily
/// and takes half of the connections. Only lingering connections of a predecessor are forgiven.
void allow_rebinding_only(int socket) {
  const int yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

}  // namespace

void validate(const HttpServerConfig& config) {
  if (config.host.empty()) throw std::invalid_argument("http server config: host is empty");
  require_range("port", config.port, 0, 65535);
  require_range("worker_threads", static_cast<std::int64_t>(config.worker_threads), 1, 256);
  require_range("connections_queued_max", static_cast<std::int64_t>(config.connections_queued_max),
                1, 100'000);
  require_range("place_timeout in ms", config.place_timeout.count(), 1, timeout_ms_max);
  require_range("read_timeout in ms", config.read_timeout.count(), 1, timeout_ms_max);
  require_range("write_timeout in ms", config.write_timeout.count(), 1, timeout_ms_max);
  require_range("keep_alive_timeout in s", config.keep_alive_timeout.count(), 1, 600);
  require_range("keep_alive_requests", static_cast<std::int64_t>(config.keep_alive_requests), 1,
                1'000'000);
  require_range("body_bytes_max", static_cast<std::int64_t>(config.body_bytes_max), 1, 16'777'216);
  require_range("start_timeout in ms", config.start_timeout.count(), 1, timeout_ms_max);
  if (config.tls) validate(*config.tls);
}

HttpServer::HttpServer(HttpServerConfig config, std::function<void(httplib::Server&)> add_routes)
    : config_((validate(config), std::move(config))),
      add_routes_(std::move(add_routes)),
      identity_(config_.tls ? std::make_unique<ServerIdentity>(*config_.tls) : nullptr) {}

HttpServer::~HttpServer() { stop(); }

void HttpServer::start() {
  const std::string where = config_.host + ":" + std::to_string(config_.port);
  if (thread_.joinable()) {
    throw StartError(StartError::Code::already_started, "already serving on " + where);
  }
  if (config_.tls) {
    server_ = std::make_unique<httplib::SSLServer>(
        [this](SSL_CTX& context) { return identity_->install(context), true; });
  } else {
    server_ = std::make_unique<httplib::Server>();
  }
  configure();
  const int port = config_.port == 0 ? server_->bind_to_any_port(config_.host)
                   : server_->bind_to_port(config_.host, config_.port) ? config_.port
                                                                       : -1;
  if (port < 0) {
    server_.reset();
    throw StartError(StartError::Code::cannot_listen, "cannot listen on " + where);
  }
  // httplib listens with a backlog of 5: of ten clients who come at once, four would wait a second
  // until their SYN is sent again.
  ::listen(listener_, backlog_max);
  serving_ = ended_ = abandoned_ = false;
  thread_ = std::thread([this] { serve(); });

  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, config_.start_timeout, [this] { return serving_ || ended_; });
  if (!serving_) {
    abandoned_ = true;
    throw StartError(StartError::Code::not_ready, "not ready in time on " + where);
  }
  port_ = port;
}

void HttpServer::configure() {
  server_->set_socket_options([this](int socket) {
    allow_rebinding_only(socket);
    listener_ = socket;  // the last one it tries is the one it listens on
  });
  server_->set_tcp_nodelay(true);
  server_->set_read_timeout(config_.read_timeout);
  server_->set_write_timeout(config_.write_timeout);
  server_->set_keep_alive_timeout(config_.keep_alive_timeout.count());
  server_->set_keep_alive_max_count(config_.keep_alive_requests);
  server_->set_payload_max_length(config_.body_bytes_max);
  server_->set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
        reply_error(response, 500, "internal", "the request could not be processed");
      });
  server_->set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty()) {
      reply_error(response, response.status, "http_" + std::to_string(response.status),
                  "the request was refused");
    }
  });
  // Only what found no worker and no place in the queue is served by the accepting thread: to be told so.
  server_->set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
    if (std::this_thread::get_id() != accepting_) {
      queue_->request_begins(config_.tls.has_value());  // there, the handshake comes first, and needs a worker
      return httplib::Server::HandlerResponse::Unhandled;
    }
    response.set_header("Retry-After", "1");
    response.set_header("Connection", "close");
    reply_error(response, 503, "overloaded", "too many connections wait to be served");
    return httplib::Server::HandlerResponse::Handled;
  });
  // httplib makes its queue as the first thing once `stop` would be heeded: the moment to say that
  // we serve. (It has no other such signal; a stop before this moment would be lost.)
  server_->new_task_queue = [this]() -> httplib::TaskQueue* {
    auto queue = std::make_unique<ConnectionQueue>(config_.worker_threads,
                                                   config_.connections_queued_max, config_.place_timeout);
    queue_ = queue.get();
    bool abandoned = false;
    {
      std::lock_guard lock(mutex_);
      serving_ = true;
      abandoned = abandoned_;
    }
    changed_.notify_all();
    if (abandoned) server_->stop();
    return queue.release();
  };
  add_routes_(*server_);
}

void HttpServer::serve() {
  accepting_ = std::this_thread::get_id();
  server_->listen_after_bind();
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

void HttpServer::stop() {
  if (!thread_.joinable()) return;
  bool serving = false;
  {
    std::lock_guard lock(mutex_);
    serving = serving_ && !abandoned_;
  }
  if (serving) server_->stop();
  thread_.join();  // bounded: see ConnectionQueue; httplib polls for the stop
  server_.reset();
  port_ = 0;
}

void HttpServer::renew_certificate(const TlsIdentity& identity) {
  if (!identity_) throw std::invalid_argument("http server: it speaks no TLS, so there is no certificate to renew");
  identity_->renew(identity);
}

bool HttpServer::refuse_late(const httplib::Request& request, httplib::Response& response) {
  if (!request.has_header(time_left_header)) return false;
  const auto left = parse_time_left(request.get_header_value(time_left_header));
  if (!left || request.get_header_value_count(time_left_header) != 1) {
    reply_error(response, common::Error::invalid_argument,
                "want header X-Time-Left-Ms once, if at all: 0 to 600000");
    return true;
  }
  if (common::mono_now() - queue_->arrival() < *left) return false;
  ++late_;
  reply_error(response, common::Error::deadline_exceeded, "the caller no longer waits");
  return true;
}

void reply_json(httplib::Response& response, int status, const nlohmann::json& body) {
  response.status = status;
  response.set_content(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                       "application/json");
}

void reply_error(httplib::Response& response, int status, std::string_view code,
                 std::string_view message) {
  reply_json(response, status, {{"error", {{"code", code}, {"message", message}}}});
}

void reply_error(httplib::Response& response, common::Error error, std::string_view message) {
  reply_error(response, common::traits(error).http_status, common::to_string(error), message);
}

}  // namespace services
