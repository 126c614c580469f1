// Parts of OMS and IAM by themselves: the order store, the workers' queue, tokens, their dates and audience (S1-03).

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "services/connection_queue.h"
#include "services/health_check.h"
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
  services::ConnectionQueue queue(2, 1, 10s);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) {
    queue.enqueue([&] {
      std::this_thread::sleep_for(1s);
      ++served;
    });
  }
  // Two at work twice over, and one in the queue: the fifth had to wait for that, and not until its time was over.
  FORESEED_CHECK(served >= 2);
  FORESEED_CHECK(std::chrono::steady_clock::now() - start == 1s);
  queue.shutdown();
  FORESEED_CHECK(served == 5);
}

// S1-21, S2-17, S3-04
FORESEED_SCENARIO(workers_busy, "what finds no place within its time is served by the one who brought it, and no wait is longer (holds)") {
  const auto start = std::chrono::steady_clock::now();
  const auto passed = [&] { return std::chrono::steady_clock::now() - start; };
  const auto here = std::this_thread::get_id();
  std::atomic<int> by_workers{0}, here_served{0};
  services::ConnectionQueue queue(1, 1, 3s);
  const auto serve = [&](std::chrono::seconds time) {
    return [&, time] {
      std::this_thread::sleep_for(time);
      ++(std::this_thread::get_id() == here ? here_served : by_workers);
    };
  };
  queue.enqueue(serve(5s));
  std::this_thread::sleep_for(1ms);  // until the worker has it
  queue.enqueue(serve(5s));
  FORESEED_CHECK(here_served == 0 && passed() < 1s);
  queue.enqueue(serve(0s));  // one at work until 5 s, one in the queue
  FORESEED_CHECK(here_served == 1 && passed() >= 3s && passed() < 4s);
  queue.enqueue(serve(0s));  // there is room at 5 s
  FORESEED_CHECK(here_served == 1 && passed() >= 5s && passed() < 6s);
  queue.shutdown();
  FORESEED_CHECK(by_workers == 3 && here_served == 1 && passed() < 11s);
}

// S2-17
FORESEED_SCENARIO(workers_idle, "ten hours without a connection: the workers look now and then, and serve the next (holds)") {
  services::ConnectionQueue queue(2, 1, 1s);
  std::this_thread::sleep_for(10h);
  std::atomic<bool> served{false};
  queue.enqueue([&] { served = true; });
  std::this_thread::sleep_for(1ms);
  FORESEED_CHECK(served);
  queue.shutdown();
}

// S0-46
FORESEED_SCENARIO(health_check_hangs, "asked one at a time, once in a period; while the answer is late the last one counts for two periods, then nothing is known (holds)") {
  using State = services::HealthCheck::State;
  const auto start = std::chrono::steady_clock::now();
  const auto at = [&](std::chrono::milliseconds time) { std::this_thread::sleep_until(start + time); };
  std::atomic<int> asked{0};
  services::HealthCheck check(
      [&] {
        if (++asked == 2) std::this_thread::sleep_for(5s);
        if (asked == 3) throw std::runtime_error("gone");
        return true;
      },
      1s);
  FORESEED_CHECK(check.look() == State::ok && asked == 1);
  at(900ms);
  FORESEED_CHECK(check.look() == State::ok && asked == 1);
  at(1100ms);
  std::thread hung([&] { FORESEED_CHECK(check.look() == State::ok); });
  at(1500ms);
  FORESEED_CHECK(check.look() == State::ok && asked == 2);
  at(2500ms);
  FORESEED_CHECK(check.look() == State::unknown && asked == 2);
  hung.join();
  at(7500ms);
  FORESEED_CHECK(check.look() == State::failing && asked == 3);
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
