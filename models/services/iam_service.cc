#include "services/iam_service.h"

#include <httplib.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "services/bounded_json.h"

namespace services {

IamService::IamService(const IamConfig& config, JwtKey key)
    : authority_(std::move(key), config.policy),
      server_(config.http, [this](httplib::Server& server) { add_routes(server); }) {}

void IamService::add_routes(httplib::Server& server) {
  server.Post("/validate", [this](const httplib::Request& request, httplib::Response& response) {
    validate_token(request, response);
  });
  server.Get("/health", [](const httplib::Request&, httplib::Response& response) {
    reply_json(response, 200, {{"status", "ok"}});
  });
  server.Get("/health/deep", [this](const httplib::Request&, httplib::Response& response) {
    const HealthCheck::State key = key_.look();
    const bool ready = key == HealthCheck::State::ok;
    reply_json(response, ready ? 200 : 503,
               {{"status", ready ? "ok" : "degraded"}, {"checks", {{"key", to_string(key)}}}});
  });
}

void IamService::validate_token(const httplib::Request& request, httplib::Response& response) {
  if (server_.refuse_late(request, response)) return;
  const auto document = parse_bounded_json(request.body);
  const auto token = document ? string_field(*document, "token") : std::nullopt;
  const auto scope = document ? string_field(*document, "scope") : std::nullopt;
  const auto required = scope ? parse_scopes(*scope) : std::nullopt;
  // A request without a scope would ask for nothing and be granted for every valid token.
  if (!token || !required || required->empty()) {
    ++invalid_request_;
    reply_error(response, 400, "invalid_request", "want {\"token\": string, \"scope\": scopes}");
    return;
  }
  const Authorisation result = authority_.authorise(*token, *required);
  if (const auto* invalid = std::get_if<InvalidToken>(&result)) {
    ++invalid_token_;
    reply_error(response, 401, "invalid_token", to_string(invalid->error));
  } else if (std::holds_alternative<InsufficientScope>(result)) {
    ++insufficient_scope_;
    reply_error(response, 403, "insufficient_scope", "the token lacks a required scope");
  } else {
    const auto& principal = std::get<Principal>(result);
    ++active_;
    reply_json(response, 200,
               {{"active", true},
                {"sub", principal.subject},
                {"scope", join(principal.scopes)},
                {"exp", principal.expires_at}});
  }
}

IamCounters IamService::counters() const {
  return {active_, invalid_token_, insufficient_scope_, invalid_request_, server_.late()};
}

}  // namespace services
