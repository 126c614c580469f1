// Nothing that a component calls - a callback, a store, a destructor of what it was given - is called under its lock: each
// of these calls the component back, and a lock that is still held would be a deadlock (catalogue S0-42, S0-49, CB9, B-13).

#include <foreseed/scenario.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "auth_cache/auth_cache.h"
#include "auth_cache/jwks_cache.h"
#include "breaker/circuit_breaker.h"
#include "config/settings.h"
#include "lock_manager/lock_server.h"
#include "pool/pool.h"
#include "services/health_check.h"
#include "shared_breaker/shared_breaker.h"
#include "store/versioned_store.h"
#include "workflow/background.h"
#include "workflow/escalator.h"
#include "workflow/journal.h"

namespace {

using namespace std::chrono_literals;
using common::mono_now;

/// A store that calls somebody back before it does anything.
struct CallingStore final : store::VersionedStore {
  common::Result<store::Record> get(const std::string& key) override { return call_back(), inner.get(key); }
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override {
    return call_back(), inner.put(key, expected, value);
  }
  std::function<void()> call_back = [] {};
  store::MemoryStore inner;
};

/// Calls somebody back when it goes.
struct Farewell {
  explicit Farewell(std::function<void()> call_back) : call_back_(std::move(call_back)) {}
  ~Farewell() { call_back_(); }
  std::function<void()> call_back_;
};

}  // namespace

FORESEED_SCENARIO(breakers_call_under_no_lock, "a listener and a store that ask the breaker (holds)") {
  breaker::Config config;
  config.window_calls = config.min_calls = 1;
  breaker::CircuitBreaker* asked = nullptr;
  int events = 0;
  breaker::CircuitBreaker one(config, [&](const breaker::Event& event) {
    FORESEED_CHECK(asked->snapshot().generation >= event.generation && asked->metrics().transitions > 0);
    ++events;
  });
  asked = &one;
  std::get<breaker::Ticket>(one.acquire()).fail();
  FORESEED_CHECK(events == 1);
  CallingStore store;
  shared_breaker::SharedConfig shared;
  shared.breaker = config;
  shared.staleness = 0ms;
  shared_breaker::SharedBreaker two(shared, store);
  store.call_back = [&] { FORESEED_CHECK(two.state().generation >= 1 && two.metrics().store_errors == 0); };
  std::get<shared_breaker::Ticket>(two.acquire()).report(breaker::Outcome::fail);
  FORESEED_CHECK(two.state().mode == breaker::Mode::open);
}

FORESEED_SCENARIO(caches_call_under_no_lock, "an authority and an issuer that ask the cache (holds)") {
  auth_cache::AuthCache* cache = nullptr;
  auth_cache::AuthCache authorised({}, [&](const std::string&, common::MonoTime) -> auth_cache::Answer {
    FORESEED_CHECK(cache->counters().loads == 1 && cache->entries() == 0);
    cache->revoke_token("another");
    return auth_cache::Denied{};
  });
  cache = &authorised;
  const auto decision = authorised.validate("token", {}, mono_now() + 1s);
  FORESEED_CHECK(std::get<common::Error>(decision) == common::Error::unauthenticated);
  auth_cache::JwksCache* keys = nullptr;
  auth_cache::JwksCache issuer({}, [&](common::MonoTime) -> common::Result<auth_cache::KeySet> {
    FORESEED_CHECK(keys->fetches() == 1);
    return auth_cache::KeySet{{"kid", "key"}};
  });
  keys = &issuer;
  FORESEED_CHECK(std::get<std::string>(issuer.find("kid", mono_now() + 1s)) == "key");
}

FORESEED_SCENARIO(pool_calls_under_no_lock, "connections that ask the pool when they are made, reset and closed (holds)") {
  struct Asking final : pool::Connection {
    explicit Asking(pool::Pool& owner) : pool(owner) {}
    ~Asking() override { FORESEED_CHECK(pool.snapshot().closing == 1); }
    bool reset(common::MonoTime) override { return pool.snapshot().leased == 1; }
    pool::Pool& pool;
  };
  pool::Pool* pool = nullptr;
  pool::Config config;
  config.size = 1;
  pool::Pool connections(config, [&](common::MonoTime) -> common::Result<std::unique_ptr<pool::Connection>> {
    FORESEED_CHECK(pool->snapshot().connecting == 1);
    return std::make_unique<Asking>(*pool);
  });
  pool = &connections;
  for (int i = 0; i < 2; ++i) FORESEED_CHECK(std::holds_alternative<pool::Lease>(connections.checkout(mono_now() + 1s)));
  FORESEED_CHECK(connections.snapshot().opened == 1 && connections.snapshot().idle == 1);
  FORESEED_CHECK(connections.close(mono_now() + 1s));
}

