#pragma once
// The rate limiter against catalogue 4.2, by definition rather than by formula: a request is admitted at t where the rule
// holds with it; retry_after and promised times are the first instants at which that is so, found by bisection. All
// arithmetic is in integers of 128 bits.

#include <map>
#include <mutex>
#include <optional>
#include <tuple>

#include "properties/common.h"
#include "rate_limiter/rate_limiter.h"

namespace properties {

__extension__ using Int = __int128;

/// One limit on one key. Times are nanoseconds of the clock; see Algorithm for the rules.
struct MeterSpec {
  rate_limiter::Limit limit;
  std::int64_t born = 0;
  std::vector<std::pair<std::int64_t, std::uint64_t>> taken;  ///< all that was admitted, in order

  Int per() const { return limit.per.count(); }
  static std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }

  /// Token bucket: the level after everything taken, as tokens * per, at t.
  Int level(std::int64_t t) const {
    const Int full = Int(limit.burst) * per();
    Int level = full;
    std::int64_t last = born;
    for (const auto& [at, n] : taken) {
      level = std::min(full, level + Int(limit.permits) * (at - last)) - Int(n) * per();
      last = at;
    }
    return std::min(full, level + Int(limit.permits) * (std::max(t, last) - last));
  }
  /// GCRA: the theoretical arrival time, times permits.
  Int arrival() const {
    Int arrival = Int(born) * limit.permits;
    for (const auto& [at, n] : taken) arrival = std::max(arrival, Int(at) * limit.permits) + Int(n) * per();
    return arrival;
  }
  /// Leaky queue: when the last departure's slots are over, each rounded up to whole nanoseconds.
  Int free_at() const {
    Int free = born;
    for (const auto& [at, n] : taken) {
      free = std::max(free, Int(at)) + (Int(n) * per() + Int(limit.permits) - 1) / Int(limit.permits);
    }
    return free;
  }
  std::uint64_t in_window(std::int64_t window) const {
    std::uint64_t sum = 0;
    for (const auto& [at, n] : taken) sum += floor_div(at, limit.per.count()) == window ? n : 0;
    return sum;
  }

  /// Whether n are admitted at t, which is not before anything taken.
  bool admits(std::uint64_t n, std::int64_t t) const {
    using rate_limiter::Algorithm;
    const std::int64_t window = floor_div(t, limit.per.count());
    switch (limit.algorithm) {
      case Algorithm::token_bucket: return level(t) >= Int(n) * per();
      case Algorithm::gcra:
        return std::max(arrival(), Int(t) * limit.permits) + Int(n) * per() - Int(limit.burst) * per() <= Int(t) * limit.permits;
      case Algorithm::leaky_queue: return Int(t) >= free_at();
      case Algorithm::fixed_window: return in_window(window) + n <= limit.permits;
      case Algorithm::sliding_log: {
        std::uint64_t sum = n;
        for (const auto& [at, m] : taken) sum += at > t - limit.per.count() ? m : 0;
        return sum <= limit.permits;
      }
      case Algorithm::sliding_counter: {
        const Int into = Int(t) - Int(window) * per();
        // cur + prev * (1 - e/W) + n <= L
        return Int(in_window(window) + n) * per() + Int(in_window(window - 1)) * (per() - into) <= Int(limit.permits) * per();
      }
    }
    return false;
  }
  /// RL1: whether what was taken fulfils the limit's bound in every interval that begins and ends with one of them.
  bool within_bounds() const {
    using rate_limiter::Algorithm;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      Int sum = 0;
      for (std::size_t j = i; j < taken.size(); ++j) {
        sum += Int(taken[j].second);
        const Int span = taken[j].first - taken[i].first;
        Int most = 0;
        if (limit.algorithm == Algorithm::token_bucket || limit.algorithm == Algorithm::gcra) {
          most = Int(limit.burst) + Int(limit.permits) * span / per();
        } else if (limit.algorithm == Algorithm::sliding_log) {
          if (span >= per()) break;
          most = Int(limit.permits);
        } else if (limit.algorithm == Algorithm::leaky_queue) {
          most = Int(taken[j].second) + Int(limit.permits) * span / per();
        } else {
          if (span >= per()) break;
          most = 2 * Int(limit.permits) - (limit.algorithm == Algorithm::sliding_counter ? 1 : 0);
        }
        if (sum > most) return false;
      }
    }
    return true;
  }
  bool operator==(const MeterSpec& o) const { return taken == o.taken && born == o.born; }
};

