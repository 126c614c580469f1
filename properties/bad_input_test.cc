// Whatever a component is given - control bytes, a megabyte, what is no UTF-8, numbers at their ends, records that somebody
// else wrote - ends in a typed error or is taken as it is, natively. Of the HTTP endpoints: endpoints.h, workflow_endpoints.h;
// of parsers, tokens, settings and secrets: native_test.cc.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>

#include "auth_cache/jwks_cache.h"
#include "breaker/circuit_breaker.h"
#include "bulkhead/bulkhead.h"
#include "lock_manager/fenced_store.h"
#include "lock_manager/schema_freeze.h"
#include "pool/pool.h"
#include "properties/bytes.h"
#include "rate_limiter/adaptive_limit.h"
#include "retry/retry.h"
#include "shared_breaker/shared_breaker.h"
#include "shared_limiter/shared_limiter.h"
#include "store/sqlite_store.h"
#include "workflow/journal.h"
#include "workflow/password.h"
#include "workflow/totp.h"

namespace {

using namespace std::chrono_literals;
using common::Error;
using common::mono_now;
using properties::bytes;

template <class T>
bool is(const common::Result<T>& result, Error error) {
  const auto* found = std::get_if<Error>(&result);
  return found != nullptr && *found == error;
}

/// Numbers at their ends, and others.
template <class T>
rc::Gen<T> numbers() {
  using Limits = std::numeric_limits<T>;
  return rc::gen::oneOf(rc::gen::element<T>(Limits::min(), Limits::min() + 1, 0, 1, Limits::max() - 1, Limits::max()), rc::gen::arbitrary<T>());
}

/// Whether making it throws std::invalid_argument; anything else it throws is the test's failure.
template <class Make>
bool refused(const Make& make) {
  try {
    make();
    return false;
  } catch (const std::invalid_argument&) {
    return true;
  }
}

std::unique_ptr<store::VersionedStore> a_store(bool durable) {
  if (durable) return std::make_unique<store::SqliteStore>(":memory:");
  return std::make_unique<store::MemoryStore>();
}

}  // namespace

// --- stores, and records that somebody else wrote --------------------------------------------------------------------

/// Covers: S0-25, S0-26
RC_GTEST_PROP(Store, what_is_put_is_what_is_got_or_the_put_is_refused, ()) {
  const auto store = a_store(*rc::gen::arbitrary<bool>());
  const std::string key = *bytes(), value = *bytes() + *bytes();
  const auto put = store->put(key, 0, value);
  const bool fits = key.size() <= store::key_bytes_max && value.size() <= store::value_bytes_max;
  RC_ASSERT((fits ? std::get<std::uint64_t>(put) == 1 : is(put, Error::invalid_argument)));
  const auto got = store->get(key);
  if (key.size() > store::key_bytes_max) RC_ASSERT(is(got, Error::invalid_argument));
  if (fits) RC_ASSERT(std::get<store::Record>(got).value == value);
  RC_ASSERT(std::holds_alternative<Error>(store->put(key, *rc::gen::inRange<std::uint64_t>(2, 100), value)));
}

RC_GTEST_PROP(LockServer, whatever_its_record_says_it_opens_or_says_why_not, ()) {
  store::MemoryStore store;
  store.put("locks", 0, *rc::gen::oneOf(bytes(), rc::gen::map(rc::gen::tuple(numbers<std::uint64_t>(), numbers<std::uint64_t>(), numbers<std::int64_t>()), [](const auto& n) {
    return std::to_string(std::get<0>(n)) + ' ' + std::to_string(std::get<1>(n)) + ' ' + std::to_string(std::get<2>(n));
  })));
  const auto server = lock_manager::LockServer::open({}, store);
  RC_ASSERT(is(server, Error::internal) || std::holds_alternative<std::unique_ptr<lock_manager::LockServer>>(server));
}

