// JSON Web Tokens (RFC 7519) in JWS compact form (RFC 7515): sign and verify, nothing optional.
//
// Stricter than the RFCs on purpose (RFC 8725): `exp`, `sub`, `iss` and `aud` are required, dates
// are whole seconds in [0, 2^53], `crit` is refused, duplicate JSON keys are refused. A token is
// accepted iff its signature is the key's and
//   nbf - leeway <= now < exp + leeway, iss equal, aud contains the audience (AU1).
// No function here throws on any input; no result contains token bytes. Stateless; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "services/jwt_key.h"
#include "services/scopes.h"

namespace services {

inline constexpr std::size_t token_bytes_max = 8192;
inline constexpr std::size_t subject_bytes_max = 256;

/// Every way in which a token can be refused. In order of the checks: a later value means that
/// all earlier checks passed, so `expired` says the signature was good.
enum class JwtError {
  too_long,         ///< over token_bytes_max
  malformed,        ///< not three base64url segments, or header not a JSON object
  wrong_algorithm,  ///< `alg` is not the key's
  critical_header,  ///< `crit` is present: an extension that this code does not know
  bad_signature,
  bad_payload,  ///< payload not a JSON object within limits
  bad_claim,    ///< exp, nbf or iat missing where required, of wrong type or out of range
  not_yet_valid,
  expired,
  wrong_issuer,
  wrong_audience,
  bad_subject,  ///< missing, empty, too long, or with control characters
  bad_scope,    ///< `scope` is neither a space separated string nor an array of scopes
};

std::string_view to_string(JwtError error);

struct JwtClaims {
  std::string subject;
  std::string issuer;
  std::vector<std::string> audience;
  Scopes scopes;                           ///< empty where the claim is missing or empty
  std::int64_t expires_at = 0;             ///< seconds since 1970
  std::optional<std::int64_t> not_before;  ///< seconds since 1970
};

/// What a verifier demands of a token.
struct JwtPolicy {
  std::string issuer = "iam";
  std::string audience = "oms";
  std::chrono::seconds leeway{0};  ///< 0 .. 300, for clocks that differ
};

/// Throws std::invalid_argument naming field, value and range.
void validate(const JwtPolicy& policy);

using JwtResult = std::variant<JwtClaims, JwtError>;

/// Verifies. REQUIRES: `policy` passed `validate`.
JwtResult jwt_verify(std::string_view token, const JwtKey& key, const JwtPolicy& policy,
                     std::chrono::system_clock::time_point now);

/// Signs the claims as they are. Nothing where the key cannot sign, a claim is not valid UTF-8,
/// or the token would be longer than token_bytes_max.
std::optional<std::string> jwt_sign(const JwtClaims& claims, const JwtKey& key);

/// True where the text has the outer form of a token: length, and three non-empty segments of
/// base64url characters. Cheap; lets a caller refuse rubbish before it asks another service.
bool looks_like_jwt(std::string_view token);

}  // namespace services
