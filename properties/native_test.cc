// Properties of functions that have no threads, run natively: parsers that strangers reach, the error taxonomy, back-off, and
// the exact arithmetic of the rate limiter. GoogleTest says which, RapidCheck draws and shrinks; RC_PARAMS="seed=.." repeats.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "auth_cache/auth_cache.h"
#include "common/error.h"
#include "config/environment.h"
#include "config/secret.h"
#include "config/settings.h"
#include "properties/bytes.h"
#include "rate_limiter/limiter_core.h"
#include "retry/backoff.h"
#include "services/base64url.h"
#include "services/bounded_json.h"
#include "services/jwt.h"
#include "shared_breaker/shared_state.h"
#include "shared_limiter/level_table.h"

namespace {

using namespace std::chrono_literals;
using properties::bytes;
__extension__ using Int = __int128;

std::string pad(const std::string& text, int front, int back) {
  static const char* const spaces[] = {"", " ", "\t", "\r\n", "\u00a0", "\ufeff", "\u2003", "\u3000"};
  return spaces[front] + text + spaces[back];
}

// --- configuration ---------------------------------------------------------------------------------------------------

/// Covers: S0-29, S0-30, S0-31, S0-32
RC_GTEST_PROP(Environment, only_a_name_on_the_list_switches_enforcement_off, ()) {
  static const std::set<std::string> list{"dev", "development", "test", "testing", "local", "ci"};
  std::string name = *rc::gen::oneOf(rc::gen::elementOf(std::vector<std::string>(list.begin(), list.end())),
                                     rc::gen::element<std::string>("production", "prod", "PRODUCTION", "d ev", "devel", "", "D\xc4\xb0V", "dev\0x"),
                                     bytes());
  const auto upper = *rc::gen::arbitrary<bool>();
  const bool listed = list.count(name) != 0;
  if (upper) std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  const auto result = config::parse_environment(pad(name, *rc::gen::inRange(0, 8), *rc::gen::inRange(0, 8)));
  if (const auto* environment = std::get_if<config::Environment>(&result)) {
    if (listed) RC_ASSERT(!environment->enforce_auth);
    RC_ASSERT(environment->enforce_auth || list.count(environment->name) != 0);
    RC_ASSERT(environment->name.size() <= 64 && environment->name.find('\0') == std::string::npos);
  } else {
    RC_ASSERT(!listed && std::get<common::Error>(result) == common::Error::invalid_argument);
  }
}

/// Covers: S0-33, S0-34, S0-35, S0-36, S0-37
RC_GTEST_PROP(Secret, a_secret_is_bytes_between_two_lengths_as_they_are, ()) {
  std::string secret = *bytes();
  if (*rc::gen::arbitrary<bool>()) secret.resize(*rc::gen::inRange<std::size_t>(30, 35), '\xf0');
  const auto result = config::Secret::from_bytes(secret);
  const bool fits = secret.size() >= 32 && secret.size() <= 1024;
  RC_ASSERT((result.index() == 0) == fits);
  if (!fits) {
    const std::string& message = std::get<config::ConfigError>(result).message;
    RC_ASSERT(message.find("[32, 1024]") != std::string::npos);
    return;
  }
  RC_ASSERT(std::get<config::Secret>(result).bytes() == secret);
  // What is accepted signs, and verifies what it signed, and nothing else does.
  const auto key = services::JwtKey::hs256(secret);
  const auto signature = key.sign("message");
  RC_ASSERT(signature && key.verify("message", *signature) && !key.verify("massage", *signature));
}

/// Covers: S2-12
RC_GTEST_PROP(Settings, a_number_is_read_or_complained_about_and_never_something_else, ()) {
  const auto number = *rc::gen::arbitrary<std::int64_t>();
  const auto low = *rc::gen::inRange(-1000, 0), high = *rc::gen::inRange(0, 1000);
  const std::string garbage = *rc::gen::oneOf(rc::gen::just(std::string()), bytes());
  config::Settings settings({{"n", pad(std::to_string(number % 1500), 1, 2) + garbage}});
  const auto value = settings.integer("n", 7, low, high);
  const auto complaints = settings.complaints();
  const bool good = config::trim(garbage).empty() && number % 1500 >= low && number % 1500 <= high;
  const bool digits = !garbage.empty() && garbage.find_first_not_of("0123456789 \t\r\n") == std::string::npos;
  if (good) RC_ASSERT(value == number % 1500 && complaints.empty());
  if (!good && !digits) RC_ASSERT(value == 7 && complaints.size() == 1);
  for (const std::string& complaint : complaints) RC_ASSERT(garbage.size() < 100 || complaint.size() < 200);
}

RC_GTEST_PROP(Settings, a_duration_is_exact_or_refused, ()) {
  static constexpr std::pair<const char*, std::int64_t> units[] = {{"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};
  const auto& [name, ns] = units[*rc::gen::inRange(0, 6)];
  const auto number = *rc::gen::arbitrary<std::int64_t>();
  config::Settings settings({{"d", std::to_string(number) + name}});
  const auto most = std::chrono::nanoseconds::max();
  const auto value = settings.duration("d", -1ns, 0ns, most);
  const Int exact = Int(number) * ns;
  const bool fits = exact >= 0 && exact <= most.count();
  RC_ASSERT((fits ? Int(value.count()) == exact : value == -1ns));
  RC_ASSERT(settings.complaints().empty() == fits);
}

RC_GTEST_PROP(Settings, nothing_that_strangers_write_is_taken_for_a_boolean, ()) {
  const std::string text = *bytes();
  config::Settings settings({{"b", text}});
  const std::string word = config::ascii_lower(config::trim(text));
  const bool fallback = *rc::gen::arbitrary<bool>();
  const bool value = settings.boolean("b", fallback);
  if (word != "true" && word != "false") RC_ASSERT(value == fallback && settings.complaints().size() == 1);
}

// --- errors ----------------------------------------------------------------------------------------------------------

/// Covers: S0-38
RC_GTEST_PROP(Errors, every_number_is_an_error_with_one_name_and_one_status, ()) {
  const auto error = static_cast<common::Error>(*rc::gen::inRange(0, 256));
  const auto& traits = common::traits(error);
  const bool known = static_cast<int>(error) >= 1 && static_cast<int>(error) <= common::error_count;
  RC_ASSERT(traits.http_status >= 400 && traits.http_status < 600 && !traits.name.empty());
  if (!known) RC_ASSERT(traits.name == "internal");
  if (!known) return;
  RC_ASSERT(common::make_error_code(error).message() == traits.name);
  for (int other = 1; other <= common::error_count; ++other) {
    RC_ASSERT((common::traits(static_cast<common::Error>(other)).name == traits.name) == (other == static_cast<int>(error)));
  }
  // What a caller got wrong stays wrong; what it asked too often for does not.
  if (traits.http_status == 400 || traits.http_status == 401 || traits.http_status == 403) RC_ASSERT(!traits.retryable);
  if (traits.http_status == 429) RC_ASSERT(traits.retryable);
}

// --- JSON, tokens ----------------------------------------------------------------------------------------------------

int depth_of(const nlohmann::json& value) {
  if (!value.is_structured()) return 0;
  int depth = 0;
  for (const auto& child : value) depth = std::max(depth, depth_of(child));
  return depth + 1;
}

/// JSON text with its depth, and whether some object has a key twice.
struct Document {
  std::string text;
  int depth = 0;
  bool twice = false;
};

rc::Gen<Document> documents(int levels) {
  const auto leaf = rc::gen::map(rc::gen::element<std::string>("0", "-1.5e3", "true", "null", "\"\"", "\"\\u00e9\\n\"", "9007199254740993", "\"\xc3\xa9\""),
                                 [](const std::string& text) { return Document{text, 0, false}; });
  if (levels == 0) return leaf;
  const auto children = rc::gen::resize(3, rc::gen::container<std::vector<std::pair<int, Document>>>(rc::gen::pair(rc::gen::inRange(0, 40), documents(levels - 1))));
  const auto nested = rc::gen::map(rc::gen::pair(rc::gen::arbitrary<bool>(), children), [](const auto& drawn) {
    Document d{drawn.first ? "{" : "[", 0, false};
    std::set<int> keys;
    for (const auto& [key, child] : drawn.second) {
      if (d.text.size() > 1) d.text += ",";
      if (drawn.first) d.text += "\"k" + std::to_string(key) + "\": ";
      d.text += child.text;
      d.depth = std::max(d.depth, child.depth);
      d.twice |= child.twice || (drawn.first && !keys.insert(key).second);
    }
    d.text += drawn.first ? "}" : "]";
    ++d.depth;
    return d;
  });
  return rc::gen::oneOf(leaf, nested, nested);
}
void showValue(const Document& d, std::ostream& out) { out << d.text; }

RC_GTEST_PROP(Json, a_document_is_read_iff_it_is_within_the_limits, ()) {
  const Document d = *documents(5);
  const services::JsonLimits limits{*rc::gen::inRange<std::size_t>(1, 200), *rc::gen::inRange(1, 6)};
  const auto read = services::parse_bounded_json(d.text, limits);
  RC_ASSERT(read.has_value() == (d.text.size() <= limits.bytes_max && d.depth <= limits.depth_max && !d.twice));
  if (read) RC_ASSERT(depth_of(*read) == d.depth && *read == nlohmann::json::parse(d.text));
}

/// Covers: S0-24, S0-25, S0-26
RC_GTEST_PROP(Json, whatever_strangers_send_is_read_or_refused, ()) {
  std::string text = *bytes();
  if (*rc::gen::arbitrary<bool>()) {  // nearly good: a good one with a few bytes changed
    text = (*documents(4)).text;
    for (int i = *rc::gen::inRange(0, 3); i > 0 && !text.empty(); --i) text[*rc::gen::inRange<std::size_t>(0, text.size())] = static_cast<char>(*rc::gen::inRange(0, 256));
  }
  const std::size_t deep = *rc::gen::element(0, 0, 1, 7, 8, 9, 7000);
  text = std::string(deep, '[') + text + std::string(deep, ']');
  const auto read = services::parse_bounded_json(text);
  if (!read) return;
  RC_ASSERT(text.size() <= services::JsonLimits{}.bytes_max && depth_of(*read) <= services::JsonLimits{}.depth_max);
  RC_ASSERT(nlohmann::json::parse(read->dump()) == *read);  // so it holds valid UTF-8, and numbers that are numbers
}

const std::string secret(32, 's');

services::JwtClaims some_claims() {
  services::JwtClaims claims;
  claims.subject = *rc::gen::element<std::string>("alice", "\xf0\x9f\x94\x90", "a b", std::string(256, 'x'));
  claims.issuer = "iam";
  claims.audience = *rc::gen::element(std::vector<std::string>{"oms"}, std::vector<std::string>{"other", "oms"});
  claims.scopes = *rc::gen::element(services::Scopes{}, services::Scopes{"a"}, services::Scopes{"a", "b:c"});
  claims.expires_at = *rc::gen::inRange<std::int64_t>(0, 2000);
  if (*rc::gen::arbitrary<bool>()) claims.not_before = *rc::gen::inRange<std::int64_t>(0, 2000);
  return claims;
}

/// Covers: AU1, S0-06
RC_GTEST_PROP(Jwt, what_was_signed_is_accepted_exactly_within_its_dates, ()) {
  const auto claims = some_claims();
  const auto key = services::JwtKey::hs256(secret);
  const auto token = services::jwt_sign(claims, key);
  RC_ASSERT(token.has_value());
  const services::JwtPolicy policy{"iam", "oms", std::chrono::seconds(*rc::gen::inRange(0, 301))};
  const auto now = std::chrono::milliseconds(*rc::gen::inRange<std::int64_t>(0, 2'500'000));
  const auto result = services::jwt_verify(*token, key, policy, std::chrono::system_clock::time_point(now));
  const bool begun = !claims.not_before || now >= std::chrono::seconds(*claims.not_before) - policy.leeway;
  const bool over = now >= std::chrono::seconds(claims.expires_at) + policy.leeway;
  RC_ASSERT((result.index() == 0) == (begun && !over));
  if (result.index() == 0) {
    const auto& read = std::get<services::JwtClaims>(result);
    RC_ASSERT(read.subject == claims.subject && read.scopes == claims.scopes && read.expires_at == claims.expires_at);
  }
}

/// Covers: AU12
RC_GTEST_PROP(Jwt, one_changed_byte_makes_it_worthless, ()) {
  auto claims = some_claims();
  claims.expires_at = 2000;
  claims.not_before.reset();
  const auto key = services::JwtKey::hs256(secret);
  std::string token = *services::jwt_sign(claims, key);
  const auto at = *rc::gen::inRange<std::size_t>(0, token.size());
  const char byte = static_cast<char>(*rc::gen::inRange(0, 256));
  RC_PRE(token[at] != byte);
  token[at] = byte;
  RC_ASSERT(services::jwt_verify(token, key, {}, std::chrono::system_clock::time_point(1s)).index() == 1);
}

/// Covers: S0-24, S0-25, S0-26, S0-28
RC_GTEST_PROP(Jwt, whatever_strangers_send_is_refused, ()) {
  const auto key = services::JwtKey::hs256(secret);
  std::string token = *bytes();
  if (*rc::gen::arbitrary<bool>()) token = services::base64url_encode("{\"alg\":\"" + *rc::gen::element<std::string>("none", "RS256", "HS256") + "\"}") + "." + services::base64url_encode((*documents(3)).text) + "." + *bytes();
  const auto result = services::jwt_verify(token, key, {}, std::chrono::system_clock::now());
  RC_ASSERT(result.index() == 1 && services::to_string(std::get<services::JwtError>(result)) != "invalid");
}

RC_GTEST_PROP(Base64url, every_byte_string_has_one_spelling, ()) {
  const std::string text = *bytes();
  RC_ASSERT(services::base64url_decode(services::base64url_encode(text)) == text);
  const std::string other = *rc::gen::container<std::string>(rc::gen::element('A', 'B', 'Q', '-', '_', '=', '+', '9'));
  if (const auto read = services::base64url_decode(other)) RC_ASSERT(services::base64url_encode(*read) == other);
}

// --- identifiers of every size ---------------------------------------------------------------------------------------

/// Covers: S0-24, S0-25, S0-26, AU7
RC_GTEST_PROP(AuthCache, whatever_is_given_as_a_token_ends_in_a_typed_error, ()) {
  int asked = 0;
  auth_cache::AuthCache cache({}, [&](const std::string&, common::MonoTime) -> auth_cache::Answer { return ++asked, auth_cache::Denied{}; });
  const std::string token = *bytes();
  const auto decision = cache.validate(token, {}, common::mono_now() + 1s);
  const bool fits = !token.empty() && token.size() <= auth_cache::token_bytes_max;
  RC_ASSERT(std::get<common::Error>(decision) == (fits ? common::Error::unauthenticated : common::Error::invalid_argument));
  RC_ASSERT(asked == (fits ? 1 : 0) && cache.entries() == (fits ? 1u : 0u));
}

RC_GTEST_PROP(RateLimiter, whatever_is_given_as_a_key_ends_in_a_typed_error, ()) {
  rate_limiter::Config config;
  config.limits[1] = rate_limiter::Limit{};
  config.limits[4] = rate_limiter::Limit{};
  rate_limiter::LimiterCore core(config, {});
  const rate_limiter::Request request{*bytes(), *bytes(), *bytes(), *rc::gen::element<std::uint64_t>(0, 1, 100, 101, rate_limiter::permits_max + 1, ~std::uint64_t{0})};
  const auto rejected = core.try_acquire(request, {});
  const bool fits = std::max({request.user.size(), request.ip.size(), request.endpoint.size()}) <= rate_limiter::key_bytes_max &&
                    request.permits >= 1 && request.permits <= rate_limiter::permits_max;
  if (!fits) RC_ASSERT(rejected && rejected->error == common::Error::invalid_argument && core.keys() == 0);
  else RC_ASSERT(rejected.has_value() == (request.permits > 100));
}

RC_GTEST_PROP(SharedBreaker, a_record_that_somebody_else_wrote_is_read_exactly_or_not_at_all, ()) {
  std::string text = *rc::gen::oneOf(bytes(), rc::gen::map(rc::gen::container<std::vector<std::int64_t>>(rc::gen::oneOf(rc::gen::arbitrary<std::int64_t>(), rc::gen::inRange<std::int64_t>(0, 6))), [](const auto& numbers) {
                                                  std::string text;
                                                  for (const auto n : numbers) text += (text.empty() ? "" : " ") + std::to_string(n);
                                                  return text;
                                                }));
  if (const auto state = shared_breaker::from_text(text)) RC_ASSERT(shared_breaker::to_text(*state) == text);
}

RC_GTEST_PROP(SharedLimiter, a_record_that_somebody_else_wrote_is_read_exactly_or_not_at_all, ()) {
  std::string text;
  for (int keys = *rc::gen::inRange(0, 4); keys > 0; --keys) {
    const std::string key = *bytes();
    text += std::to_string(*rc::gen::arbitrary<std::int64_t>()) + ' ' + std::to_string(*rc::gen::inRange(0, 3)) + ' ' +
            std::to_string(key.size() + *rc::gen::element<std::size_t>(0, 0, 0, 1)) + ' ' + key + '\n';
  }
  const auto table = shared_limiter::LevelTable::from_text(text);
  if (table) RC_ASSERT(table->to_text() == text);
}

// --- arithmetic ------------------------------------------------------------------------------------------------------

/// Covers: RB1
RC_GTEST_PROP(Backoff, a_delay_is_never_negative_nor_above_its_cap, ()) {
  retry::BackoffConfig config;
  config.cap = std::chrono::nanoseconds(*rc::gen::inRange<std::int64_t>(1'000, 86'400'000'000'001));
  config.base = std::chrono::nanoseconds(*rc::gen::inRange<std::int64_t>(1'000, config.cap.count() + 1));
  config.factor_percent = *rc::gen::inRange(100u, 1001u);
  config.jitter = *rc::gen::element(retry::Jitter::none, retry::Jitter::equal, retry::Jitter::full);
  retry::validate(config);
  const auto k = *rc::gen::oneOf(rc::gen::inRange(0u, 70u), rc::gen::arbitrary<std::uint32_t>());
  const auto delay = retry::delay(config, k, *rc::gen::arbitrary<std::uint64_t>());
  // base * (factor/100)^k, cut to whole nanoseconds at each step, in numbers that cannot overflow before the cap.
  Int ceiling = config.base.count();
  for (std::uint32_t i = 0; i < k && ceiling < config.cap.count() && config.factor_percent != 100; ++i) ceiling = ceiling * config.factor_percent / 100;
  ceiling = std::min(ceiling, Int(config.cap.count()));
  RC_ASSERT(Int(delay.count()) <= ceiling && delay >= 0ns);
  if (config.jitter == retry::Jitter::none) RC_ASSERT(Int(delay.count()) == ceiling);
  if (config.jitter == retry::Jitter::equal) RC_ASSERT(Int(delay.count()) >= ceiling / 2);
}

/// The token bucket and GCRA at the ends of their ranges: rates of a permit in 366 days to 10^9 a microsecond, a clock that
/// has run for a century, idle years. Every answer against the rule in 128 bits.
/// Covers: RL2, RL3, RL6
RC_GTEST_PROP(RateLimiter, arithmetic_is_exact_over_a_century, ()) {
  using rate_limiter::Limit;
  Limit limit;
  limit.algorithm = *rc::gen::element(rate_limiter::Algorithm::token_bucket, rate_limiter::Algorithm::gcra);
  limit.permits = *rc::gen::inRange<std::uint64_t>(1, rate_limiter::permits_max + 1);
  limit.per = std::chrono::nanoseconds(*rc::gen::oneOf(rc::gen::inRange<std::int64_t>(1'000, 1'000'000), rc::gen::inRange<std::int64_t>(1'000, 366ll * 86'400'000'000'000 + 1)));
  limit.burst = *rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(1, 5), rc::gen::inRange<std::uint64_t>(1, rate_limiter::permits_max + 1));
  rate_limiter::Config config;
  config.limits[0] = limit;
  const Int per = limit.per.count(), full = Int(limit.burst) * per;
  std::int64_t t = *rc::gen::inRange<std::int64_t>(0, 100ll * 365 * 86'400'000'000'000);
  const auto at = [](std::int64_t ns) { return common::MonoTime(std::chrono::nanoseconds(ns)); };
  rate_limiter::LimiterCore core(config, at(t));
  Int level = full;  // tokens * per
  for (int i = 0; i < 20; ++i) {
    const std::int64_t idle = *rc::gen::oneOf(rc::gen::element<std::int64_t>(0, 1), rc::gen::inRange<std::int64_t>(0, limit.per.count()), rc::gen::just<std::int64_t>(400ll * 86'400'000'000'000));
    t += idle;
    level = std::min(full, level + Int(limit.permits) * idle);
    const auto n = *rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(1, limit.burst + 1), rc::gen::just(limit.burst), rc::gen::just<std::uint64_t>(1));
    const Int want = Int(n) * per;
    const auto rejected = core.try_acquire({"", "", "", n}, at(t));
    RC_ASSERT(rejected.has_value() == (want > level));
    if (!rejected) {
      level -= want;
      continue;
    }
    const Int exact = (want - level + Int(limit.permits) - 1) / Int(limit.permits);
    if (t + exact > std::numeric_limits<std::int64_t>::max()) {  // later than the clock can show
      RC_ASSERT(!rejected->retry_after);
      continue;
    }
    RC_ASSERT(rejected->retry_after.has_value());
    const Int wait = rejected->retry_after->count();
    RC_ASSERT(level + wait * Int(limit.permits) >= want && level + (wait - 1) * Int(limit.permits) < want);
  }
}

}  // namespace
