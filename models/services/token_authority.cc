#include "services/token_authority.h"

#include <chrono>
#include <utility>

namespace services {

TokenAuthority::TokenAuthority(JwtKey key, JwtPolicy policy)
    : key_(std::move(key)), policy_(std::move(policy)) {
  validate(policy_);
}

Authorisation TokenAuthority::authorise(std::string_view token, const Scopes& required) const {
  auto result = jwt_verify(token, key_, policy_, std::chrono::system_clock::now());
  if (const auto* error = std::get_if<JwtError>(&result)) return InvalidToken{*error};
  auto& claims = std::get<JwtClaims>(result);
  if (!includes(claims.scopes, required)) return InsufficientScope{};
  return Principal{std::move(claims.subject), std::move(claims.scopes), claims.expires_at};
}

bool TokenAuthority::works() const {
  if (!key_.can_sign()) return !key_.verify("message", "signature");
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  JwtClaims claims;
  claims.subject = "health";
  claims.issuer = policy_.issuer;
  claims.audience = {policy_.audience};
  claims.expires_at = now.count() + 60;
  const auto token = jwt_sign(claims, key_);
  return token && std::holds_alternative<Principal>(authorise(*token, {}));
}

}  // namespace services
