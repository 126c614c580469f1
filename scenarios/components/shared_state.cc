// What processes share through a store: a breaker that outlives them, a rate limit, and the store's compare-and-swap.

#include <foreseed/scenario.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "shared_breaker/shared_breaker.h"
#include "shared_limiter/shared_limiter.h"

namespace {

using namespace std::chrono_literals;
using breaker::Mode;
using breaker::Outcome;

shared_breaker::SharedConfig small() {
  shared_breaker::SharedConfig config;
  config.breaker.window_calls = config.breaker.min_calls = 2;
  config.breaker.failure_percent = 100;
  config.breaker.probe_successes = 1;
  config.breaker.open_wait_base = config.breaker.open_wait_cap = 10s;
  config.breaker.jitter_percent = 0;
  return config;
}

void report(shared_breaker::SharedBreaker& breaker, Outcome outcome) {
  auto admission = breaker.acquire();
  auto* ticket = std::get_if<shared_breaker::Ticket>(&admission);
  FORESEED_CHECK(ticket != nullptr);
  ticket->report(outcome);
}

/// A store that can be out of reach.
class Remote final : public store::VersionedStore {
 public:
  std::atomic<bool> up{true};
  common::Result<store::Record> get(const std::string& key) override {
    if (!up) return common::Error::unavailable;
    return store_.get(key);
  }
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override {
    if (!up) return common::Error::unavailable;
    return store_.put(key, expected, value);
  }

 private:
  store::MemoryStore store_;
};

}  // namespace

FORESEED_SCENARIO(store_swap, "writers who add to one record: none is lost, whoever is overtaken is told (holds)") {
  store::MemoryStore store;
  const auto add = [&](const std::string& mark) {
    for (;;) {
      const auto seen = std::get<store::Record>(store.get("k"));
      const auto written = store.put("k", seen.version, seen.value + mark);
      if (const auto* version = std::get_if<std::uint64_t>(&written)) return FORESEED_CHECK(*version == seen.version + 1);
      FORESEED_CHECK(std::get<common::Error>(written) == common::Error::conflict);
    }
  };
  std::thread a(add, "a"), b(add, "b");
  add("c");
  a.join();
  b.join();
  const auto last = std::get<store::Record>(store.get("k"));
  FORESEED_CHECK(last.version == 3 && last.value.size() == 3);
}

FORESEED_SCENARIO(shared_breaker_deploy, "a new process finds the breaker open as it was, and closing wipes what was counted (holds)") {
  store::MemoryStore store;
  shared_breaker::SharedBreaker old(small(), store);
  report(old, Outcome::fail);
  report(old, Outcome::fail);
  FORESEED_CHECK(old.state().mode == Mode::open);
  std::this_thread::sleep_for(4s);
  shared_breaker::SharedBreaker fresh(small(), store);
  const auto refused = fresh.acquire();
  FORESEED_CHECK(std::holds_alternative<breaker::Rejected>(refused));
  FORESEED_CHECK(std::get<breaker::Rejected>(refused).retry_after == 6s);
  std::this_thread::sleep_for(6s);
  report(fresh, Outcome::ok);
  FORESEED_CHECK(fresh.state().mode == Mode::closed);
  std::this_thread::sleep_for(1s);
  report(old, Outcome::fail);  // one of a new window
  FORESEED_CHECK(old.state().mode == Mode::closed);
}

FORESEED_SCENARIO(shared_breaker_alone, "without its store a process goes on alone; when it is back the newer state wins (holds)") {
  Remote store;
  shared_breaker::SharedBreaker one(small(), store), two(small(), store);
  report(one, Outcome::ok);
  report(two, Outcome::ok);
  store.up = false;
  std::this_thread::sleep_for(1s);
  report(one, Outcome::fail);
  report(one, Outcome::fail);
  FORESEED_CHECK(one.alone() && one.state().mode == Mode::open);
  store.up = true;
  std::this_thread::sleep_for(1s);
  FORESEED_CHECK(std::holds_alternative<breaker::Rejected>(one.acquire()));
  FORESEED_CHECK(!one.alone());
  FORESEED_CHECK(std::holds_alternative<breaker::Rejected>(two.acquire()));
}

// RL2, RL12; S3-10
FORESEED_SCENARIO(shared_limiter_record, "three a second over a store: exact to a third of a nanosecond, and a key is forgotten when it is full, not before (holds)") {
  store::MemoryStore store;
  shared_limiter::SharedLimitConfig config;
  config.limit = {rate_limiter::Algorithm::gcra, 3, 1s, 2};
  config.records = 1;
  shared_limiter::SharedLimiter limiter(config, store);
  const auto again_after = [&](const std::string& key) {
    return limiter.try_acquire(key).value_or(shared_limiter::Rejected{}).retry_after;
  };
  FORESEED_CHECK(!limiter.try_acquire("a", 2));
  FORESEED_CHECK(again_after("a") == 333'333'334ns);
  std::this_thread::sleep_for(333'333'334ns);
  FORESEED_CHECK(!limiter.try_acquire("a"));
  FORESEED_CHECK(again_after("a") == 333'333'333ns);  // a whole second after the first two
  FORESEED_CHECK(!limiter.try_acquire("b"));
  FORESEED_CHECK(again_after("a") == 333'333'333ns);  // still known
  std::this_thread::sleep_for(1s);
  FORESEED_CHECK(!limiter.try_acquire("c"));
  const auto record = std::get<store::Record>(store.get("limit/0"));
  FORESEED_CHECK(std::count(record.value.begin(), record.value.end(), '\n') == 1);
}

// S0-08, S2-05
FORESEED_SCENARIO(shared_limiter_alone, "without its store a limit does as declared, from the first call on; when the store is back it counts again (holds)") {
  using shared_limiter::WithoutStore;
  for (const auto policy : {WithoutStore::admit, WithoutStore::refuse, WithoutStore::local}) {
    Remote store;
    shared_limiter::SharedLimitConfig config;
    config.limit = {rate_limiter::Algorithm::gcra, 1, 60s, 1};
    config.local = {rate_limiter::Algorithm::gcra, 1, 60s, 2};
    config.without_store = policy;
    shared_limiter::SharedLimiter limiter(config, store);
    FORESEED_CHECK(!limiter.try_acquire("k") && limiter.try_acquire("k"));
    store.up = false;
    int had = 0;
    for (int i = 0; i < 3; ++i) had += !limiter.try_acquire("k");
    FORESEED_CHECK(had == (policy == WithoutStore::admit ? 3 : policy == WithoutStore::refuse ? 0 : 2));
    FORESEED_CHECK(limiter.without_store() && limiter.counters().store_errors == 1);
    store.up = true;
    std::this_thread::sleep_for(1s);
    FORESEED_CHECK(limiter.try_acquire("k")->error == common::Error::rate_limited && !limiter.without_store());
    std::this_thread::sleep_for(59s);
    FORESEED_CHECK(!limiter.try_acquire("k"));
  }
}
