// What the authorisation cache may answer by itself, rule by rule.

#include <foreseed/scenario.h>
#include <foreseed/world.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "auth_cache/auth_cache.h"
#include "auth_cache/jwks_cache.h"

namespace {

using namespace std::chrono_literals;
using namespace auth_cache;
using common::mono_now;
using common::wall_now;

/// Nothing where it was granted.
std::optional<Error> error_of(const Decision& decision) {
  const auto* error = std::get_if<Error>(&decision);
  return error != nullptr ? std::optional(*error) : std::nullopt;
}
bool good(const Decision& decision) { return std::holds_alternative<Claims>(decision); }

const foreseed::WarmUp openssl("OpenSSL's tables", [] { hash_of(""); });

Config plain() {
  Config config;
  config.jitter_percent = 0;
  return config;
}

}  // namespace

FORESEED_SCENARIO(auth_hit, "a cached answer is judged anew at each hit: scope, dates to the nanosecond, whose token it is (holds)") {
  Config config = plain();
  config.leeway = 2s;
  config.jitter_percent = foreseed::choose(2) * 50;
  const auto begin = wall_now();
  std::atomic<int> asked{0};
  AuthCache cache(config, [&](const std::string& token, common::MonoTime) -> Answer {
    ++asked;
    return Claims{token.substr(32), {"read"}, begin + 20s, begin + 7s};
  });
  const std::string head(32, 'x');  // tokens of one issuer begin alike
  const auto ask = [&](const std::string& who, const Scopes& scopes) { return cache.validate(head + who, scopes, mono_now() + 1s); };
  FORESEED_CHECK(error_of(ask("alice", {"read"})) == Error::unauthenticated);  // not yet
  std::this_thread::sleep_for(5s - 1ns);
  FORESEED_CHECK(error_of(ask("alice", {"read"})) == Error::unauthenticated);
  std::this_thread::sleep_for(1ns);
  FORESEED_CHECK(good(ask("alice", {"read"})));
  FORESEED_CHECK(error_of(ask("alice", {"read", "write"})) == Error::forbidden);
  FORESEED_CHECK(std::get<Claims>(ask("bob", {"read"})).subject == "bob");
  FORESEED_CHECK(asked == 2);
  std::this_thread::sleep_for(17s - 1ns);
  FORESEED_CHECK(good(ask("alice", {"read"})));
  std::this_thread::sleep_for(1ns);
  FORESEED_CHECK(error_of(ask("alice", {"read"})) == Error::unauthenticated);
}

FORESEED_SCENARIO(auth_staleness, "an answer is used for its time to live, by a clock that nobody sets, and a no for less (holds)") {
  std::atomic<bool> known{false}, revoked{false};
  foreseed::Host host("cache", [&] {
    std::atomic<int> asked{0};
    const auto far = wall_now() + 24h;
    Config config = plain();
    config.jitter_percent = foreseed::choose(2) * 10;
    AuthCache cache(config, [&](const std::string&, common::MonoTime) -> Answer {
      ++asked;
      std::this_thread::sleep_for(1s);
      if (!known || revoked) return Denied{};
      return Claims{"alice", {}, far, std::nullopt};
    });
    const auto ask = [&] { return cache.validate("token", {}, mono_now() + 5s); };
    FORESEED_CHECK(error_of(ask()) == Error::unauthenticated);
    FORESEED_CHECK(error_of(ask()) == Error::unauthenticated && asked == 1);
    known = true;
    std::this_thread::sleep_for(10s);
    FORESEED_CHECK(good(ask()) && asked == 2);
    revoked = true;  // and nobody tells
    std::this_thread::sleep_for(30s);
    FORESEED_CHECK(good(ask()) && asked == 2);
    std::this_thread::sleep_for(29s);
    // 60 s after the question began, 59 s after its answer.
    FORESEED_CHECK(error_of(ask()) == Error::unauthenticated);
  });
  if (foreseed::choose(2) == 1) {
    std::this_thread::sleep_for(20s);
    host.step_clock(-1h);
  }
  host.join();
}

FORESEED_SCENARIO(auth_budgets, "forged tokens fill their own budget: bounded, and no good entry leaves for them (holds)") {
  Config config = plain();
  config.entries_max = 2;
  config.negative_max = 3;
  std::atomic<int> asked{0};
  AuthCache cache(config, [&](const std::string& token, common::MonoTime) -> Answer {
    ++asked;
    if (token.front() == 'f') return Denied{};
    return Claims{token, {}, wall_now() + 1h, std::nullopt};
  });
  const auto ask = [&](const std::string& token) { return good(cache.validate(token, {}, mono_now() + 1s)); };
  FORESEED_CHECK(ask("alice") && ask("bob"));
  std::thread attacker([&] {
    for (const char* forged : {"f0", "f1", "f2", "f3", "f4", "f5"}) FORESEED_CHECK(!ask(forged));
  });
  attacker.join();
  FORESEED_CHECK(cache.entries() <= 5);
  asked = 0;
  FORESEED_CHECK(ask("alice") && ask("bob") && asked == 0);
  FORESEED_CHECK(ask("carol") && ask("dave") && ask("erin") && cache.entries() <= 5);
  FORESEED_CHECK(!ask("f5") && asked == 3);
}

