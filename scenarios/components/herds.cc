// Many at once: retries after a time-out, forged tokens, a rotated key (catalogue S0-41, S1-13, S2-07).

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "auth_cache/auth_cache.h"
#include "auth_cache/jwks_cache.h"
#include "pool/pool.h"
#include "retry/retry.h"

namespace {

using namespace std::chrono_literals;
using common::Duration;
using common::Error;
using common::mono_now;
using common::MonoTime;

struct Session final : pool::Connection {
  bool reset(MonoTime) override { return true; }
};

struct Storm {
  int attempts = 0;
  int timeouts = 0;
  int served = 0;
  Duration took{};
};

/// 100 requests at once for 20 + 10 connections, held for 31 s each; who has no connection after 30 s tries again at once,
/// three times at most.
Storm storm(const retry::BudgetConfig& budget_config) {
  pool::Config pool_config;
  pool_config.size = 20;
  pool_config.overflow = 10;
  pool::Pool pool(pool_config, [](MonoTime) -> common::Result<std::unique_ptr<pool::Connection>> { return std::make_unique<Session>(); });
  retry::RetryBudget budget(budget_config);
  retry::Policy policy;
  policy.attempts_max = 4;
  policy.backoff = {1us, 1us, 100, retry::Jitter::none};
  retry::Retrier retrier(policy, budget, 1);
  std::atomic<int> attempts{0}, timeouts{0}, served{0};
  const MonoTime start = mono_now();
  std::vector<std::thread> requests;
  for (int i = 0; i < 100; ++i) {
    requests.emplace_back([&] {
      const auto attempt = [&](MonoTime) -> std::variant<int, Error> {
        ++attempts;
        auto lease = pool.checkout(mono_now() + 30s);
        if (const auto* error = std::get_if<Error>(&lease)) {
          FORESEED_CHECK(*error == Error::pool_timeout);
          return ++timeouts, *error;
        }
        std::this_thread::sleep_for(31s);
        return 0;
      };
      served += std::holds_alternative<int>(retrier.run(attempt, retry::Repeatable::idempotent, start + 10min));
    });
  }
  for (std::thread& request : requests) request.join();
  FORESEED_CHECK(pool.snapshot().leased + pool.snapshot().waiting == 0);
  return {attempts, timeouts, served, mono_now() - start};
}

/// As good as none.
retry::BudgetConfig no_budget() {
  retry::BudgetConfig config;
  config.floor = 1'000'000;
  return config;
}

/// A fifth more, in a minute.
retry::BudgetConfig fifth() {
  retry::BudgetConfig config;
  config.window = 10min;
  config.slices = 10;
  config.percent = 20;
  config.floor = 3;
  return config;
}

/// Three layers that try three times each, over something that is down: how often it is called.
int nested(const retry::BudgetConfig& budget_config) {
  retry::RetryBudget budget(budget_config);
  retry::Policy outer;
  outer.backoff = {1us, 1us, 100, retry::Jitter::none};
  retry::Policy inner = outer;
  inner.outermost = false;
  retry::Retrier top(outer, budget, 1), middle(inner, budget, 2), bottom(inner, budget, 3);
  int calls = 0;
  const auto down = [&](MonoTime) -> std::variant<int, Error> { return ++calls, Error::unavailable; };
  const auto through_bottom = [&](MonoTime t) { return bottom.run(down, retry::Repeatable::idempotent, t); };
  const auto through_middle = [&](MonoTime t) { return middle.run(through_bottom, retry::Repeatable::idempotent, t); };
  (void)top.run(through_middle, retry::Repeatable::idempotent, mono_now() + 10min);
  return calls;
}

/// Attempts stay within requests + max(floor, a fifth of them).
void check_bounded(const Storm& s) { FORESEED_CHECK(s.attempts <= 100 + 20); }

}  // namespace