struct LimiterStep {
  enum Op { try_now, reserve, cancel } op = try_now;
  int pause_us = 0;  ///< before it
  int user = 0;
  std::uint64_t permits = 1;
  int wait_ms = 0;   ///< of a reservation: at most
};
inline void showValue(const LimiterStep& s, std::ostream& out) {
  static constexpr const char* names[] = {"try", "reserve", "cancel the last"};
  out << "after " << s.pause_us << " us " << names[s.op] << " " << s.permits << " for user " << s.user;
  if (s.op == LimiterStep::reserve) out << " within " << s.wait_ms << " ms";
}

struct LimiterCase {
  std::optional<rate_limiter::Limit> global, user;
  std::vector<LimiterStep> one, two, three;
  ClockFaults faults;
  rate_limiter::Config config() const {
    rate_limiter::Config config;
    config.limits[static_cast<std::size_t>(rate_limiter::Scope::global)] = global;
    config.limits[static_cast<std::size_t>(rate_limiter::Scope::user)] = user;
    return config;
  }
};
inline void showValue(const LimiterCase& c, std::ostream& out) {
  for (const auto& [name, limit] : {std::pair{"global", c.global}, {"user", c.user}}) {
    if (!limit) continue;
    out << name << ": " << rate_limiter::to_string(limit->algorithm) << " " << limit->permits << " per "
        << ms_text(limit->per) << ", burst " << limit->burst << "; ";
  }
  out << "threads: ";
  show_threads(c, out);
  out << "; ";
  rc::show(c.faults, out);
}

inline rc::Gen<rate_limiter::Limit> limits() {
  using rate_limiter::Limit;
  using rc::gen::set;
  return rc::gen::build<Limit>(
      set(&Limit::algorithm, one_of(rate_limiter::Algorithm::token_bucket, rate_limiter::Algorithm::sliding_counter)),
      set(&Limit::permits, between<std::uint64_t>(1, 5)), set(&Limit::per, some_ms<nanoseconds>(1, 7)),
      set(&Limit::burst, between<std::uint64_t>(1, 5)));
}

inline rc::Gen<LimiterCase> limiter_cases() {
  using rc::gen::set;
  const auto step = rc::gen::build<LimiterStep>(
      set(&LimiterStep::op, rc::gen::weightedElement<LimiterStep::Op>({{4, LimiterStep::try_now}, {3, LimiterStep::reserve}, {1, LimiterStep::cancel}})),
      set(&LimiterStep::pause_us, rc::gen::element(0, 0, 1, 500, 1000, 1700, 5000)), set(&LimiterStep::user, between(0, 1)),
      set(&LimiterStep::permits, between<std::uint64_t>(0, 3)), set(&LimiterStep::wait_ms, between(0, 12)));
  const auto scopes = rc::gen::pair(between(0, 2), rc::gen::pair(limits(), limits()));
  const auto threads = rc::gen::tuple(up_to(6, step), up_to(6, step), up_to(4, step), clock_faults());
  return rc::gen::map(rc::gen::pair(scopes, threads), [](const auto& drawn) {
    LimiterCase c;
    if (drawn.first.first != 1) c.global = drawn.first.second.first;
    if (drawn.first.first != 0) c.user = drawn.first.second.second;
    std::tie(c.one, c.two, c.three, c.faults) = drawn.second;
    return c;
  });
}

/// Several limits, some of several keys, and promises. A promise that is withdrawn is as if it had never been made, except
/// that nobody's turn moves back.
struct LimiterSpec {
  struct Call {
    enum Op { try_now, reserve, ready, cancel } op;
    std::int64_t at;
    int user = 0;
    std::uint64_t n = 0;
    std::int64_t latest = 0;  ///< reserve
    std::uint64_t id = 0;     ///< ready, cancel
  };
  struct Return {
    bool yes = false;
    std::uint64_t id = 0;
    std::int64_t time = -1;  ///< of a refusal, when it would be admitted; of `ready`, when it starts; -1: never, or has
    bool operator==(const Return&) const = default;
  };
  struct Promise {
    std::uint64_t id, n;
    int user;
    std::int64_t ready;
    bool operator==(const Promise&) const = default;
  };