FORESEED_SCENARIO(auth_flight, "callers of one load: each hears its answer when it lands, late ones and those left by their leader too (holds)") {
  std::atomic<int> asking{0}, asked{0};
  AuthCache cache(plain(), [&](const std::string&, common::MonoTime deadline) -> Answer {
    FORESEED_CHECK(++asking == 1);
    ++asked;
    const bool in_time = mono_now() + 1s < deadline;
    std::this_thread::sleep_until(std::min(deadline, mono_now() + 1s));
    --asking;
    if (!in_time) return Error::deadline_exceeded;
    return Claims{"alice", {}, wall_now() + 1h, std::nullopt};
  });
  const auto start = mono_now();
  const auto patient = [&] { FORESEED_CHECK(good(cache.validate("token", {}, start + 60s))); };
  const auto hasty = [&] {
    const auto decision = cache.validate("token", {}, start + 500ms);
    FORESEED_CHECK(error_of(decision) == Error::deadline_exceeded && mono_now() == start + 500ms);
  };
  const auto late = [&] {
    std::this_thread::sleep_for(700ms);
    patient();
  };
  std::thread a(patient), b(hasty), c(late);
  a.join();
  b.join();
  c.join();
  FORESEED_CHECK(asked <= 2 && mono_now() <= start + 1500ms);
}

FORESEED_SCENARIO(auth_errors, "an error is passed on as it is, to all who wait, and is no answer to remember (holds)") {
  std::atomic<int> asked{0};
  AuthCache cache(plain(), [&](const std::string&, common::MonoTime) -> Answer {
    const int turn = ++asked;
    std::this_thread::sleep_for(100ms);
    if (turn == 1) throw 1;
    if (turn == 2) return Error::unavailable;
    return Claims{"alice", {}, wall_now() + 1h, std::nullopt};
  });
  const auto start = mono_now();
  const auto call = [&](Error expected) { FORESEED_CHECK(error_of(cache.validate("token", {}, start + 5s)) == expected); };
  std::thread a(call, Error::internal), b(call, Error::internal);
  std::this_thread::sleep_for(50ms);
  std::thread c(call, Error::internal);
  a.join();
  b.join();
  c.join();
  call(Error::unavailable);
  FORESEED_CHECK(good(cache.validate("token", {}, start + 5s)) && asked == 3 && mono_now() == start + 300ms);
}

FORESEED_SCENARIO(jwks_outage, "an issuer that fails, or answers nonsense, costs no key for a while, and all of them after it (holds)") {
  JwksConfig config;
  config.ttl = 60s;
  config.cooldown = 10s;
  config.max_stale = 100s;
  std::atomic<int> asked{0};
  JwksCache cache(config, [&](common::MonoTime) -> common::Result<KeySet> {
    switch (asked++) {
      case 0: return KeySet{{"k", "v"}};
      case 1: return KeySet{};
      default: return Error::unavailable;
    }
  });
  const auto start = mono_now();
  const auto ask = [&] { return cache.find("k", mono_now() + 1s); };
  FORESEED_CHECK(std::holds_alternative<std::string>(ask()));
  for (const auto later : {60s, 75s, 159s}) {
    std::this_thread::sleep_until(start + later);
    FORESEED_CHECK(std::holds_alternative<std::string>(ask()));
  }
  std::this_thread::sleep_until(start + 160s);
  const auto gone = ask();
  FORESEED_CHECK(std::holds_alternative<Error>(gone) && std::get<Error>(gone) == Error::unavailable);
}

FORESEED_SCENARIO(jwks_burst, "many unknown key ids at once: one fetch (holds)") {
  JwksCache cache({}, [&](common::MonoTime) -> common::Result<KeySet> {
    std::this_thread::yield();
    return KeySet{{"k", "v"}};
  });
  const auto ask = [&](const char* key) {
    FORESEED_CHECK(std::holds_alternative<Error>(cache.find(key, mono_now() + 1s)));
  };
  std::thread a(ask, "a"), b(ask, "b");
  ask("c");
  a.join();
  b.join();
  FORESEED_CHECK(cache.fetches() == 1);
}
