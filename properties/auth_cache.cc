#include "properties/auth_cache.h"

namespace properties {

FORESEED_PROPERTY(auth_cache, "validations against revocations, told and untold, and a failing authority", auth_cases(), const AuthCase& c) {
  check_auth_cache<auth_cache::AuthCache>(c);
}

FORESEED_PROPERTY(jwks_cache, "keys that rotate, key ids of strangers, an issuer that is down", jwks_cases(), const JwksCase& c) {
  check_jwks<auth_cache::JwksCache>(c);
}

}  // namespace properties
