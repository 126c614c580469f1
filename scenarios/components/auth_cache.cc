// The authorisation cache at its smallest: single flight, revocation against a load under way, key rotation.

#include "auth_cache/auth_cache.h"

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "auth_cache/jwks_cache.h"

namespace {

using namespace std::chrono_literals;
using namespace auth_cache;
using common::mono_now;
using common::wall_now;

const foreseed::WarmUp openssl("OpenSSL's tables", [] { hash_of(""); });

}  // namespace

FORESEED_SCENARIO(auth_single_flight, "callers of one token: one question at a time, the same answer for all (holds)") {
  std::atomic<int> asking{0}, asked{0};
  AuthCache cache(Config{}, [&](const std::string&, common::MonoTime) -> Answer {
    FORESEED_CHECK(++asking == 1);
    const bool up = ++asked > 1;
    std::this_thread::sleep_for(1s);
    --asking;
    if (!up) return Error::unavailable;
    return Claims{"alice", {"read"}, wall_now() + 1h, std::nullopt};
  });
  std::atomic<int> granted{0}, failed{0};
  const auto call = [&](common::Duration patience) {
    const auto decision = cache.validate("token", {"read"}, mono_now() + patience);
    if (const auto* error = std::get_if<Error>(&decision)) {
      FORESEED_CHECK(*error == Error::unavailable || (*error == Error::deadline_exceeded && patience < 1s));
      ++failed;
    } else {
      ++granted;
    }
  };
  std::thread a(call, 60s), b(call, 60s), hasty(call, 500ms);
  a.join();
  b.join();
  hasty.join();
  FORESEED_CHECK(failed >= 1 && granted + failed == 3 && asked <= 3);
  call(60s);
  FORESEED_CHECK(granted >= 1);
}

FORESEED_SCENARIO(auth_revocation, "from when a revocation returns nothing older is accepted, loads included (holds)") {
  std::atomic<bool> revoked{false};
  AuthCache cache(Config{}, [&](const std::string&, common::MonoTime) -> Answer {
    const bool good = !revoked;
    std::this_thread::yield();
    if (!good) return Denied{};
    return Claims{"alice", {}, wall_now() + 1h, std::nullopt};
  });
  std::atomic<bool> told{false};
  const auto call = [&] {
    const bool before = told;
    const auto decision = cache.validate("token", {}, mono_now() + 60s);
    FORESEED_CHECK(!before || std::holds_alternative<Error>(decision));
  };
  std::thread a(call), b(call);
  std::thread revoker([&] {
    revoked = true;
    cache.revoke_subject("alice");
    told = true;
    call();
  });
  a.join();
  b.join();
  revoker.join();
  call();
}

FORESEED_SCENARIO(jwks_rotation,
                  "keys rotate under callers and an attacker: few fetches, the new key in time (holds)") {
  JwksConfig config;
  config.ttl = 60s;
  config.cooldown = 10s;
  std::atomic<bool> rotated{false};
  std::atomic<int> fetching{0};
  JwksCache cache(config, [&](common::MonoTime) -> common::Result<KeySet> {
    FORESEED_CHECK(++fetching == 1);
    const KeySet keys = rotated ? KeySet{{"new", "n"}} : KeySet{{"old", "o"}};
    std::this_thread::sleep_for(100ms);
    --fetching;
    return keys;
  });
  const auto start = mono_now();
  std::thread attacker([&] {
    for (int i = 0; i < 8; ++i) {
      FORESEED_CHECK(std::holds_alternative<Error>(cache.find(std::to_string(i), mono_now() + 1s)));
      std::this_thread::sleep_for(2s);
    }
  });
  std::thread caller([&] {
    FORESEED_CHECK(std::get<std::string>(cache.find("old", mono_now() + 1s)) == "o");
    std::this_thread::sleep_for(5s);
    rotated = true;
    std::this_thread::sleep_for(11s);  // the cool-down and a fetch
    FORESEED_CHECK(cache.find("new", mono_now() + 1s) == common::Result<std::string>("n"));
    FORESEED_CHECK(std::holds_alternative<Error>(cache.find("old", mono_now() + 1s)));
  });
  attacker.join();
  caller.join();
  FORESEED_CHECK(static_cast<std::int64_t>(cache.fetches()) <= 1 + (mono_now() - start) / config.cooldown);
}
