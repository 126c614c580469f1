#pragma once
// The authorisation cache and the key cache against catalogue 4.4: every decision against what the authority knew, when.

#include <atomic>
#include <map>
#include <mutex>

#include "auth_cache/auth_cache.h"
#include "auth_cache/jwks_cache.h"
#include "properties/common.h"

namespace properties {

struct AuthStep {
  enum Op { validate, revoke_told, revoke_silently } op = validate;
  int token = 0;       ///< of three; tokens 0 and 2 are of one subject
  int pause_ms = 0;    ///< before it
  int patience_ms = 0;
  int how = 0;         ///< of a revocation: the token, its subject, everything
  bool writes = false; ///< asks for a scope that only token 1 has
};
inline void showValue(const AuthStep& s, std::ostream& out) {
  static constexpr const char* names[] = {"validate", "revoke", "revoke silently"};
  static constexpr const char* hows[] = {"token", "the subject of", "everything, not only"};
  out << "after " << s.pause_ms << " ms " << names[s.op] << " ";
  if (s.op != AuthStep::validate) out << hows[s.how] << " ";
  out << s.token;
  if (s.op == AuthStep::validate) out << (s.writes ? " to write" : " to read") << " within " << s.patience_ms << " ms";
}

struct AuthCase {
  auth_cache::Config config;
  std::vector<AuthStep> one, two, three;
  int load_ms = 0;
  int down_from_ms = 0, down_until_ms = 0;  ///< the authority does not answer
  int lifetime_s = 1;                       ///< of all tokens, by the wall clock
  ClockFaults faults;
};
inline void showValue(const AuthCase& c, std::ostream& out) {
  out << "ttl " << ms_text(c.config.ttl) << ", negative " << ms_text(c.config.negative_ttl) << ", jitter " << c.config.jitter_percent
      << "%, entries " << c.config.entries_max << " + " << c.config.negative_max << ", loads " << c.config.loads_max << " of "
      << c.load_ms << " ms, revocations " << c.config.revocations_max << ", authority down " << c.down_from_ms << " .. "
      << c.down_until_ms << " ms, tokens live " << c.lifetime_s << " s; ";
  show_threads(c, out);
  out << "; ";
  rc::show(c.faults, out);
}

inline rc::Gen<AuthCase> auth_cases() {
  using auth_cache::Config;
  using rc::gen::set;
  const auto config = rc::gen::build<Config>(
      set(&Config::ttl, some_ms<nanoseconds>(5, 20)), set(&Config::negative_ttl, some_ms<nanoseconds>(1, 5)), set(&Config::jitter_percent, between(0u, 90u)),
      set(&Config::entries_max, between<std::size_t>(1, 3)), set(&Config::negative_max, between<std::size_t>(1, 3)),
      set(&Config::loads_max, between<std::size_t>(1, 3)), set(&Config::revocations_max, between<std::size_t>(1, 2)));
  const auto step = rc::gen::build<AuthStep>(
      set(&AuthStep::op, rc::gen::weightedElement<AuthStep::Op>({{8, AuthStep::validate}, {2, AuthStep::revoke_told}, {1, AuthStep::revoke_silently}})),
      set(&AuthStep::token, between(0, 2)), set(&AuthStep::pause_ms, between(0, 5)), set(&AuthStep::patience_ms, between(0, 12)),
      set(&AuthStep::how, rc::gen::weightedElement<int>({{4, 0}, {3, 1}, {1, 2}})), set(&AuthStep::writes, rc::gen::arbitrary<bool>()));
  return rc::gen::build<AuthCase>(set(&AuthCase::config, config), set(&AuthCase::one, up_to(7, step)), set(&AuthCase::two, up_to(7, step)),
                                  set(&AuthCase::three, up_to(4, step)), set(&AuthCase::load_ms, between(0, 3)),
                                  set(&AuthCase::down_from_ms, between(0, 15)), set(&AuthCase::down_until_ms, between(0, 15)),
                                  set(&AuthCase::lifetime_s, between(1, 4000)), set(&AuthCase::faults, clock_faults()));
}

/// What is true of three tokens. Flags only ever go up.
class Truth {
 public:
  explicit Truth(const AuthCase& c) : case_(c), start_(common::mono_now()), expires_(common::wall_now() + std::chrono::seconds(c.lifetime_s)) {}

  auth_cache::Answer answer(const std::string& token, common::MonoTime deadline) {
    const int n = token[0] - '0';
    FORESEED_CHECK(++asking_[n] == 1);  // AU4
    const bool revoked = revoked_[n];
    const auto ends = std::min(deadline, common::mono_now() + milliseconds(case_.load_ms));
    if (case_.load_ms != 0) std::this_thread::sleep_until(ends);
    --asking_[n];
    const auto now = common::mono_now() - start_;
    if (healed_ == 0 && now >= milliseconds(case_.down_from_ms) && now < milliseconds(case_.down_until_ms)) return common::Error::unavailable;
    if (revoked) return auth_cache::Denied{};
    auth_cache::Scopes scopes{"read"};
    if (n == 1) scopes.insert("write");
    return auth_cache::Claims{n == 1 ? "bob" : "alice", scopes, expires_, std::nullopt};
  }

