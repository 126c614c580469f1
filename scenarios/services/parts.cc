// Parts of OMS and IAM by themselves: the order store, the workers' queue, tokens, their dates and audience (S1-03).

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "services/connection_queue.h"
#include "services/jwt.h"
#include "services/order_store.h"
#include "services/token_authority.h"
#include "town.h"

using namespace scenarios;

FORESEED_SCENARIO(orders_idempotent, "one key sent twice at once is one order, and the same for both; another owner's is another (holds)") {
  services::OrderStore store(3);
  std::atomic<int> replayed{0};
  std::atomic<std::uint64_t> ids{0};
  const auto place = [&](const char* owner) {
    const auto result = store.place(owner, "tea", 2, "key");
    FORESEED_CHECK(std::holds_alternative<services::PlacedOrder>(result));
    const auto& placed = std::get<services::PlacedOrder>(result);
    replayed += placed.replayed;
    ids += placed.order.id * (owner[0] == 'a');
    FORESEED_CHECK(store.find(placed.order.id)->owner == owner);
  };
  std::thread once(place, "alice"), twice(place, "alice"), other(place, "bob");
  once.join();
  twice.join();
  other.join();
  FORESEED_CHECK(store.size() == 2 && replayed == 1 && ids % 2 == 0);
  FORESEED_CHECK(std::get<services::OrderError>(store.place("alice", "tea", 3, "key")) == services::OrderError::key_conflict);
  FORESEED_CHECK(std::holds_alternative<services::PlacedOrder>(store.place("alice", "tea", 3, "")));
  FORESEED_CHECK(std::get<services::OrderError>(store.place("alice", "tea", 3, "")) == services::OrderError::store_full);
}

FORESEED_SCENARIO(workers_queue, "bounded, and everything that was queued is served before the workers end (holds)") {
  std::atomic<int> served{0};
  services::ConnectionQueue queue(2, 1);
  for (int i = 0; i < 5; ++i) {
    queue.enqueue([&] {
      std::this_thread::sleep_for(1s);
      ++served;
    });
  }
  // Two at work twice over, and one in the queue: the fifth had to wait for that.
  FORESEED_CHECK(served >= 2);
  queue.shutdown();
  FORESEED_CHECK(served == 5);
}

FORESEED_SCENARIO(jwt_rules, "a token counts within its dates, for its audience, under the key's own algorithm, with all the scopes asked (holds)") {
  using services::JwtError;
  using services::JwtKey;
  const JwtKey key = JwtKey::hs256(secret);
  services::JwtPolicy policy;
  policy.leeway = 5s;
  services::JwtClaims claims;
  claims.subject = "alice";
  claims.issuer = "iam";
  claims.audience = {"other", "oms"};
  claims.scopes = {"orders:read"};
  claims.not_before = 1'000;
  claims.expires_at = 2'000;
  const auto verify_as = [&](const services::JwtClaims& signed_claims, std::int64_t seconds) {
    return services::jwt_verify(*services::jwt_sign(signed_claims, key), key, policy,
                                std::chrono::system_clock::time_point(std::chrono::seconds(seconds)));
  };
  const auto refused_as = [](const services::JwtResult& result) -> std::optional<JwtError> {
    if (const auto* error = std::get_if<JwtError>(&result)) return *error;
    return std::nullopt;
  };
  const auto error_at = [&](std::int64_t seconds) { return refused_as(verify_as(claims, seconds)); };
  FORESEED_CHECK(error_at(994) == JwtError::not_yet_valid && !error_at(995));
  FORESEED_CHECK(!error_at(2'004) && error_at(2'005) == JwtError::expired);
  services::JwtClaims stray = claims;
  stray.audience = {"oms2"};
  FORESEED_CHECK(refused_as(verify_as(stray, 1'500)) == JwtError::wrong_audience);
  stray = claims;
  stray.issuer = "elsewhere";
  FORESEED_CHECK(refused_as(verify_as(stray, 1'500)) == JwtError::wrong_issuer);
  // {"alg":"none"} and {"alg":"RS256"} before the same payload, with its signature.
  const std::string token = *services::jwt_sign(claims, key);
  for (const char* header : {"eyJhbGciOiJub25lIn0", "eyJhbGciOiJSUzI1NiJ9"}) {
    const auto result = services::jwt_verify(header + token.substr(token.find('.')), key, policy,
                                             std::chrono::system_clock::time_point(1'500s));
    FORESEED_CHECK(refused_as(result) == JwtError::wrong_algorithm);
  }
  FORESEED_CHECK(!services::parse_scopes("a  b") && !services::parse_scopes(" a") && services::parse_scopes("a b a")->size() == 2);
  FORESEED_CHECK(!services::includes({"orders:read"}, {"orders:read", "orders:write"}));
}
