#include "services/jwt.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "services/base64url.h"
#include "services/bounded_json.h"

namespace services {
namespace {

using json = nlohmann::json;

constexpr JsonLimits header_limits{1024, 4};
constexpr JsonLimits payload_limits{token_bytes_max, 8};
/// Up to here a double is exact, so every JSON reader sees the same date.
constexpr std::int64_t date_max = std::int64_t{1} << 53;
constexpr std::int64_t leeway_max_s = 300;

struct Segments {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_part;  ///< header, dot, payload
};

std::optional<Segments> split(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  Segments segments{token.substr(0, first), token.substr(first + 1, second - first - 1),
                    token.substr(second + 1), token.substr(0, second)};
  // An empty signature is how `none` looks; further dots fail as base64url.
  if (segments.header.empty() || segments.payload.empty() || segments.signature.empty()) {
    return std::nullopt;
  }
  return segments;
}

std::optional<json> decode_object(std::string_view segment, const JsonLimits& limits) {
  const auto bytes = base64url_decode(segment);
  if (!bytes) return std::nullopt;
  auto document = parse_bounded_json(*bytes, limits);
  if (!document || !document->is_object()) return std::nullopt;
  return document;
}

/// Checks header and signature.
std::optional<JwtError> check_envelope(const Segments& segments, const JwtKey& key) {
  const auto header = decode_object(segments.header, header_limits);
  const auto signature = base64url_decode(segments.signature);
  if (!header || !signature) return JwtError::malformed;
  const auto algorithm = string_field(*header, "alg");
  if (!algorithm || *algorithm != to_string(key.algorithm())) return JwtError::wrong_algorithm;
  if (header->contains("crit")) return JwtError::critical_header;
  if (!key.verify(segments.signed_part, *signature)) return JwtError::bad_signature;
  return std::nullopt;
}

/// False where the claim is there and not a date; `value` is empty where it is not there.
bool read_date(const json& payload, const char* name, std::optional<std::int64_t>& value) {
  const auto claim = payload.find(name);
  if (claim == payload.end()) return true;
  if (!claim->is_number_integer()) return false;
  if (claim->is_number_unsigned() && claim->get<std::uint64_t>() > std::uint64_t{date_max}) {
    return false;
  }
  const auto seconds = claim->get<std::int64_t>();
  if (seconds < 0 || seconds > date_max) return false;
  value = seconds;
  return true;
}

std::optional<std::vector<std::string>> read_audience(const json& payload) {
  const auto claim = payload.find("aud");
  if (claim == payload.end()) return std::nullopt;
  if (claim->is_string()) return std::vector<std::string>{claim->get<std::string>()};
  if (!claim->is_array()) return std::nullopt;
  std::vector<std::string> audience;
  for (const json& entry : *claim) {
    if (!entry.is_string()) return std::nullopt;
    audience.push_back(entry.get<std::string>());
  }
  return audience;
}

std::optional<Scopes> read_scopes(const json& payload) {
  const auto claim = payload.find("scope");
  if (claim == payload.end()) return Scopes{};
  if (claim->is_string()) return parse_scopes(claim->get_ref<const std::string&>());
  if (!claim->is_array()) return std::nullopt;
  Scopes scopes;
  for (const json& entry : *claim) {
    if (!entry.is_string() || !is_scope(entry.get_ref<const std::string&>())) return std::nullopt;
    scopes.insert(entry.get<std::string>());
    if (scopes.size() > scopes_max) return std::nullopt;
  }
  return scopes;
}

JwtResult check_claims(const json& payload, const JwtPolicy& policy,
                       std::chrono::system_clock::time_point now) {
  JwtClaims claims;
  std::optional<std::int64_t> expires_at;
  std::optional<std::int64_t> issued_at;
  if (!read_date(payload, "exp", expires_at) || !expires_at ||
      !read_date(payload, "nbf", claims.not_before) || !read_date(payload, "iat", issued_at)) {
    return JwtError::bad_claim;
  }
  claims.expires_at = *expires_at;
  // Dates are whole seconds, so comparing the floor of `now` decides as `now` itself would.
  const std::int64_t now_s =
      std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  const std::int64_t leeway_s = policy.leeway.count();
  if (claims.not_before && now_s < *claims.not_before - leeway_s) return JwtError::not_yet_valid;
  if (now_s >= claims.expires_at + leeway_s) return JwtError::expired;

  auto issuer = string_field(payload, "iss");
  if (!issuer || *issuer != policy.issuer) return JwtError::wrong_issuer;
  claims.issuer = std::move(*issuer);

  auto audience = read_audience(payload);
  if (!audience ||
      std::find(audience->begin(), audience->end(), policy.audience) == audience->end()) {
    return JwtError::wrong_audience;
  }
  claims.audience = std::move(*audience);

  auto subject = string_field(payload, "sub");
  if (!subject || !is_plain_text(*subject, subject_bytes_max)) return JwtError::bad_subject;
  claims.subject = std::move(*subject);

  auto scopes = read_scopes(payload);
  if (!scopes) return JwtError::bad_scope;
  claims.scopes = std::move(*scopes);
  return claims;
}

}  // namespace

std::string_view to_string(JwtError error) {
  switch (error) {
    case JwtError::too_long: return "too_long";
    case JwtError::malformed: return "malformed";
    case JwtError::wrong_algorithm: return "wrong_algorithm";
    case JwtError::critical_header: return "critical_header";
    case JwtError::bad_signature: return "bad_signature";
    case JwtError::bad_payload: return "bad_payload";
    case JwtError::bad_claim: return "bad_claim";
    case JwtError::not_yet_valid: return "not_yet_valid";
    case JwtError::expired: return "expired";
    case JwtError::wrong_issuer: return "wrong_issuer";
    case JwtError::wrong_audience: return "wrong_audience";
    case JwtError::bad_subject: return "bad_subject";
    case JwtError::bad_scope: return "bad_scope";
  }
  return "invalid";
}

void validate(const JwtPolicy& policy) {
  // An empty expectation would be met by nobody, or worse, be read as "do not check".
  if (policy.issuer.empty()) throw std::invalid_argument("jwt policy: issuer is empty");
  if (policy.audience.empty()) throw std::invalid_argument("jwt policy: audience is empty");
  const std::int64_t leeway_s = policy.leeway.count();
  if (leeway_s < 0 || leeway_s > leeway_max_s) {
    throw std::invalid_argument("jwt policy: leeway is " + std::to_string(leeway_s) +
                                " s, must be in [0, " + std::to_string(leeway_max_s) + "] s");
  }
}

JwtResult jwt_verify(std::string_view token, const JwtKey& key, const JwtPolicy& policy,
                     std::chrono::system_clock::time_point now) {
  if (token.size() > token_bytes_max) return JwtError::too_long;
  const auto segments = split(token);
  if (!segments) return JwtError::malformed;
  if (const auto error = check_envelope(*segments, key)) return *error;
  const auto payload = decode_object(segments->payload, payload_limits);
  if (!payload) return JwtError::bad_payload;
  return check_claims(*payload, policy, now);
}

std::optional<std::string> jwt_sign(const JwtClaims& claims, const JwtKey& key) {
  json payload = {{"sub", claims.subject},
                  {"iss", claims.issuer},
                  {"aud", claims.audience},
                  {"scope", join(claims.scopes)},
                  {"exp", claims.expires_at}};
  if (claims.audience.size() == 1) payload["aud"] = claims.audience.front();
  if (claims.not_before) payload["nbf"] = *claims.not_before;
  std::string payload_text;
  try {
    payload_text = payload.dump();
  } catch (const json::exception&) {
    return std::nullopt;  // not UTF-8
  }
  const json header = {{"alg", std::string(to_string(key.algorithm()))}, {"typ", "JWT"}};
  std::string token = base64url_encode(header.dump()) + '.' + base64url_encode(payload_text);
  const auto signature = key.sign(token);
  if (!signature) return std::nullopt;
  token += '.' + base64url_encode(*signature);
  if (token.size() > token_bytes_max) return std::nullopt;
  return token;
}

bool looks_like_jwt(std::string_view token) {
  if (token.size() > token_bytes_max || !split(token)) return false;
  const bool characters_fit = std::all_of(token.begin(), token.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  return characters_fit && std::count(token.begin(), token.end(), '.') == 2;
}

}  // namespace services