  static bool concerns(const AuthStep& revocation, int token) {
    if (revocation.how == 2 || revocation.token == token) return true;
    return revocation.how == 1 && (revocation.token == 1) == (token == 1);
  }
  void revoke(const AuthStep& step) {
    for (int n = 0; n < 3; ++n) {
      if (!concerns(step, n) || revoked_[n]) continue;
      revoked_at_[n] = (common::mono_now() - start_).count();
      revoked_[n] = true;
    }
  }
  void told(const AuthStep& step) {
    for (int n = 0; n < 3; ++n) {
      if (concerns(step, n)) told_[n] = true;
    }
  }
  bool told(int n) const { return told_[n]; }
  bool revoked(int n) const { return revoked_[n]; }
  nanoseconds revoked_for(int n) const { return common::mono_now() - start_ - nanoseconds(revoked_at_[n]); }
  common::WallTime expires() const { return expires_; }
  void heal() { healed_ = 1; }

 private:
  const AuthCase& case_;
  const common::MonoTime start_;
  const common::WallTime expires_;
  std::atomic<int> asking_[3] = {};
  std::atomic<bool> revoked_[3] = {}, told_[3] = {};
  std::atomic<std::int64_t> revoked_at_[3] = {};
  std::atomic<int> healed_{0};
};

/// Covers: AU1, AU2, AU3, AU4, AU5, AU6, AU11, S0-04, S0-27
template <typename Cache>
void check_auth_cache(const AuthCase& c) {
  using common::Error;
  Truth truth(c);
  Cache cache(c.config, [&](const std::string& token, common::MonoTime deadline) { return truth.answer(token, deadline); });
  const auto validate = [&](const AuthStep& step) {
    const bool told = truth.told(step.token);
    const auto deadline = common::mono_now() + milliseconds(step.patience_ms);
    const auto decision = cache.validate(std::to_string(step.token), step.writes ? auth_cache::Scopes{"write"} : auth_cache::Scopes{"read"}, deadline);
    FORESEED_CHECK(common::mono_now() <= deadline);
    FORESEED_CHECK(cache.entries() <= c.config.entries_max + c.config.negative_max);
    const auto* error = std::get_if<Error>(&decision);
    if (error == nullptr) {
      FORESEED_CHECK(!told);
      FORESEED_CHECK(!truth.revoked(step.token) || truth.revoked_for(step.token) <= auth_cache::staleness_bound(c.config));
      FORESEED_CHECK(common::wall_now() < truth.expires() && (!step.writes || step.token == 1));
    } else if (*error == Error::forbidden) {
      FORESEED_CHECK(step.writes && step.token != 1);
    } else if (*error == Error::unauthenticated) {
      FORESEED_CHECK(truth.revoked(step.token) || common::wall_now() >= truth.expires());
    } else {
      FORESEED_CHECK(*error == Error::unavailable || *error == Error::deadline_exceeded || *error == Error::overloaded);
    }
  };
  const auto run = [&](const std::vector<AuthStep>& steps) {
    for (const AuthStep& step : steps) {
      if (step.pause_ms != 0) std::this_thread::sleep_for(milliseconds(step.pause_ms));
      if (step.op == AuthStep::validate) {
        validate(step);
        continue;
      }
      truth.revoke(step);
      if (step.op == AuthStep::revoke_silently) continue;
      const std::string token = std::to_string(step.token);
      if (step.how == 0) cache.revoke_token(token);
      else if (step.how == 1) cache.revoke_subject(step.token == 1 ? "bob" : "alice");
      else cache.revoke_all();
      truth.told(step);
    }
  };
  c.faults.start();
  together([&] { run(c.one); }, [&] { run(c.two); }, [&] { run(c.three); });
  truth.heal();
  // A good token is good again, whatever was cached meanwhile.
  for (int n = 0; n < 3; ++n) {
    if (truth.revoked(n)) continue;
    const auto good = [&] {
      const auto decision = cache.validate(std::to_string(n), {"read"}, common::mono_now() + 10ms);
      return decision.index() == 0 || common::wall_now() >= truth.expires();
    };
    FORESEED_EVENTUALLY(good(), c.config.ttl);
  }
}

struct JwksStep {
  int pause_ms = 0;
  int key = 0;  ///< 0, 1: the issuer's, one after the other; more: nobody's
};
inline void showValue(const JwksStep& s, std::ostream& out) { out << "after " << s.pause_ms << " ms key " << s.key; }
struct JwksCase {
  int ttl_ms = 1000, cooldown_ms = 1, max_stale_ms = 0, fetch_ms = 0;
  int rotate_ms = 0, down_from_ms = 0, down_until_ms = 0;
  bool empty_when_down = false;
  std::vector<JwksStep> one, two;
  ClockFaults faults;
};
inline void showValue(const JwksCase& c, std::ostream& out) {
  out << "ttl " << c.ttl_ms << " ms, cool-down " << c.cooldown_ms << ", max_stale " << c.max_stale_ms << ", fetch " << c.fetch_ms
      << ", rotated at " << c.rotate_ms << ", " << (c.empty_when_down ? "empty" : "down") << " " << c.down_from_ms << " .. " << c.down_until_ms << "; ";
  rc::show(c.one, out);
  rc::show(c.two, out);
}
inline rc::Gen<JwksCase> jwks_cases() {
  using rc::gen::set;
  const auto step = rc::gen::build<JwksStep>(set(&JwksStep::pause_ms, rc::gen::element(0, 1, 50, 400, 1000)), set(&JwksStep::key, between(0, 3)));
  return rc::gen::build<JwksCase>(
      set(&JwksCase::ttl_ms, between(1000, 1500)), set(&JwksCase::cooldown_ms, between(1, 1000)), set(&JwksCase::max_stale_ms, between(0, 2000)),
      set(&JwksCase::fetch_ms, between(0, 100)), set(&JwksCase::rotate_ms, between(0, 4000)), set(&JwksCase::down_from_ms, between(0, 3000)),
      set(&JwksCase::down_until_ms, between(0, 6000)), set(&JwksCase::empty_when_down, rc::gen::arbitrary<bool>()), set(&JwksCase::one, up_to(10, step)),
      set(&JwksCase::two, up_to(10, step)), set(&JwksCase::faults, clock_faults()));
}

/// Covers: AU8, S2-07
template <typename Cache>
void check_jwks(const JwksCase& c) {
  const auto start = common::mono_now();
  const auto now_ms = [start] { return std::chrono::duration_cast<milliseconds>(common::mono_now() - start).count(); };
  std::atomic<int> fetching{0};
  std::atomic<std::int64_t> last_began{-1'000'000}, good_began{-1'000'000}, good_landed{-1'000'000};
  auth_cache::JwksConfig config;
  config.ttl = milliseconds(c.ttl_ms);
  config.cooldown = milliseconds(c.cooldown_ms);
  config.max_stale = milliseconds(c.max_stale_ms);
  Cache cache(config, [&](common::MonoTime) -> common::Result<auth_cache::KeySet> {
    FORESEED_CHECK(++fetching == 1);
    const auto began = now_ms();
    FORESEED_CHECK(began - last_began >= c.cooldown_ms);  // whatever callers name
    last_began = began;
    const bool down = began >= c.down_from_ms && began < c.down_until_ms;
    auth_cache::KeySet keys{{"1", "one"}};
    if (began < c.rotate_ms) keys = {{"0", "zero"}};
    if (c.fetch_ms != 0) std::this_thread::sleep_for(milliseconds(c.fetch_ms));
    --fetching;
    if (down && c.empty_when_down) return auth_cache::KeySet{};
    if (down) return common::Error::unavailable;
    good_landed = now_ms();  // read the other way round
    good_began = began;
    return keys;
  });
  const auto find = [&](int key) {
    // What the last good answer said, if it landed before this instant.
    std::int64_t began = good_began;
    if (good_landed >= now_ms()) began = -1'000'000;
    const auto result = cache.find(std::to_string(key), common::mono_now() + 1s);
    const auto now = now_ms();
    if (const auto* found = std::get_if<std::string>(&result)) {
      FORESEED_CHECK(key < 2 && *found == (key == 0 ? "zero" : "one"));
      FORESEED_CHECK(now - good_began < c.ttl_ms + c.max_stale_ms);
      FORESEED_CHECK(key != 0 || began < c.rotate_ms);  // it had been seen to be removed
    } else {
      const auto error = std::get<common::Error>(result);
      FORESEED_CHECK(error == common::Error::unauthenticated || error == common::Error::unavailable || error == common::Error::deadline_exceeded);
      const bool known = began >= 0 && key == (began < c.rotate_ms ? 0 : 1) && now - began < c.ttl_ms;
      FORESEED_CHECK(!known || good_began != began);
    }
  };
  const auto run = [&](const std::vector<JwksStep>& steps) {
    for (const JwksStep& step : steps) {
      std::this_thread::sleep_for(milliseconds(step.pause_ms));
      find(step.key);
    }
  };
  c.faults.start();
  together([&] { run(c.one); }, [&] { run(c.two); });
  const auto whole = std::max({now_ms(), std::int64_t{c.down_until_ms}, std::int64_t{c.rotate_ms}});
  std::this_thread::sleep_until(start + milliseconds(whole));
  FORESEED_EVENTUALLY(cache.find("1", common::mono_now() + 1s).index() == 0, config.cooldown + milliseconds(2 * c.fetch_ms));
}

}  // namespace properties
