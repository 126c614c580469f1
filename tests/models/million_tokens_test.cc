// A million forged tokens against the authorisation cache (catalogue S0-41). In simulation it is scenario million_tokens.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "auth_cache/auth_cache.h"

namespace auth_cache {
namespace {

using namespace std::chrono_literals;

TEST(AuthCache, AMillionForgedTokensEvictNoUser) {
  constexpr int users = 100;
  constexpr int forged = 1'000'000;
  Config config;
  config.ttl = config.negative_ttl = 24h;
  config.entries_max = users;
  config.negative_max = 1'000;
  AuthCache cache(config, [](const std::string& token, MonoTime) -> Answer {
    if (!token.starts_with("good")) return Denied{};
    return Claims{token, {}, common::wall_now() + 100h, std::nullopt};
  });
  const auto all_users_granted = [&] {
    int granted = 0;
    for (int i = 0; i < users; ++i) {
      granted += std::holds_alternative<Claims>(cache.validate("good" + std::to_string(i), {}, common::mono_now() + 10s));
    }
    return granted == users;
  };
  EXPECT_TRUE(all_users_granted());
  std::vector<std::thread> attackers;
  for (int a = 0; a < 2; ++a) {
    attackers.emplace_back([&, a] {
      for (int i = a; i < forged; i += 2) {
        const auto decision = cache.validate("forged" + std::to_string(i), {}, common::mono_now() + 10s);
        if (!std::holds_alternative<Error>(decision)) ADD_FAILURE() << "a forged token was granted";
      }
    });
  }
  for (std::thread& attacker : attackers) attacker.join();
  EXPECT_LE(cache.entries(), users + config.negative_max);
  const std::uint64_t hits = cache.counters().hits;
  EXPECT_TRUE(all_users_granted());
  EXPECT_EQ(cache.counters().hits - hits, static_cast<std::uint64_t>(users)) << "every user was still cached";
  EXPECT_EQ(cache.counters().loads, static_cast<std::uint64_t>(users + forged));
}

}  // namespace
}  // namespace auth_cache
