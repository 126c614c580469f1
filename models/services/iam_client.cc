#include "services/iam_client.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "services/bounded_json.h"

namespace services {
namespace {

IamStatus status_of(HttpFailure failure) {
  switch (failure) {
    case HttpFailure::connect_failed: return IamStatus::connect_failed;
    case HttpFailure::connect_timeout: return IamStatus::connect_timeout;
    case HttpFailure::tls_failed: return IamStatus::tls_failed;
    case HttpFailure::timeout: return IamStatus::timeout;
    case HttpFailure::connection_lost: return IamStatus::connection_lost;
    case HttpFailure::too_large: return IamStatus::malformed_response;
  }
  return IamStatus::malformed_response;
}

IamResult read_approval(const std::string& body, const Scopes& required) {
  const IamResult malformed{IamStatus::malformed_response, std::nullopt};
  const auto document = parse_bounded_json(body);
  auto subject = document ? string_field(*document, "sub") : std::nullopt;
  const auto scope = document ? string_field(*document, "scope") : std::nullopt;
  auto granted = scope ? parse_scopes(*scope) : std::nullopt;
  if (!subject || !is_plain_text(*subject, subject_bytes_max) || !granted) return malformed;
  const auto active = document->find("active");
  const auto expires_at = document->find("exp");
  if (active == document->end() || !active->is_boolean() || !active->get<bool>()) return malformed;
  if (expires_at == document->end() || !expires_at->is_number_integer()) return malformed;
  // An approval that does not cover what was asked is no approval.
  if (!includes(*granted, required)) return malformed;
  return {IamStatus::authorised,
          Principal{std::move(*subject), std::move(*granted), expires_at->get<std::int64_t>()}};
}

}  // namespace

std::string_view to_string(IamStatus status) {
  switch (status) {
    case IamStatus::authorised: return "authorised";
    case IamStatus::token_refused: return "token_refused";
    case IamStatus::scope_refused: return "scope_refused";
    case IamStatus::connect_failed: return "connect_failed";
    case IamStatus::connect_timeout: return "connect_timeout";
    case IamStatus::tls_failed: return "tls_failed";
    case IamStatus::timeout: return "timeout";
    case IamStatus::connection_lost: return "connection_lost";
    case IamStatus::throttled: return "throttled";
    case IamStatus::server_error: return "server_error";
    case IamStatus::unexpected_status: return "unexpected_status";
    case IamStatus::malformed_response: return "malformed_response";
  }
  return "invalid";
}

IamVerdict verdict_of(IamStatus status) {
  switch (status) {
    case IamStatus::authorised: return IamVerdict::authorised;
    case IamStatus::token_refused:
    case IamStatus::scope_refused: return IamVerdict::denied;
    case IamStatus::connect_failed:
    case IamStatus::connect_timeout:
    case IamStatus::tls_failed:
    case IamStatus::timeout:
    case IamStatus::connection_lost:
    case IamStatus::throttled:
    case IamStatus::server_error:
    case IamStatus::unexpected_status:
    case IamStatus::malformed_response: return IamVerdict::unavailable;
  }
  return IamVerdict::unavailable;
}

IamClient::IamClient(HttpClientConfig config) : http_(std::move(config)) {}

IamResult IamClient::validate(const std::string& token, const Scopes& required) {
  const nlohmann::json question = {{"token", token}, {"scope", join(required)}};
  const auto result = http_.post_json(
      "/validate", question.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (const auto* failure = std::get_if<HttpFailure>(&result)) {
    return {status_of(*failure), std::nullopt};
  }
  const auto& reply = std::get<HttpReply>(result);
  if (reply.status == 200) return read_approval(reply.body, required);
  if (reply.status == 401) return {IamStatus::token_refused, std::nullopt};
  if (reply.status == 403) return {IamStatus::scope_refused, std::nullopt};
  if (reply.status == 429) return {IamStatus::throttled, std::nullopt};
  if (reply.status >= 500) return {IamStatus::server_error, std::nullopt};
  return {IamStatus::unexpected_status, std::nullopt};
}

}  // namespace services
