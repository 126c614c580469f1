// IAM: the service that says whether a token allows something.
//
//   POST /validate  {"token": "...", "scope": "a b"}     at least one scope
//     200 {"active": true, "sub": "...", "scope": "a b c", "exp": 1700000000}
//     400 {"error": {"code": "invalid_request", ...}}      the request is not of that form
//     401 {"error": {"code": "invalid_token", ...}}        message is a JwtError by name
//     403 {"error": {"code": "insufficient_scope", ...}}
//     504 {"error": {"code": "deadline_exceeded", ...}}    the caller said, in X-Time-Left-Ms, that it no longer waits:
//         the token was not looked at. 400 invalid_argument where that header makes no sense. See time_left.h.
//   GET /health       200 {"status": "ok"}: it serves
//   GET /health/deep  200 {"status": "ok", "checks": {"key": "ok"}}; 503 and "degraded" where tokens cannot be judged
//
// Other answers are a pure function of request, key, policy and wall clock; nothing is stored.
// start, stop: as HttpServer. Requests are served concurrently.
#pragma once

#include <atomic>
#include <cstdint>

#include "services/health_check.h"
#include "services/http_server.h"
#include "services/token_authority.h"

namespace services {

struct IamConfig {
  HttpServerConfig http;
  JwtPolicy policy;
};

/// Answers given to /validate since construction; monotone.
struct IamCounters {
  std::uint64_t active = 0;
  std::uint64_t invalid_token = 0;
  std::uint64_t insufficient_scope = 0;
  std::uint64_t invalid_request = 0;
  std::uint64_t deadline_exceeded = 0;
};

class IamService {
 public:
  /// Throws std::invalid_argument.
  IamService(const IamConfig& config, JwtKey key);

  void start() { server_.start(); }  ///< throws StartError
  void stop() { server_.stop(); }
  int port() const { return server_.port(); }
  /// See HttpServer.
  void renew_certificate(const TlsIdentity& identity) { server_.renew_certificate(identity); }

  /// Each counter by itself is exact; together they are not one instant.
  IamCounters counters() const;

 private:
  void add_routes(httplib::Server& server);
  void validate_token(const httplib::Request& request, httplib::Response& response);

  const TokenAuthority authority_;
  HealthCheck key_{[this] { return authority_.works(); }, std::chrono::seconds(1)};  // a signature takes milliseconds
  std::atomic<std::uint64_t> active_{0};
  std::atomic<std::uint64_t> invalid_token_{0};
  std::atomic<std::uint64_t> insufficient_scope_{0};
  std::atomic<std::uint64_t> invalid_request_{0};
  HttpServer server_;  // last, so that it stops before what its handlers use goes away
};

}  // namespace services