/// Covers: S0-25, S0-26
RC_GTEST_PROP(LockServer, whatever_is_asked_for_is_granted_or_refused, ()) {
  store::MemoryStore store;
  const auto opened = lock_manager::LockServer::open({}, store);
  auto& server = *std::get<std::unique_ptr<lock_manager::LockServer>>(opened);
  const std::string key = *bytes();
  const lock_manager::Duration ttl(*numbers<std::int64_t>());
  const auto grant = server.acquire(1, key, lock_manager::Mode::exclusive, ttl, mono_now());
  const bool right = !key.empty() && key.size() <= lock_manager::lock_key_bytes_max && ttl.count() > 0 && ttl <= 60s;
  RC_ASSERT(right == std::holds_alternative<lock_manager::ServerGrant>(grant));
  if (!right) RC_ASSERT(is(grant, Error::invalid_argument));
  const auto stray = lock_manager::FencingToken::from_wire(*bytes(), *numbers<std::uint64_t>());
  RC_PRE(stray.key() != key);
  RC_ASSERT(!server.release(stray, *numbers<std::uint64_t>()));
  RC_ASSERT(is(server.renew(stray, ttl), ttl.count() > 0 && ttl <= 60s ? Error::lease_lost : Error::invalid_argument));
}

RC_GTEST_PROP(FencedStore, whatever_is_there_or_written_is_read_back_or_refused, ()) {
  store::MemoryStore store;
  lock_manager::FencedStore resource(store);
  const std::string key = *bytes(), value = *bytes();
  if (*rc::gen::arbitrary<bool>()) store.put("fenced/k", 0, *bytes());
  const auto there = resource.read("k");
  RC_ASSERT(is(there, Error::internal) || std::holds_alternative<lock_manager::FencedValue>(there));
  const auto token = lock_manager::FencingToken::from_wire(key, *numbers<std::uint64_t>());
  const auto error = resource.write(token, value);
  if (error) {
    RC_ASSERT(*error == Error::invalid_argument || *error == Error::internal || *error == Error::stale_token);
  } else {
    const auto read = std::get<lock_manager::FencedValue>(resource.read(key));
    RC_ASSERT(read.value == value && read.token == token.number());
  }
}

RC_GTEST_PROP(SchemaFreeze, whatever_path_is_frozen_or_written_is_or_is_refused, ()) {
  store::MemoryStore store;
  const auto opened = lock_manager::LockServer::open({}, store);
  lock_manager::SchemaFreeze schema(*std::get<std::unique_ptr<lock_manager::LockServer>>(opened), {});
  const auto path = *rc::gen::resize(4, rc::gen::container<std::vector<std::string>>(bytes()));
  const auto pass = schema.begin_write(path);
  const bool written = std::holds_alternative<lock_manager::PathLease>(pass);
  if (!written) RC_ASSERT(std::get<Error>(pass) == Error::invalid_argument);
  if (path.empty() || path.size() > 3) RC_ASSERT(!written);
  const auto freeze = schema.freeze(path, mono_now());
  RC_ASSERT(is(freeze, written ? Error::locked : Error::invalid_argument));
}

