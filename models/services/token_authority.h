// The one decision "may the bearer of this token do that?", used by IAM to answer and by OMS to
// fall back. Sharing the code is what makes a local decision never grant more than the remote one
// with the same key and policy (specification AU9).
//
// Immutable after construction; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "services/jwt.h"

namespace services {

/// Who was authorised, for what, until when.
struct Principal {
  std::string subject;
  Scopes scopes;
  std::int64_t expires_at = 0;  ///< seconds since 1970
};

struct InvalidToken {
  JwtError error{};
};

/// The token is good; a scope is missing.
struct InsufficientScope {};

using Authorisation = std::variant<Principal, InvalidToken, InsufficientScope>;

class TokenAuthority {
 public:
  /// Throws std::invalid_argument (see `validate(JwtPolicy)`).
  TokenAuthority(JwtKey key, JwtPolicy policy);

  /// Reads the wall clock. Never throws on hostile tokens.
  Authorisation authorise(std::string_view token, const Scopes& required) const;

  /// Whether key and policy are of use: what is signed here is accepted here, or, where the key cannot sign, at least
  /// something that it did not sign is refused.
  bool works() const;

  const JwtKey& key() const { return key_; }
  const JwtPolicy& policy() const { return policy_; }

 private:
  JwtKey key_;
  JwtPolicy policy_;
};

}  // namespace services