FORESEED_SCENARIO(retry_storm, "100 requests, 30 connections, 31 s: 220 attempts, 120 time-outs, 124 s without a budget; 120 attempts with (S1-13)") {
  switch (foreseed::choose(3)) {
    case 0: {
      const Storm s = storm(no_budget());
      FORESEED_CHECK(s.attempts == 220 && s.timeouts == 120 && s.served == 100);
      FORESEED_CHECK(s.took >= 124s && s.took < 124s + 1ms);
      break;
    }
    case 1: {
      const Storm s = storm(fifth());
      check_bounded(s);
      // 70 time out together, 20 of them have another try: from 31 s on there is a connection for each.
      FORESEED_CHECK(s.attempts == 120 && s.timeouts == 70 && s.served == 50 && s.took == 62s);
      break;
    }
    default:
      FORESEED_CHECK(nested(no_budget()) == 27);
      FORESEED_CHECK(nested(fifth()) == 1 + 3);
  }
}

FORESEED_SCENARIO(retry_storm_bad, "the bound on attempts, without a budget (fails: 220 of 120)") { check_bounded(storm(no_budget())); }

namespace {

using namespace auth_cache;

constexpr int hot_tokens = 100;
constexpr std::size_t negative_max = 1'000;

Answer ask_authority(const std::string& token) {
  if (!token.starts_with("good")) return Denied{};
  return Claims{token, {"read"}, common::wall_now() + 100h, std::nullopt};
}

/// A cache of everything in one list: the least recently used leaves first, whatever it is.
class OneBudget {
 public:
  Decision validate(const std::string& token) {
    const std::lock_guard lock(mutex_);
    const auto found = where_.find(token);
    if (found != where_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      ++hits_;
    } else {
      entries_.emplace_front(token, ask_authority(token));
      where_[token] = entries_.begin();
      if (entries_.size() > hot_tokens + negative_max) {
        where_.erase(entries_.back().first);
        entries_.pop_back();
      }
    }
    const Answer& answer = entries_.front().second;
    if (const auto* claims = std::get_if<Claims>(&answer)) return *claims;
    return Error::unauthenticated;
  }
  std::uint64_t hits() const { return hits_; }
  std::size_t entries() const { return entries_.size(); }

 private:
  std::mutex mutex_;
  std::list<std::pair<std::string, Answer>> entries_;
  std::map<std::string, decltype(entries_)::iterator> where_;
  std::uint64_t hits_ = 0;
};

/// The shipped one, with two budgets that are as large together.
class TwoBudgets {
 public:
  Decision validate(const std::string& token) { return cache_.validate(token, {}, mono_now() + 1s); }
  std::uint64_t hits() const { return cache_.counters().hits; }
  std::size_t entries() const { return cache_.entries(); }

 private:
  static Config config() {
    Config config;
    config.ttl = 24h;
    config.negative_ttl = 24h;
    config.entries_max = hot_tokens;
    config.negative_max = negative_max;
    return config;
  }
  AuthCache cache_{config(), [](const std::string& token, MonoTime) { return ask_authority(token); }};
};

/// Two attackers bring `forged` tokens, all different, none good; a hundred users came before and come again, and of them none
/// may have been evicted.
template <class Cache>
void flood(int forged) {
  Cache cache;
  const auto users = [&] {
    for (int i = 0; i < hot_tokens; ++i) {
      FORESEED_CHECK(std::holds_alternative<Claims>(cache.validate("good" + std::to_string(i))));
    }
  };
  users();
  const std::uint64_t before = cache.hits();
  std::vector<std::thread> attackers;
  for (int a = 0; a < 2; ++a) {
    attackers.emplace_back([&, a] {
      for (int i = a; i < forged; i += 2) {
        FORESEED_CHECK(std::get<Error>(cache.validate("forged" + std::to_string(i))) == Error::unauthenticated);
      }
    });
  }
  for (std::thread& attacker : attackers) attacker.join();
  users();
  FORESEED_CHECK(cache.entries() <= hot_tokens + negative_max);
  FORESEED_CHECK(cache.hits() - before == hot_tokens);
}

}  // namespace