/// Covers: S3-46
RC_GTEST_PROP(SchemaFreeze, whatever_is_said_an_override_is_audited_once_or_refused, ()) {
  store::MemoryStore store;
  const auto opened = lock_manager::LockServer::open({}, store);
  int audited = 0;
  lock_manager::SchemaFreeze schema(*std::get<std::unique_ptr<lock_manager::LockServer>>(opened), {},
                                    [&](const lock_manager::OverrideRecord&) { return ++audited > 0; });
  const auto freeze = schema.freeze({"main"}, mono_now());
  const auto texts = rc::gen::oneOf(bytes(), rc::gen::element<std::string>("ann", "production is down", std::string(12, ' ')));
  const std::string who = *texts, why = *texts;
  const lock_manager::Duration time(*rc::gen::oneOf(rc::gen::arbitrary<std::int64_t>(), rc::gen::just<std::int64_t>(60'000'000'000)));
  const auto leave = schema.override_freeze({"main"}, who, why, time);
  const auto letters = [](const std::string& text) {
    std::size_t count = 0;
    for (const char c : text) count += static_cast<unsigned char>(c) > ' ' && c != 0x7f;
    return count;
  };
  const bool good = letters(who) > 0 && who.size() <= 256 && letters(why) >= 10 && why.size() <= 1000 && time.count() > 0 &&
                    time <= std::chrono::hours(1);
  RC_ASSERT(audited == (good ? 1 : 0));
  if (!good) RC_ASSERT(is(leave, Error::invalid_argument));
  // One of a nanosecond is over by now.
  if (good) RC_ASSERT(std::get<lock_manager::Override>(leave).live() || time < std::chrono::minutes(1));
}

/// Covers: S0-26, S4-23
RC_GTEST_PROP(Journal, an_event_that_could_not_be_read_back_is_refused, ()) {
  store::MemoryStore store;
  workflow::Journal journal({}, store), other({}, store);
  workflow::Event event;
  event.kind = static_cast<workflow::EventKind>(*rc::gen::inRange(0, 8));
  event.context = {*bytes(), *rc::gen::oneOf(bytes(), rc::gen::just(std::string(workflow::principal_setup))), *bytes()};
  event.user = *bytes();
  event.key = *bytes();
  event.title = *bytes();
  event.credentials = {*bytes(), *bytes()};
  event.at_ms = *numbers<std::int64_t>();
  event.totp_step = *numbers<std::int64_t>();
  event.decision = *numbers<std::uint64_t>();
  const auto result = journal.propose(event, mono_now() + 10s);
  if (std::holds_alternative<workflow::Outcome>(result)) RC_ASSERT(workflow::decode(workflow::encode(event)) == event);
  RC_ASSERT(!is(result, Error::internal));
  RC_ASSERT(!other.catch_up(mono_now() + 10s) && other.statistics() == journal.statistics());
}

RC_GTEST_PROP(Journal, whatever_record_is_there_it_is_an_event_or_an_error, ()) {
  store::MemoryStore store;
  store.put("workflow/1", 0, *bytes());
  workflow::Journal journal({}, store);
  RC_ASSERT(journal.catch_up(mono_now() + 10s) == Error::internal);
}

RC_GTEST_PROP(SharedBreaker, whatever_the_store_holds_no_error_reaches_the_caller, ()) {
  store::MemoryStore store;
  store.put("breaker", 0, *bytes());
  shared_breaker::SharedBreaker breaker({}, store);
  auto admission = breaker.acquire();
  if (auto* ticket = std::get_if<shared_breaker::Ticket>(&admission)) ticket->report(breaker::Outcome::ok);
  RC_ASSERT(breaker.metrics().in_flight == 0);
}

RC_GTEST_PROP(SharedLimiter, whatever_the_store_holds_what_was_declared_happens, ()) {
  const std::string text = *bytes();
  store::MemoryStore store;
  store.put("limit/0", 0, text);
  shared_limiter::SharedLimitConfig config;
  config.records = 1;
  config.without_store = shared_limiter::WithoutStore::refuse;
  shared_limiter::SharedLimiter limiter(config, store);
  const std::string key = *bytes();
  const std::uint64_t permits = *rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(), rc::gen::inRange<std::uint64_t>(0, 102));
  const bool fits = key.size() <= rate_limiter::key_bytes_max && permits >= 1 && permits <= rate_limiter::permits_max;
  const auto rejected = limiter.try_acquire(key, permits);
  const auto error = rejected ? rejected->error : Error{};
  if (!fits) RC_ASSERT(error == Error::invalid_argument);
  else if (!text.empty()) RC_ASSERT(error == Error::unavailable && limiter.without_store());
  else RC_ASSERT(error == (permits > 100 ? Error::rate_limited : Error{}));
  const auto c = limiter.counters();
  RC_ASSERT(c.admitted + c.refused + c.without_store + c.malformed == 1);
}

// --- keys, tokens, codes ---------------------------------------------------------------------------------------------

/// Covers: S0-25, S0-26
RC_GTEST_PROP(Jwks, whatever_key_is_named_it_is_known_or_refused, ()) {
  const std::string known = *bytes(), named = *bytes();
  auth_cache::JwksCache cache({}, [&](common::MonoTime) -> common::Result<auth_cache::KeySet> {
    return auth_cache::KeySet{{known, "key"}};
  });
  const auto found = cache.find(named, mono_now() + 10s);
  RC_ASSERT((named == known ? std::holds_alternative<std::string>(found) : is(found, Error::unauthenticated)));
  RC_ASSERT(cache.fetches() <= 1);
}

RC_GTEST_PROP(Totp, only_six_right_digits_are_a_code, ()) {
  const auto now = common::wall_now();
  const std::string secret = *bytes();
  const auto code = workflow::totp_code(secret, workflow::totp_step(now));
  RC_ASSERT(code && code->size() == 6 && workflow::totp_match(secret, *code, now));
  const std::string other = *bytes();
  const bool digits = other.size() == 6 && other.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) RC_ASSERT(!workflow::totp_match(secret, other, now));
}

RC_GTEST_PROP(Password, whatever_was_kept_by_somebody_else_fits_nothing, ()) {
  static const auto scheme = workflow::pbkdf2(1000);
  const std::string password = *bytes(), kept = *bytes();
  RC_ASSERT(!scheme->check(password, kept));
}

// --- numbers ---------------------------------------------------------------------------------------------------------

/// Covers: S1-22, RL11, S3-15
RC_GTEST_PROP(AdaptiveLimit, whatever_is_measured_the_limit_stays_within_its_bounds, ()) {
  rate_limiter::AdaptiveConfig config;
  config.rule = *rc::gen::element(rate_limiter::AdaptiveRule::aimd, rate_limiter::AdaptiveRule::gradient);
  config.limit_min = *rc::gen::inRange(1U, 20U);
  config.limit_max = config.limit_min + *rc::gen::inRange(0U, 1000U);
  config.limit_initial = config.limit_min;
  rate_limiter::AdaptiveRuleState state(config);
  for (int i = 0; i < 50; ++i) {
    state.sample(rate_limiter::Duration(*numbers<std::int64_t>()), *numbers<std::uint32_t>(), *rc::gen::arbitrary<bool>());
    RC_ASSERT(state.limit() >= config.limit_min && state.limit() <= config.limit_max);
  }
}

/// Covers: S2-06, S2-12
RC_GTEST_PROP(Configurations, whatever_numbers_they_have_they_are_taken_or_refused, ()) {
  const auto duration = [] { return std::chrono::nanoseconds(*numbers<std::int64_t>()); };
  bulkhead::Config room{*numbers<std::size_t>(), *numbers<std::size_t>()};
  RC_ASSERT(refused([&] { bulkhead::validate(room); }) == (room.concurrency < 1 || room.concurrency > 1'000'000 || room.queue > 1'000'000));
  pool::Config connections;
  connections.size = *numbers<std::size_t>();
  connections.overflow = *numbers<std::size_t>();
  connections.server_max = *numbers<std::size_t>();
  const bool counts = connections.size >= 1 && connections.size <= 10'000 && connections.overflow <= 10'000 &&
                      connections.server_max >= connections.size + connections.overflow;
  RC_ASSERT(refused([&] { pool::validate(connections); }) == !counts);
  pool::Config times;
  times.lifetime_max = duration();
  times.idle_max = duration();
  const auto fits = [](std::chrono::nanoseconds d) { return d >= 1s && d <= 24h; };
  RC_ASSERT(refused([&] { pool::validate(times); }) == !(fits(times.lifetime_max) && fits(times.idle_max)));
  // Of the others: that nothing but std::invalid_argument comes out, and that what is taken can be used.
  breaker::Config breaking;
  breaking.window_calls = *numbers<decltype(breaking.window_calls)>();
  breaking.min_calls = *numbers<decltype(breaking.min_calls)>();
  breaking.failure_percent = *numbers<decltype(breaking.failure_percent)>();
  breaking.probe_successes = *numbers<decltype(breaking.probe_successes)>();
  breaking.probe_concurrency = *numbers<decltype(breaking.probe_concurrency)>();
  if (!refused([&] { breaker::validate(breaking); }) && breaking.window_calls <= 10'000) {
    breaker::CircuitBreaker made(breaking);
    RC_ASSERT(std::holds_alternative<breaker::Ticket>(made.acquire()));
  }
  retry::BudgetConfig budget{duration(), *numbers<std::uint32_t>(), *numbers<std::uint32_t>(), *numbers<std::uint32_t>()};
  if (!refused([&] { retry::validate(budget); })) RC_ASSERT(retry::RetryBudget(budget).reserve().has_value() == (budget.floor > 0));
  lock_manager::ClientConfig lease{duration(), *numbers<std::uint32_t>(), duration()};
  if (!refused([&] { lock_manager::validate(lease); })) RC_ASSERT(lease.ttl >= 1ms && lease.margin < lease.ttl);
  rate_limiter::AdaptiveConfig adaptive;
  adaptive.limit_min = *numbers<std::uint32_t>();
  adaptive.limit_max = *numbers<std::uint32_t>();
  adaptive.timeout = duration();
  refused([&] { rate_limiter::validate(adaptive); });
  auth_cache::JwksConfig keys{duration(), duration(), duration(), *numbers<std::size_t>()};
  refused([&] { auth_cache::validate(keys); });
}