  std::optional<rate_limiter::Limit> global, user;
  std::map<int, MeterSpec> meters;  ///< -1: everyone's
  std::vector<Promise> promises;    ///< in order of arrival
  std::uint64_t last_id = 0;

  std::vector<int> keys(int who) const {
    std::vector<int> keys;
    if (global) keys.push_back(-1);
    if (user) keys.push_back(who);
    return keys;
  }
  MeterSpec& meter(int key) {
    MeterSpec& meter = meters[key];
    meter.limit = key < 0 ? *global : *user;
    return meter;
  }
  void take(int who, std::uint64_t n, std::int64_t at) {
    for (const int key : keys(who)) meter(key).taken.emplace_back(at, n);
  }
  void advance(std::int64_t t) {
    std::erase_if(promises, [&](const Promise& p) {
      if (p.ready <= t) take(p.user, p.n, p.ready);
      return p.ready <= t;
    });
  }
  /// The first instant, from t on, behind the promises given so far; -1: never.
  std::int64_t earliest(int who, std::uint64_t n, std::int64_t t) const {
    LimiterSpec trial = *this;
    for (const Promise& p : promises) {
      trial.take(p.user, p.n, p.ready);
      for (const int key : keys(who)) {
        const auto of = keys(p.user);
        if (std::find(of.begin(), of.end(), key) != of.end()) t = std::max(t, p.ready);
      }
    }
    const auto admits = [&](std::int64_t at) {
      for (const int key : keys(who)) {
        if (!trial.meter(key).admits(n, at)) return false;
      }
      return true;
    };
    if (admits(t)) return t;
    std::int64_t low = t, high = t + 1'000'000'000;
    if (!admits(high)) return -1;
    while (high - low > 1) {
      const std::int64_t middle = low + (high - low) / 2;
      (admits(middle) ? high : low) = middle;
    }
    return high;
  }
  void withdraw(std::uint64_t id, std::int64_t t) {
    std::vector<Promise> again;
    std::swap(again, promises);
    for (Promise& p : again) {
      if (p.id == id) continue;
      const std::int64_t at = earliest(p.user, p.n, t);
      if (at >= 0) p.ready = std::min(p.ready, at);
      promises.push_back(p);
    }
    advance(t);
  }

  bool apply(const Call& c, const Return* returned) {
    advance(c.at);
    Return r;
    const auto known = std::find_if(promises.begin(), promises.end(), [&](const Promise& p) { return p.id == c.id; });
    if (c.op == Call::ready) {
      r.yes = known != promises.end();
      if (r.yes) r.time = known->ready;
    } else if (c.op == Call::cancel) {
      r.yes = known != promises.end();
      if (r.yes) withdraw(c.id, c.at);
    } else if (c.n != 0) {
      const std::int64_t at = earliest(c.user, c.n, c.at);
      r.yes = at == c.at || (c.op == Call::reserve && at >= 0 && at <= c.latest);
      if (!r.yes) {
        r.time = at;
      } else {
        if (c.op == Call::reserve) r.id = ++last_id;
        if (at == c.at) take(c.user, c.n, at);
        else promises.push_back({r.id, c.n, c.user, at});
      }
    }
    for (const auto& [key, meter] : meters) {
      if (!meter.within_bounds()) return false;
    }
    return returned == nullptr || r == *returned;
  }
  bool operator==(const LimiterSpec& o) const {
    return last_id == o.last_id && promises == o.promises && meters == o.meters;
  }
  static std::string text(const Call& c, const Return* r) {
    static constexpr const char* names[] = {"try", "reserve", "ready", "cancel"};
    std::string t = names[c.op] + (" at " + ms_text(nanoseconds(c.at)));
    if (c.op <= Call::reserve) t += ", " + std::to_string(c.n) + " for user " + std::to_string(c.user);
    else t += " #" + std::to_string(c.id);
    if (r == nullptr) return t;
    t += r->yes ? " -> yes" : " -> no";
    if (r->id != 0) t += " #" + std::to_string(r->id);
    if (r->time >= 0) t += ", " + ms_text(nanoseconds(r->time));
    return t;
  }
};

