#include "services/oms_service.h"

#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

#include "services/bearer.h"
#include "services/bounded_json.h"

namespace services {
namespace {

using json = nlohmann::json;

const Scopes write_scope = {"orders:write"};
const Scopes read_scope = {"orders:read"};

struct OrderRequest {
  std::string item;
  std::int64_t quantity = 0;
};

std::optional<OrderRequest> read_order(const std::string& body) {
  const auto document = parse_bounded_json(body);
  auto item = document ? string_field(*document, "item") : std::nullopt;
  if (!item || !is_plain_text(*item, item_bytes_max)) return std::nullopt;
  const auto quantity = document->find("quantity");
  // A whole positive number parses as unsigned; anything else is out of range anyway.
  if (quantity == document->end() || !quantity->is_number_unsigned()) return std::nullopt;
  const auto count = quantity->get<std::uint64_t>();
  if (count < 1 || count > static_cast<std::uint64_t>(quantity_max)) return std::nullopt;
  return OrderRequest{std::move(*item), static_cast<std::int64_t>(count)};
}

json order_json(const Order& order) {
  return {
      {"id", order.id}, {"owner", order.owner}, {"item", order.item}, {"quantity", order.quantity}};
}

std::int64_t retry_after_s(const AuthDecision& decision) {
  if (!decision.retry_after) return 1;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(*decision.retry_after).count();
  return std::max<std::int64_t>(1, seconds);
}

/// Throws std::invalid_argument.
std::size_t valid_in_flight_max(std::size_t limit) {
  if (limit >= 1 && limit <= 256) return limit;
  throw std::invalid_argument("oms config: in_flight_max is " + std::to_string(limit) +
                              ", must be in [1, 256]");
}

HttpClientConfig for_health(HttpClientConfig config) {
  config.connect_timeout = std::min(config.connect_timeout, health_timeout / 2);
  config.request_deadline = std::min(config.request_deadline, health_timeout / 2);
  config.idle_connections_max = 0;  // one that is kept would keep a worker of IAM's
  return config;
}

}  // namespace

OmsService::OmsService(const OmsConfig& config)
    : fallback_(config.fallback),
      orders_max_(config.orders_max),
      orders_(config.orders_max),
      bulkhead_(valid_in_flight_max(config.in_flight_max)),
      iam_(config.iam),
      iam_health_(for_health(config.iam)),
      iam_answers_(
          [this] {
            const auto result = iam_health_.get("/health");
            const auto* reply = std::get_if<HttpReply>(&result);
            return reply != nullptr && reply->status == 200;
          },
          health_period),
      breaker_(config.breaker,
               [this, listener = config.on_breaker_event](const breaker::Event& event) {
                 iam_unavailable_.observe(event.to != breaker::Mode::closed, event.generation,
                                          event.time);
                 if (listener) listener(event);
               }),
      gateway_(iam_, breaker_, config.fallback,
               config.local_key ? std::optional<TokenAuthority>(std::in_place, *config.local_key,
                                                                config.local_policy)
                                : std::nullopt),
      server_(config.http, [this](httplib::Server& server) { add_routes(server); }) {}

void OmsService::add_routes(httplib::Server& server) {
  using httplib::Request;
  using httplib::Response;
  server.Post("/orders", [this](const Request& request, Response& response) {
    within_bulkhead(request, response, [&] { place_order(request, response); });
  });
  // The bound on digits also bounds how deep std::regex recurses.
  server.Get(R"(/orders/(\d{1,20}))", [this](const Request& request, Response& response) {
    within_bulkhead(request, response, [&] { get_order(request, response); });
  });
  server.Get("/health",
             [this](const Request&, Response& response) { reply_json(response, 200, health()); });
  server.Get("/health/deep", [this](const Request&, Response& response) {
    bool ready = false;
    const json report = deep_health(ready);
    reply_json(response, ready ? 200 : 503, report);
  });
  server.Get("/metrics",
             [this](const Request&, Response& response) { reply_json(response, 200, metrics()); });
}

/// Refuses at once what would be too much: waiting callers give up, and work done for those who did
/// is what keeps an overloaded service down.
void OmsService::within_bulkhead(const httplib::Request& request, httplib::Response& response,
                                 const std::function<void()>& work) {
  if (server_.refuse_late(request, response)) return;
  const Bulkhead::Visit visit(bulkhead_);
  if (visit.entered()) return work();
  response.set_header("Retry-After", "1");
  reply_error(response, 503, "overloaded", "too many requests are at work");
}

/// The principal; nothing where the request was refused, and then `response` is complete.
std::optional<Principal> OmsService::authorise(const httplib::Request& request,
                                               httplib::Response& response,
                                               const Scopes& required) {
  const auto token = bearer_token(request);
  if (!token) {
    response.set_header("X-Auth-Path", "none");
    response.set_header("WWW-Authenticate", "Bearer");
    reply_error(response, 401, "missing_token", "want header Authorization: Bearer <token>");
    return std::nullopt;
  }
  AuthDecision decision = gateway_.decide(*token, required);
  response.set_header("X-Auth-Path", std::string(to_string(decision.path)));
  switch (decision.verdict) {
    case AuthVerdict::granted: break;
    case AuthVerdict::token_refused:
      response.set_header("WWW-Authenticate", R"(Bearer error="invalid_token")");
      reply_error(response, 401, "invalid_token", "the token was refused");
      break;
    case AuthVerdict::scope_refused:
      reply_error(response, 403, "insufficient_scope", "needs scope " + join(required));
      break;
    case AuthVerdict::unavailable:
      response.set_header("Retry-After", std::to_string(retry_after_s(decision)));
      reply_error(response, 503, "auth_unavailable", "authorisation is not available now");
      break;
  }
  return decision.principal;
}

void OmsService::place_order(const httplib::Request& request, httplib::Response& response) {
  const auto principal = authorise(request, response, write_scope);
  if (!principal) return;
  const auto wanted = read_order(request.body);
  const std::string key = request.get_header_value("Idempotency-Key");
  const bool key_fits = key.empty() || is_plain_text(key, idempotency_key_bytes_max);
  if (!wanted || !key_fits) {
    reply_error(response, 400, "invalid_order",
                "want {\"item\": 1 to 128 bytes, \"quantity\": 1 to 1000000}, "
                "Idempotency-Key of at most 128 bytes");
    return;
  }
  const auto result = orders_.place(principal->subject, wanted->item, wanted->quantity, key);
  if (const auto* error = std::get_if<OrderError>(&result)) {
    if (*error == OrderError::key_conflict) {
      reply_error(response, 409, "idempotency_conflict", "the key was used for another order");
    } else {
      reply_error(response, 507, "store_full", "no more orders can be kept");
    }
    return;
  }
  const auto& placed = std::get<PlacedOrder>(result);
  response.set_header("Location", "/orders/" + std::to_string(placed.order.id));
  reply_json(response, placed.replayed ? 200 : 201, order_json(placed.order));
}

void OmsService::get_order(const httplib::Request& request, httplib::Response& response) {
  const auto principal = authorise(request, response, read_scope);
  if (!principal) return;
  const std::string digits = request.matches[1];
  std::uint64_t id = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  const auto order = parsed.ec == std::errc{} ? orders_.find(id) : std::nullopt;
  if (!order || order->owner != principal->subject) {
    reply_error(response, 404, "not_found", "no such order");
    return;
  }
  reply_json(response, 200, order_json(*order));
}

nlohmann::json OmsService::health() const {
  json iam = {{"breaker", breaker::to_string(breaker_.snapshot().mode)}};
  json alerts = json::array();
  if (const auto end = iam_.certificate_end()) {
    using Days = std::chrono::duration<std::int64_t, std::ratio<86400>>;
    const auto left = std::chrono::floor<Days>(*end - std::chrono::system_clock::now()).count();
    iam["certificate_days_left"] = left;
    if (left <= certificate_alert_days) alerts.push_back("iam_certificate_ends");
  }
  if (iam_unavailable_.firing(common::mono_now())) alerts.push_back("iam_unavailable");
  return {{"status", "ok"}, {"iam", iam}, {"alerts", alerts}};
}

nlohmann::json OmsService::deep_health(bool& ready) {
  json report = health();
  const HealthCheck::State iam = iam_answers_.look();
  const bool room = orders_.size() < orders_max_;
  const bool answers = iam == HealthCheck::State::ok;
  if (!answers || !room) report["status"] = "degraded";
  report["checks"] = {{"iam", to_string(iam)}, {"orders", room ? "ok" : "full"}};
  ready = room && (answers || fallback_ == FallbackPolicy::local_validation);
  return report;
}

nlohmann::json OmsService::metrics() const {
  const AuthCounters auth = gateway_.counters();
  const breaker::Metrics calls = breaker_.metrics();
  const breaker::Snapshot state = breaker_.snapshot();
  const BulkheadCounters load = bulkhead_.counters();
  json iam = json::object();
  for (int i = 0; i < iam_status_count; ++i) {
    iam[std::string(to_string(static_cast<IamStatus>(i)))] = auth.iam[static_cast<std::size_t>(i)];
  }
  return {{"orders", orders_.size()},
          {"late", server_.late()},
          {"bulkhead",
           {{"entered", load.entered},
            {"refused", load.refused},
            {"in_flight", load.in_flight},
            {"in_flight_peak", load.in_flight_peak}}},
          {"auth",
           {{"decisions", auth.decisions},
            {"remote_granted", auth.remote_granted},
            {"remote_refused", auth.remote_refused},
            {"local_granted", auth.local_granted},
            {"local_refused", auth.local_refused},
            {"unavailable", auth.unavailable},
            {"not_a_token", auth.not_a_token}}},
          {"iam", iam},
          {"breaker",
           {{"mode", breaker::to_string(state.mode)},
            {"generation", state.generation},
            {"reopens", state.reopens},
            {"admitted", calls.admitted},
            {"rejected", calls.rejected},
            {"ok", calls.ok},
            {"fail", calls.fail},
            {"slow", calls.slow},
            {"ignored", calls.ignored},
            {"stale", calls.stale},
            {"in_flight", calls.in_flight},
            {"lease_expired", calls.lease_expired},
            {"transitions", calls.transitions}}}};
}

}  // namespace services
