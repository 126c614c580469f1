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

}  // namespace services