inline std::int64_t clock_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// Covers: RL1, RL2, RL3, RL5, RL6, RL7, RL8, RL9
template <typename Limiter>
void check_limiter(const LimiterCase& c) {
  Limiter limiter(c.config());
  LimiterSpec spec;
  spec.global = c.global;
  spec.user = c.user;
  foreseed::History<LimiterSpec> history(spec);
  using Call = LimiterSpec::Call;
  using Return = LimiterSpec::Return;
  const auto refused = [](const rate_limiter::Rejected& rejected, std::int64_t now) {
    Return r;
    if (rejected.retry_after) r.time = now + rejected.retry_after->count();
    return r;
  };
  const auto run = [&](const std::vector<LimiterStep>& steps) {
    std::vector<rate_limiter::Reservation> mine;
    const auto ready = [&](const rate_limiter::Reservation& reservation) {
      return history.record({Call::ready, clock_ns(), 0, 0, 0, reservation.id()}, [&] {
        const auto at = reservation.ready_at();
        return at ? Return{true, 0, at->time_since_epoch().count()} : Return{};
      });
    };
    for (const LimiterStep& step : steps) {
      if (step.pause_us != 0) std::this_thread::sleep_for(std::chrono::microseconds(step.pause_us));
      const rate_limiter::Request request{"user" + std::to_string(step.user), "", "", step.permits};
      const std::int64_t now = clock_ns();
      if (step.op == LimiterStep::try_now) {
        history.record({Call::try_now, now, step.user, step.permits}, [&] {
          const auto rejected = limiter.try_acquire(request);
          return rejected ? refused(*rejected, now) : Return{true};
        });
      } else if (step.op == LimiterStep::reserve) {
        const nanoseconds wait = milliseconds(step.wait_ms);
        history.record({Call::reserve, now, step.user, step.permits, now + wait.count()}, [&] {
          auto result = limiter.reserve(request, wait);
          if (const auto* rejected = std::get_if<rate_limiter::Rejected>(&result)) return refused(*rejected, now);
          mine.push_back(std::move(std::get<rate_limiter::Reservation>(result)));
          return Return{true, mine.back().id()};
        });
        if (!mine.empty()) ready(mine.back());
      } else if (!mine.empty()) {
        history.record({Call::cancel, now, 0, 0, 0, mine.back().id()}, [&] { return Return{mine.back().cancel()}; });
        mine.pop_back();
      }
    }
    for (const auto& reservation : mine) {  // it starts, rather than be cancelled by its end
      for (Return r = ready(reservation); r.yes; r = ready(reservation)) {
        std::this_thread::sleep_for(nanoseconds(r.time - clock_ns()));
      }
    }
  };
  c.faults.start();
  together([&] { run(c.one); }, [&] { run(c.two); }, [&] { run(c.three); });
  FORESEED_CHECK_LINEARIZABLE(history);
}

/// Those who wait for their turn: admitted within the bounds, none of those who have time forgotten.
/// Covers: RL1, RL4, RL9
template <typename Limiter>
void check_limiter_waits(const LimiterCase& c) {
  Limiter limiter(c.config());
  std::mutex mutex;
  std::map<int, std::vector<std::pair<std::int64_t, std::uint64_t>>> admitted;  // guarded by mutex
  const auto run = [&](const std::vector<LimiterStep>& steps) {
    for (const LimiterStep& step : steps) {
      if (step.pause_us != 0) std::this_thread::sleep_for(std::chrono::microseconds(step.pause_us));
      const bool patient = step.op == LimiterStep::reserve;
      const auto deadline = common::mono_now() + (patient ? nanoseconds(10s) : nanoseconds(milliseconds(step.wait_ms)));
      const auto rejected = limiter.acquire({"user" + std::to_string(step.user), "", "", step.permits}, deadline);
      FORESEED_CHECK(common::mono_now() <= deadline);
      if (rejected) {
        FORESEED_CHECK(!patient || !rejected->retry_after);  // it never would be
        continue;
      }
      const std::lock_guard lock(mutex);
      admitted[step.user].emplace_back(clock_ns(), step.permits);
      admitted[-1].emplace_back(clock_ns(), step.permits);
    }
  };
  c.faults.start();
  together([&] { run(c.one); }, [&] { run(c.two); }, [&] { run(c.three); });
  for (const auto& [key, taken] : admitted) {
    const auto& limit = key < 0 ? c.global : c.user;
    if (limit) FORESEED_CHECK((MeterSpec{*limit, 0, taken}.within_bounds()));
  }
}

}  // namespace properties
