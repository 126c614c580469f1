// The authorisation cache, small enough that `explore` runs every interleaving (docs/explored.md).

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>

#include "auth_cache/auth_cache.h"
#include "auth_cache/jwks_cache.h"
#include "together.h"

namespace {

using namespace std::chrono_literals;
using namespace auth_cache;
using common::mono_now;
using common::wall_now;
using smallest::together;

const foreseed::WarmUp openssl("OpenSSL's tables", [] { hash_of(""); });

}  // namespace

// AU4; S0-27
FORESEED_SCENARIO(smallest_auth_flight, "two callers of one token: one question, the same answer for both (holds)") {
  int asked = 0;  // not atomic: two questions at once are a data race
  AuthCache cache(Config{}, [&](const std::string&, common::MonoTime) -> Answer {
    ++asked;
    return Claims{"alice", {}, wall_now() + 1h, std::nullopt};
  });
  const auto call = [&] {
    const auto decision = cache.validate("token", {}, mono_now() + 1s);
    FORESEED_CHECK(std::get<Claims>(decision).subject == "alice");
  };
  together(call, call);
  FORESEED_CHECK(asked == 1 && cache.counters().loads == 1);
}

// AU4, AU6
FORESEED_SCENARIO(smallest_auth_failure, "the authority fails while two wait for it: both hear so, and nothing is kept (holds)") {
  int asked = 0;
  AuthCache cache(Config{}, [&](const std::string&, common::MonoTime) -> Answer {
    ++asked;
    return Error::unavailable;
  });
  const auto call = [&] { FORESEED_CHECK(std::get<Error>(cache.validate("token", {}, mono_now() + 1s)) == Error::unavailable); };
  together(call, call);
  FORESEED_CHECK((asked == 1 || asked == 2) && cache.entries() == 0);
}

// AU2; S1-05, S4-10
FORESEED_SCENARIO(smallest_auth_revocation, "a subject is revoked while its token is asked for: afterwards it is refused (holds)") {
  std::atomic<bool> revoked{false}, told{false};
  AuthCache cache(Config{}, [&](const std::string&, common::MonoTime) -> Answer {
    if (revoked) return Denied{};
    return Claims{"alice", {}, wall_now() + 1h, std::nullopt};
  });
  const auto call = [&] {
    const bool before = told;
    const auto decision = cache.validate("token", {}, mono_now() + 1s);
    FORESEED_CHECK(!before || std::get_if<Error>(&decision) != nullptr);
  };
  together(call, [&] {
    revoked = true;
    cache.revoke_subject("alice");
    told = true;
  });
  call();
}

// AU8; S2-07
FORESEED_SCENARIO(smallest_jwks, "two callers of unknown keys at once: one fetch, both are answered (holds)") {
  JwksConfig config;
  std::atomic<int> fetching{0};
  JwksCache cache(config, [&](common::MonoTime) -> common::Result<KeySet> {
    FORESEED_CHECK(++fetching == 1);
    --fetching;
    return KeySet{{"known", "k"}};
  });
  together([&] { FORESEED_CHECK(std::get<std::string>(cache.find("known", mono_now() + 1s)) == "k"); },
           [&] { FORESEED_CHECK(std::get<Error>(cache.find("forged", mono_now() + 1s)) == Error::unauthenticated); });
  FORESEED_CHECK(cache.fetches() == 1);
}