FORESEED_SCENARIO(thousand_tokens, "2,000 forged tokens against 100 users: no user is evicted (S0-41)") { flood<TwoBudgets>(2'000); }
FORESEED_SCENARIO(million_tokens, "1,000,000 forged tokens against 100 users: no user is evicted (S0-41)") { flood<TwoBudgets>(1'000'000); }

FORESEED_SCENARIO(thousand_tokens_bad, "2,000 forged tokens against a cache with one budget for good and forged (fails)") {
  flood<OneBudget>(2'000);
}

namespace {

/// An issuer whose key changes; it counts who asks for its keys.
struct Issuer {
  std::atomic<bool> rotated{false};
  std::atomic<int> fetches{0};
  KeySet keys() {
    ++fetches;
    const KeySet keys = rotated ? KeySet{{"new", "n"}} : KeySet{{"old", "o"}};
    std::this_thread::sleep_for(100ms);
    return keys;
  }
};

JwksConfig jwks_config() {
  JwksConfig config;
  config.ttl = 5min;
  config.cooldown = 10s;
  return config;
}

/// An hour with callers now and then, 50 at once; after half of it the key changes, and an attacker names keys that nobody
/// has.
/// `find` answers with a key or an Error.
template <class Find>
void hour_of_callers(Issuer& issuer, const Find& find) {
  const MonoTime start = mono_now();
  std::optional<MonoTime> new_key_accepted;
  const auto herd = [&](const std::string& kid) {
    std::atomic<int> accepted{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 50; ++i) {
      callers.emplace_back([&] { accepted += std::holds_alternative<std::string>(find(kid)); });
    }
    for (std::thread& caller : callers) caller.join();
    FORESEED_CHECK(accepted == 0 || accepted == 50);  // the same answer for all who come together
    return accepted == 50;
  };
  FORESEED_CHECK(herd("old"));
  std::this_thread::sleep_until(start + 30min - 1s);
  FORESEED_CHECK(herd("old"));  // so that the keys are fresh when they change
  std::this_thread::sleep_until(start + 30min);
  issuer.rotated = true;
  for (int i = 0; i < 6; ++i) {  // a minute after the rotation
    std::this_thread::sleep_until(start + 30min + i * 10s + 1ms);
    if (herd("new") && !new_key_accepted) new_key_accepted = mono_now();
    FORESEED_CHECK(std::holds_alternative<Error>(find("forged" + std::to_string(i))));
  }
  FORESEED_CHECK(new_key_accepted && *new_key_accepted <= start + 30min + 10s + 200ms);
  std::this_thread::sleep_until(start + 35min + 1s);
  FORESEED_CHECK(!herd("old"));
  std::this_thread::sleep_until(start + 60min);
  FORESEED_CHECK(herd("new"));
  // One for each time to live, and one for each cool-down of the minute in which unknown keys were named.
  FORESEED_CHECK(issuer.fetches <= 1 + 60 / 5 + 6);
}

}  // namespace

FORESEED_SCENARIO(jwks_rotation_herd, "50 callers at once when the key changes, and forged key ids: few fetches, the new key within the cool-down (S1-02, S2-07)") {
  Issuer issuer;
  JwksCache cache(jwks_config(), [&](MonoTime) -> common::Result<KeySet> { return issuer.keys(); });
  hour_of_callers(issuer, [&](const std::string& kid) { return cache.find(kid, mono_now() + 1s); });
}

FORESEED_SCENARIO(jwks_rotation_herd_bad, "the same, asking the issuer on every verification (fails)") {
  Issuer issuer;
  hour_of_callers(issuer, [&](const std::string& kid) -> common::Result<std::string> {
    const KeySet keys = issuer.keys();
    const auto found = keys.find(kid);
    if (found == keys.end()) return Error::unauthenticated;
    return found->second;
  });
}
