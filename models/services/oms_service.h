// OMS: takes orders from whoever IAM says may place them.
//
//   POST /orders       Authorization: Bearer <token with scope orders:write>
//                      {"item": "...", "quantity": 1}; optional header Idempotency-Key
//     201 {"id", "owner", "item", "quantity"}, Location; 200 where the key was seen before
//     400 invalid_order, 409 idempotency_conflict, 507 store_full
//   GET /orders/<id>   Authorization: Bearer <token with scope orders:read>; own orders only
//     200 the order; 404 not_found (also for someone else's order)
//   both: 401 missing_token or invalid_token, 403 insufficient_scope,
//         503 auth_unavailable (with Retry-After), and header X-Auth-Path: remote | local | none; 504 deadline_exceeded
//         and 400 invalid_argument by the caller's X-Time-Left-Ms, see time_left.h
//   GET /health        200 {"status": "ok", "iam": {"breaker": "closed"}}: it serves; asks nobody
//   GET /health/deep   200 or, where orders cannot be taken, 503: see `deep_health`
//   GET /metrics       200 counters as JSON: what `metrics()` returns
//
// The order is checked after the authorisation, so strangers learn nothing from errors.
// start, stop: as HttpServer. Requests are served concurrently.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "breaker/circuit_breaker.h"
#include "services/alert.h"
#include "services/auth_gateway.h"
#include "services/bulkhead.h"
#include "services/health_check.h"
#include "services/http_client.h"
#include "services/http_server.h"
#include "services/iam_client.h"
#include "services/order_store.h"

namespace httplib {
struct Request;
}

namespace services {

inline constexpr std::size_t item_bytes_max = 128;
inline constexpr std::int64_t quantity_max = 1'000'000;
inline constexpr std::size_t idempotency_key_bytes_max = 128;
/// /health carries an alert once the breaker has not been closed, without a break, for so long: half-open is no break.
inline constexpr std::chrono::minutes iam_alert_after{1};
/// From so many days before IAM's certificate ends, /health carries an alert.
inline constexpr std::int64_t certificate_alert_days = 30;
/// How often at most, and how long, /health/deep asks IAM.
inline constexpr std::chrono::milliseconds health_period{1000};
inline constexpr std::chrono::milliseconds health_timeout{500};

struct OmsConfig {
  HttpServerConfig http;
  HttpClientConfig iam;  ///< where IAM is, and how long to wait for it
  breaker::Config breaker;
  FallbackPolicy fallback = FallbackPolicy::deny;
  /// For local validation; the same key (or its public half) and policy as IAM's.
  std::optional<JwtKey> local_key;
  JwtPolicy local_policy;
  std::size_t orders_max = 1'000'000;
  /// Requests for orders that are at work at once; the next is refused with 503 "overloaded". Have
  /// more worker threads than that, or requests queue for a worker before they are refused.
  std::size_t in_flight_max = 64;  ///< 1 .. 256
  breaker::Listener on_breaker_event;  ///< see breaker::Listener; may be empty
};

class OmsService {
 public:
  /// Throws std::invalid_argument. Opens no connection: IAM may be down or start later.
  explicit OmsService(const OmsConfig& config);

  void start() { server_.start(); }  ///< throws StartError
  void stop() { server_.stop(); }
  int port() const { return server_.port(); }
  /// See HttpServer.
  void renew_certificate(const TlsIdentity& identity) { server_.renew_certificate(identity); }

  // For the process that hosts the service; any thread.
  breaker::CircuitBreaker& breaker() { return breaker_; }
  const OrderStore& orders() const { return orders_; }
  BulkheadCounters bulkhead_counters() const { return bulkhead_.counters(); }
  AuthCounters auth_counters() const { return gateway_.counters(); }
  nlohmann::json metrics() const;

  /// {"status":"ok", "iam":{"breaker":.., "certificate_days_left":..}, "alerts":[..]}; the days,
  /// whole ones and rounded down, are there once IAM has shown a certificate. Alerts:
  /// iam_certificate_ends, iam_unavailable.
  nlohmann::json health() const;

  /// `health()` with {"checks":{"iam": ok, failing or unknown, "orders": ok or full}}; its status is "degraded" where one
  /// is not ok, and `ready` says whether orders can be taken all the same. IAM is asked for its /health, which asks
  /// nobody, on a connection of its own, past the breaker, within health_timeout and once in health_period: looking
  /// takes nothing from traffic, and however many look, IAM hears of one.
  nlohmann::json deep_health(bool& ready);

 private:
  void add_routes(httplib::Server& server);
  std::optional<Principal> authorise(const httplib::Request& request, httplib::Response& response,
                                     const Scopes& required);
  void place_order(const httplib::Request& request, httplib::Response& response);
  void get_order(const httplib::Request& request, httplib::Response& response);
  void within_bulkhead(const httplib::Request& request, httplib::Response& response,
                       const std::function<void()>& work);

  const FallbackPolicy fallback_;
  const std::size_t orders_max_;
  OrderStore orders_;
  Bulkhead bulkhead_;
  IamClient iam_;
  HttpClient iam_health_;
  HealthCheck iam_answers_;
  Alert iam_unavailable_{iam_alert_after};
  breaker::CircuitBreaker breaker_;
  AuthGateway gateway_;
  HttpServer server_;  // last, so that it stops before what its handlers use goes away
};

}  // namespace services
