#include "services/http_client.h"

#include <httplib.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

#include "services/deadline_stream.h"
#include "services/time_left.h"

namespace services {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono_literals::operator""ms;

void require_range(const char* field, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  throw std::invalid_argument("http client config: " + std::string(field) + " is " +
                              std::to_string(value) + ", must be in [" + std::to_string(low) +
                              ", " + std::to_string(high) + "]");
}

}  // namespace

void validate(const HttpClientConfig& config) {
  constexpr std::int64_t timeout_ms_max = 600'000;
  if (config.host.empty()) throw std::invalid_argument("http client config: host is empty");
  require_range("port", config.port, 1, 65535);
  require_range("connect_timeout in ms", config.connect_timeout.count(), 1, timeout_ms_max);
  require_range("read_timeout in ms", config.read_timeout.count(), 1, timeout_ms_max);
  require_range("request_deadline in ms", config.request_deadline.count(), 1, timeout_ms_max);
  require_range("idle_connections_max", static_cast<std::int64_t>(config.idle_connections_max), 0,
                256);
  require_range("idle_max in ms", config.idle_max.count(), 0, timeout_ms_max);
  require_range("response_bytes_max", static_cast<std::int64_t>(config.response_bytes_max), 1,
                16'777'216);
}

/// One connection, used by one thread at a time. Its streams are DeadlineStreams.
class HttpClient::Connection final : public httplib::ClientImpl {
 public:
  explicit Connection(HttpClient& client)
      : httplib::ClientImpl(client.config_.host, client.config_.port),
        client_(client),
        config_(client.config_) {
    const HttpClientConfig& config = config_;
    set_connection_timeout(config.connect_timeout);
    set_read_timeout(config.read_timeout);
    set_keep_alive(config.idle_connections_max > 0);
    set_tcp_nodelay(true);
    set_decompress(false);  // we ask for no compression; a bomb need not be unpacked
  }

  std::variant<HttpReply, HttpFailure> exchange(const char* method, const std::string& path, const std::string& body) {
    HttpReply reply;
    bool too_large = false;
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.headers = {{"Accept", "application/json"}};
    if (!body.empty()) request.headers.emplace("Content-Type", "application/json");
    request.body = body;
    request.content_receiver = [&](const char* data, size_t size, std::uint64_t, std::uint64_t) {
      too_large = reply.body.size() + size > config_.response_bytes_max;
      if (!too_large) reply.body.append(data, size);
      return !too_large;
    };
    httplib::Response response;
    auto error = httplib::Error::Success;
    timed_out_ = false;
    tls_failed_ = false;
    request_ = &request;
    if (send(request, response, error)) {
      reply.status = response.status;
      return reply;
    }
    if (too_large) return HttpFailure::too_large;
    if (timed_out_) return HttpFailure::timeout;
    if (tls_failed_) return HttpFailure::tls_failed;
    if (error == httplib::Error::ConnectionTimeout) return HttpFailure::connect_timeout;
    if (error == httplib::Error::Connection) return HttpFailure::connect_failed;
    return HttpFailure::connection_lost;
  }

 private:
  bool create_and_connect_socket(Socket& socket, httplib::Error& error) override {
    session_.reset();  // it was the last socket's
    return httplib::ClientImpl::create_and_connect_socket(socket, error);
  }

  bool process_socket(const Socket& socket,
                      std::function<bool(httplib::Stream&)> exchange) override {
    const bool is_new = client_.tls_ && !session_;
    if (is_new) session_ = client_.tls_->session(socket.sock);
    const auto deadline = Clock::now() + config_.request_deadline;
    DeadlineStream stream(socket.sock, session_.get(), deadline, config_.read_timeout);
    tls_failed_ = is_new && (!session_ || !stream.handshake());
    if (is_new && session_) client_.note_certificate(*session_);
    const auto left = std::min<Clock::duration>(deadline - Clock::now(), config_.read_timeout);
    const auto left_ms = std::max(std::chrono::floor<std::chrono::milliseconds>(left), 0ms);
    request_->set_header(time_left_header, std::to_string(left_ms.count()));
    const bool done = !tls_failed_ && exchange(stream);
    timed_out_ = stream.timed_out();
    return done;
  }

  HttpClient& client_;
  const HttpClientConfig& config_;
  TlsClient::Session session_;  // of the socket that is open; null: plain text, or none yet
  httplib::Request* request_ = nullptr;  // that is being sent
  bool timed_out_ = false;
  bool tls_failed_ = false;
};

HttpClient::HttpClient(HttpClientConfig config)
    : config_((validate(config), std::move(config))),
      tls_(config_.tls_ca_pem.empty()
               ? nullptr
               : std::make_unique<TlsClient>(config_.tls_ca_pem, config_.host)) {}

HttpClient::~HttpClient() = default;

std::variant<HttpReply, HttpFailure> HttpClient::exchange(const char* method, const std::string& path,
                                                          const std::string& body) {
  auto connection = take();
  auto result = connection->exchange(method, path, body);
  // After a failure the state of the connection is anybody's guess.
  if (std::holds_alternative<HttpReply>(result)) give_back(std::move(connection));
  return result;
}

std::unique_ptr<HttpClient::Connection> HttpClient::take() {
  std::vector<Idle> stale;  // closed after the lock is gone
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty() && Clock::now() - idle_.back().since < config_.idle_max) {
      auto connection = std::move(idle_.back().connection);
      idle_.pop_back();
      return connection;
    }
    stale.swap(idle_);  // the youngest is too old, so all are
  }
  return std::make_unique<Connection>(*this);
}

std::optional<std::chrono::system_clock::time_point> HttpClient::certificate_end() const {
  const std::lock_guard lock(mutex_);
  return certificate_end_;
}

void HttpClient::note_certificate(const SSL& session) {
  const auto end = services::certificate_end(session);
  const std::lock_guard lock(mutex_);
  if (end) certificate_end_ = end;
}

void HttpClient::give_back(std::unique_ptr<Connection> connection) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < config_.idle_connections_max) {
    idle_.push_back({std::move(connection), Clock::now()});
  }
  // Otherwise the parameter closes the connection, after `lock` has been released.
}

}  // namespace services
