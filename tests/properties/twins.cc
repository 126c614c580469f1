// Each property's known-bad twin: a component that does one thing wrong, by the name of its property. twins.sh wants each of
// them caught.

#include "properties/auth_cache.h"
#include "properties/breaker.h"
#include "properties/bulkhead.h"
#include "properties/lock_manager.h"
#include "properties/pool.h"
#include "properties/rate_limiter.h"
#include "properties/retry.h"
#include "properties/shared_breaker.h"
#include "properties/shared_limiter.h"

namespace properties {

namespace {

/// S0-12: one success closes it.
struct HastyBreaker : breaker::CircuitBreaker {
  HastyBreaker(breaker::Config config, breaker::Listener listener) : CircuitBreaker(hasty(config), std::move(listener)) {}
  static breaker::Config hasty(breaker::Config config) {
    config.probe_successes = config.probe_concurrency = 1;
    return config;
  }
};

/// One more probe than is allowed.
struct CrowdedBreaker : shared_breaker::SharedBreaker {
  CrowdedBreaker(shared_breaker::SharedConfig config, store::VersionedStore& store) : SharedBreaker(crowded(config), store) {}
  static shared_breaker::SharedConfig crowded(shared_breaker::SharedConfig config) {
    ++config.breaker.probe_concurrency;
    ++config.breaker.probe_successes;
    return config;
  }
};

/// One permit too many.
struct GenerousLimiter : rate_limiter::RateLimiter {
  explicit GenerousLimiter(rate_limiter::Config config) : RateLimiter(generous(config)) {}
  static rate_limiter::Config generous(rate_limiter::Config config) {
    for (auto& limit : config.limits) {
      if (!limit) continue;
      ++limit->permits;
      ++limit->burst;
    }
    return config;
  }
};

struct GenerousSharedLimiter : shared_limiter::SharedLimiter {
  GenerousSharedLimiter(shared_limiter::SharedLimitConfig config, store::VersionedStore& store)
      : SharedLimiter(generous(config), store) {}
  static shared_limiter::SharedLimitConfig generous(shared_limiter::SharedLimitConfig config) {
    ++config.limit.burst;
    return config;
  }
};

struct WideBulkhead : bulkhead::Bulkhead {
  explicit WideBulkhead(bulkhead::Config config) : Bulkhead({config.concurrency + 1, config.queue}) {}
};

/// Its door does not shut.
struct OpenBulkhead : bulkhead::Bulkhead {
  using Bulkhead::Bulkhead;
  void close() {}
};

struct LargePool : pool::Pool {
  LargePool(pool::Config config, pool::Connect connect) : Pool(large(config), std::move(connect)) {}
  static pool::Config large(pool::Config config) {
    ++config.overflow;
    return config;
  }
};

/// Says that it is closed, and is not.
struct OpenPool : pool::Pool {
  using Pool::Pool;
  bool close(common::MonoTime) { return true; }
};

/// A retry that was not made counts as one that was.
struct ForgetfulBudget {
  struct Reservation {
    retry::RetryBudget::Reservation real;
    Reservation(Reservation&&) = default;
    explicit Reservation(retry::RetryBudget::Reservation r) : real(std::move(r)) {}
    ~Reservation() { real.spend(); }
    void spend() { real.spend(); }
  };
  explicit ForgetfulBudget(const retry::BudgetConfig& config) : real(config) {}
  void request() { real.request(); }
  std::optional<Reservation> reserve() {
    auto reservation = real.reserve();
    if (!reservation) return std::nullopt;
    return std::optional<Reservation>(std::in_place, std::move(*reservation));
  }
  retry::RetryBudget real;
};

/// Repeats what must not be repeated.
struct RashRetrier : retry::Retrier {
  using Retrier::Retrier;
  template <typename Attempt>
  auto run(Attempt&& attempt, retry::Repeatable, common::MonoTime deadline, std::stop_token stop) {
    return Retrier::run(attempt, retry::Repeatable::idempotent, deadline, std::move(stop));
  }
};

/// Renews what has run out.
struct RevivingServer {
  static common::Result<std::unique_ptr<RevivingServer>> open(const lock_manager::ServerConfig& config, store::VersionedStore& store) {
    auto real = lock_manager::LockServer::open(config, store);
    return std::make_unique<RevivingServer>(std::move(std::get<0>(real)));
  }
  explicit RevivingServer(std::unique_ptr<lock_manager::LockServer> r) : real(std::move(r)) {}
  auto new_session() { return real->new_session(); }
  auto acquire(lock_manager::Session session, const std::string& key, lock_manager::Mode mode, common::Duration ttl, common::MonoTime deadline) {
    return real->acquire(session, key, mode, ttl, deadline);
  }
  common::Result<common::MonoTime> renew(const lock_manager::FencingToken& token, common::Duration ttl) {
    const auto result = real->renew(token, ttl);
    if (result.index() == 0) return result;
    return common::mono_now() + ttl;
  }
  bool release(const lock_manager::FencingToken& token, lock_manager::Ticket ticket) { return real->release(token, ticket); }
  std::size_t holders(const std::string& key) { return real->holders(key); }
  std::unique_ptr<lock_manager::LockServer> real;
};

/// Takes a stale token for a new one.
struct UnfencedStore : lock_manager::FencedStore {
  using FencedStore::FencedStore;
  std::optional<common::Error> write(const lock_manager::FencingToken& token, const std::string& value) {
    const auto now = std::get<lock_manager::FencedValue>(read(token.key())).token;
    return FencedStore::write(lock_manager::FencingToken::from_wire(token.key(), std::max(now, token.number())), value);
  }
};

/// Does not hear of revocations.
struct DeafCache : auth_cache::AuthCache {
  using AuthCache::AuthCache;
  void revoke_token(const std::string&) {}
  void revoke_subject(const std::string&) {}
  void revoke_all() {}
};

/// Asks the issuer as often as strangers like.
struct KeenCache : auth_cache::JwksCache {
  KeenCache(auth_cache::JwksConfig config, auth_cache::FetchKeys fetch) : JwksCache(keen(config), std::move(fetch)) {}
  static auth_cache::JwksConfig keen(auth_cache::JwksConfig config) {
    config.cooldown = 1ms;
    return config;
  }
};

}  // namespace

FORESEED_PROPERTY(breaker, "closes after one success", breaker_cases(), const BreakerCase& c) { check_breaker<HastyBreaker>(c); }
FORESEED_PROPERTY(shared_breaker, "one more probe than is allowed", shared_cases(), const SharedCase& c) { check_shared_breaker<CrowdedBreaker>(c); }
FORESEED_PROPERTY(rate_limiter, "one permit too many", limiter_cases(), const LimiterCase& c) { check_limiter<GenerousLimiter>(c); }
FORESEED_PROPERTY(rate_limiter_waits, "one permit too many", limiter_cases(), const LimiterCase& c) { check_limiter_waits<GenerousLimiter>(c); }
FORESEED_PROPERTY(shared_limiter, "one permit too many", shared_limit_cases(), const SharedLimitCase& c) { check_shared_limiter<GenerousSharedLimiter>(c); }
FORESEED_PROPERTY(bulkhead, "one more at once", line_cases(), const LineCase& c) { check_bulkhead<WideBulkhead>(c); }
FORESEED_PROPERTY(bulkhead_changes, "does not close", line_cases(), const LineCase& c) { check_bulkhead_changes<OpenBulkhead>(c); }
FORESEED_PROPERTY(pool, "one more connection", line_cases(), const LineCase& c) { check_pool<LargePool>(c); }
FORESEED_PROPERTY(pool_faults, "does not close", pool_cases(), const PoolCase& c) { check_pool_faults<OpenPool>(c); }
FORESEED_PROPERTY(retry_budget_spec, "keeps what was given back", retry_cases(), const RetryCase& c) { check_budget<ForgetfulBudget>(c); }
FORESEED_PROPERTY(retry, "repeats what must not be repeated", retry_cases(), const RetryCase& c) { check_retry<RashRetrier>(c); }
FORESEED_PROPERTY(lock_table, "renews what has run out", lock_cases(), const LockCase& c) { check_lock_table<RevivingServer>(c); }
FORESEED_PROPERTY(lock_manager, "the store takes stale tokens", lock_cases(), const LockCase& c) { check_lock_manager<lock_manager::LockServer, UnfencedStore>(c); }
FORESEED_PROPERTY(auth_cache, "does not hear of revocations", auth_cases(), const AuthCase& c) { check_auth_cache<DeafCache>(c); }
FORESEED_PROPERTY(jwks_cache, "no cool-down", jwks_cases(), const JwksCase& c) { check_jwks<KeenCache>(c); }

}  // namespace properties