FORESEED_SCENARIO(locks_call_under_no_lock, "a store that asks the lock server (holds)") {
  CallingStore store;
  const auto opened = lock_manager::LockServer::open({}, store);
  lock_manager::LockServer& server = *std::get<std::unique_ptr<lock_manager::LockServer>>(opened);
  store.call_back = [&] { FORESEED_CHECK(server.holders("key") <= 1); };
  std::this_thread::sleep_for(61s);  // the lock delay
  const auto session = server.new_session();
  const auto granted = server.acquire(session, "key", lock_manager::Mode::exclusive, 10s, mono_now() + 1s);
  FORESEED_CHECK(std::holds_alternative<lock_manager::ServerGrant>(granted) && server.holders("key") == 1);
}

FORESEED_SCENARIO(settings_call_under_no_lock, "a configuration that asks for the one in force when it is parsed and when it goes (holds)") {
  struct Asking {
    int value = 0;
    std::shared_ptr<Farewell> farewell;
  };
  int gone = 0;
  config::Live<Asking>* live = nullptr;
  config::Live<Asking> settings({1, std::make_shared<Farewell>([&] {
                                   FORESEED_CHECK(live == nullptr || live->get()->value == 2);
                                   ++gone;
                                 })});
  live = &settings;
  const auto complaints = settings.reload({{"value", "2"}}, [&](config::Settings& read) {
    FORESEED_CHECK(live->get()->value == 1);
    return Asking{static_cast<int>(read.integer("value", 0, 0, 9)), nullptr};
  });
  FORESEED_CHECK(complaints.empty() && gone == 1 && live->get()->value == 2);
}

FORESEED_SCENARIO(workflow_calls_under_no_lock, "work that asks how much is left, when it runs and when it goes; a journal's store, listener and timer (holds)") {
  int gone = 0;
  {
    workflow::Background background(1, 2);
    auto farewell = std::make_shared<Farewell>([&] {
      FORESEED_CHECK(background.counters().running == 1);
      ++gone;
    });
    FORESEED_CHECK(background.spawn({"r", "ann", "local"}, [&, farewell = std::move(farewell)](const workflow::RequestContext&, const std::stop_token&) {
      FORESEED_CHECK(background.counters().running == 1);
    }));
    FORESEED_CHECK(background.stop(mono_now() + 1s));
  }
  FORESEED_CHECK(gone == 1);
  CallingStore store;
  workflow::Journal* asked = nullptr;
  workflow::Journal journal({}, store, [&](std::uint64_t, const workflow::Event&) { FORESEED_CHECK(asked->statistics().users == 1); });
  asked = &journal;
  store.call_back = [&] { FORESEED_CHECK(journal.decision(1) == std::nullopt); };
  workflow::Event event;
  event.kind = workflow::EventKind::registered;
  event.context = {"r", std::string(workflow::principal_nobody), "local"};
  event.user = "ann";
  event.credentials = {"kept", "secret"};
  FORESEED_CHECK(std::holds_alternative<workflow::Outcome>(journal.propose(event, mono_now() + 1s)));
  int ticks = 0;
  workflow::Escalator* timer = nullptr;
  workflow::Escalator escalator(journal, 10s, 1s, [&](std::optional<common::Error>) { ticks += timer->waiting() == 0; });
  timer = &escalator;
  escalator.start();
  std::this_thread::sleep_for(2500ms);
  escalator.stop();
  FORESEED_CHECK(ticks >= 3);
}

FORESEED_SCENARIO(health_asks_under_no_lock, "what is asked whether it is there looks for itself meanwhile: it is not known yet (holds)") {
  services::HealthCheck* check = nullptr;
  services::HealthCheck health(
      [&] {
        FORESEED_CHECK(check->look() == services::HealthCheck::State::unknown);
        return true;
      },
      1s);
  check = &health;
  FORESEED_CHECK(health.look() == services::HealthCheck::State::ok);
}
