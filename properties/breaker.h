#pragma once
// The circuit breaker against catalogue 4.1, written down a second time: a sequential specification that every concurrent
// history must fit, at the instants at which its operations happened.

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "breaker/circuit_breaker.h"
#include "properties/common.h"

namespace properties {

struct BreakerStep {
  enum Op { call, operate, look } op = call;
  breaker::Outcome outcome = breaker::Outcome::ok;
  int pause_ms = 0;  ///< before it
  int takes_ms = 0;  ///< of a call: between its admission and its report
  int order = 0;     ///< of an operator: force open, disable, metrics only, reset
};
inline void showValue(const BreakerStep& s, std::ostream& out) {
  static constexpr const char* orders[] = {"force_open", "disable", "metrics_only", "reset"};
  out << "after " << s.pause_ms << " ms ";
  if (s.op == BreakerStep::call) out << "a call of " << s.takes_ms << " ms: " << breaker::to_string(s.outcome);
  if (s.op == BreakerStep::operate) out << orders[s.order];
  if (s.op == BreakerStep::look) out << "look";
}

struct BreakerCase {
  breaker::Config config;
  std::vector<BreakerStep> one, two, three;  ///< what each thread does
  ClockFaults faults;
};
inline void showValue(const BreakerCase& c, std::ostream& out) {
  const breaker::Config& b = c.config;
  if (b.window_kind == breaker::WindowKind::count) out << "window of " << b.window_calls << " calls";
  else out << "window of " << b.window_time.count() << " ms in " << b.window_buckets;
  out << ", min_calls " << b.min_calls << ", fail " << b.failure_percent << "%, slow " << b.slow_percent << "% from "
      << b.slow_call.count() << " ms, N " << b.probe_successes << ", P " << b.probe_concurrency << ", lease "
      << b.probe_lease.count() << " ms, half open for " << b.half_open_max.count() << " ms, wait "
      << b.open_wait_base.count() << " .. " << b.open_wait_cap.count() << " ms; threads: ";
  show_threads(c, out);
  out << "; ";
  rc::show(c.faults, out);
}

inline rc::Gen<BreakerCase> breaker_cases() {
  using breaker::Config;
  using rc::gen::set;
  const auto config = rc::gen::map(
      rc::gen::build<Config>(
          set(&Config::window_kind, one_of(breaker::WindowKind::count, breaker::WindowKind::time)),
          set(&Config::window_calls, between(1u, 4u)), set(&Config::window_time, some_ms(4, 12)),
          set(&Config::window_buckets, between(1u, 4u)), set(&Config::min_calls, between(1u, 3u)),
          set(&Config::failure_percent, between(1u, 100u)), set(&Config::slow_percent, between(1u, 100u)),
          set(&Config::slow_call, some_ms(0, 3)), set(&Config::probe_successes, between(1u, 3u)),
          set(&Config::probe_concurrency, between(1u, 3u)), set(&Config::probe_lease, some_ms(1, 4)),
          set(&Config::half_open_max, some_ms(1, 12)), set(&Config::open_wait_base, some_ms(1, 4)),
          set(&Config::open_wait_cap, some_ms(4, 10)),
          set(&Config::abandoned, one_of(breaker::AbandonPolicy::fail, breaker::AbandonPolicy::ignored))),
      [](Config c) {
        c.min_calls = std::min(c.min_calls, c.window_calls);
        c.probe_concurrency = std::min(c.probe_concurrency, c.probe_successes);
        c.jitter_percent = 0;  // the specification draws nothing
        c.jitter_seed = 1;
        return c;
      });
  const auto step = rc::gen::build<BreakerStep>(
      set(&BreakerStep::op, rc::gen::weightedElement<BreakerStep::Op>({{10, BreakerStep::call}, {1, BreakerStep::operate}, {3, BreakerStep::look}})),
      set(&BreakerStep::outcome, rc::gen::element(breaker::Outcome::ok, breaker::Outcome::fail, breaker::Outcome::slow, breaker::Outcome::ignored)),
      set(&BreakerStep::pause_ms, between(0, 4)), set(&BreakerStep::takes_ms, between(0, 5)),
      set(&BreakerStep::order, between(0, 3)));
  return rc::gen::build<BreakerCase>(set(&BreakerCase::config, config), set(&BreakerCase::one, up_to(7, step)),
                                     set(&BreakerCase::two, up_to(7, step)), set(&BreakerCase::three, up_to(4, step)),
                                     set(&BreakerCase::faults, clock_faults()));
}

/// Catalogue 4.1. Time is whole milliseconds since the start.
struct BreakerSpec {
  using Ms = std::int64_t;
  struct Call {
    enum Op { acquire, report, operate, look } op;
    Ms at;
    std::uint64_t gen = 0, id = 0;  ///< report: of the ticket
    Ms granted = 0;
    breaker::Outcome outcome = breaker::Outcome::ok;
    int order = 0;
  };
  struct Return {
    bool admitted = false;
    std::uint64_t gen = 0, id = 0;
    Ms retry_ms = -1;
    bool stale = false;
    breaker::Mode mode{};
    std::uint64_t calls = 0, fail = 0, slow = 0, probes = 0, successes = 0, reopens = 0;
    Ms opened_at = -1;
  };

  breaker::Config config;
  breaker::Mode mode = breaker::Mode::closed;
  std::uint64_t gen = 1, last_id = 0, k = 0, succ = 0;
  Ms since = 0;
  std::map<std::uint64_t, Ms> probes;                   ///< id -> end of its lease
  std::deque<std::pair<Ms, breaker::Outcome>> window;   ///< all of this generation

  static Ms ms(milliseconds d) { return d.count(); }
  Ms wait() const {
    // milliseconds times (factor/100)^k, cut to whole nanoseconds at each step; the generator's factor is 200.
    Ms w = ms(config.open_wait_base);
    for (std::uint64_t i = 0; i < k && w < ms(config.open_wait_cap); ++i) w *= 2;
    return std::min(w, ms(config.open_wait_cap));
  }
  void enter(breaker::Mode next, Ms t) {
    mode = next;
    ++gen;
    since = t;
    succ = 0;
    probes.clear();
    window.clear();
  }
  void tick(Ms t) {
    using breaker::Mode;
    if (mode == Mode::open && t >= since + wait()) return enter(Mode::half_open, t);
    if (mode != Mode::half_open) return;
    const bool lost = std::any_of(probes.begin(), probes.end(), [t](const auto& p) { return p.second <= t; });
    if (lost) ++k;
    if (lost || t - since >= ms(config.half_open_max)) enter(Mode::open, t);
  }
  /// Those of the window at t: the last `window_calls`, or those whose bucket, counted from the generation's begin, is
  /// among the last `window_buckets`.
  std::vector<breaker::Outcome> in_window(Ms t) const {
    std::vector<breaker::Outcome> out;
    const Ms ns_width = nanoseconds(config.window_time).count() / config.window_buckets;
    const auto bucket = [&](Ms at) { return (at - since) * 1'000'000 / ns_width; };
    for (std::size_t i = 0; i < window.size(); ++i) {
      const bool in = config.window_kind == breaker::WindowKind::count
                          ? window.size() - i <= config.window_calls
                          : bucket(t) - bucket(window[i].first) < config.window_buckets;
      if (in) out.push_back(window[i].second);
    }
    return out;
  }
  bool crossed(Ms t) const {
    const auto in = in_window(t);
    const auto share = [&](breaker::Outcome o) { return 100 * std::count(in.begin(), in.end(), o); };
    const auto n = static_cast<Ms>(in.size());
    return n >= config.min_calls && (share(breaker::Outcome::fail) >= config.failure_percent * n ||
                                     share(breaker::Outcome::slow) >= config.slow_percent * n);
  }

  Return acquire(Ms t) {
    using breaker::Mode;
    tick(t);
    Return r;
    if (mode == Mode::open) r.retry_ms = std::max<Ms>(0, since + wait() - t);
    if (mode == Mode::open || mode == Mode::forced_open) return r;
    if (mode == Mode::half_open) {
      if (probes.size() >= config.probe_concurrency || succ + probes.size() >= config.probe_successes) return r;
      probes[last_id + 1] = t + ms(config.probe_lease);
    }
    r.admitted = true;
    r.gen = gen;
    r.id = ++last_id;
    return r;
  }
  Return report(const Call& c) {
    using breaker::Mode;
    using breaker::Outcome;
    tick(c.at);
    Return r;
    r.stale = c.gen != gen;
    if (r.stale) return r;
    Outcome outcome = c.outcome;
    const bool late = ms(config.slow_call) > 0 && c.at - c.granted >= ms(config.slow_call);
    if (outcome == Outcome::ok && late) outcome = Outcome::slow;
    if (mode == Mode::half_open) {
      probes.erase(c.id);
      if (outcome == Outcome::ok && ++succ >= config.probe_successes) {
        k = 0;
        enter(Mode::closed, c.at);
      } else if (outcome == Outcome::fail || outcome == Outcome::slow) {
        ++k;
        enter(Mode::open, c.at);
      }
    } else if (outcome != Outcome::ignored && (mode == Mode::closed || mode == Mode::metrics_only)) {
      window.emplace_back(c.at, outcome);
      if (mode == Mode::closed && crossed(c.at)) enter(Mode::open, c.at);
    }
    return r;
  }
  Return look(Ms t) const {
    const auto in = in_window(t);
    Return r;
    r.mode = mode;
    r.gen = gen;
    r.calls = in.size();
    r.fail = static_cast<std::uint64_t>(std::count(in.begin(), in.end(), breaker::Outcome::fail));
    r.slow = static_cast<std::uint64_t>(std::count(in.begin(), in.end(), breaker::Outcome::slow));
    r.probes = probes.size();
    r.successes = succ;
    r.reopens = k;
    if (mode == breaker::Mode::open) r.opened_at = since;
    return r;
  }
  Return operate(int order, Ms t) {
    using breaker::Mode;
    static constexpr Mode modes[] = {Mode::forced_open, Mode::disabled, Mode::metrics_only, Mode::closed};
    if (order == 3) k = 0;
    enter(modes[order], t);
    return {};
  }

  bool apply(const Call& c, const Return* returned) {
    Return r;
    switch (c.op) {
      case Call::acquire: r = acquire(c.at); break;
      case Call::report: r = report(c); break;
      case Call::operate: r = operate(c.order, c.at); break;
      case Call::look: r = look(c.at); break;
    }
    return returned == nullptr || same(r, *returned);
  }
  static bool same(const Return& a, const Return& b) {
    const auto all = [](const Return& r) {
      return std::tie(r.admitted, r.gen, r.id, r.retry_ms, r.stale, r.mode, r.calls, r.fail, r.slow, r.probes, r.successes,
                      r.reopens, r.opened_at);
    };
    return all(a) == all(b);
  }
  bool operator==(const BreakerSpec& o) const {
    return std::tie(mode, gen, last_id, k, succ, since, probes, window) ==
           std::tie(o.mode, o.gen, o.last_id, o.k, o.succ, o.since, o.probes, o.window);
  }
  static std::string text(const Call& c, const Return* r) {
    static constexpr const char* names[] = {"acquire", "report", "operate", "look"};
    std::string t = std::string(names[c.op]) + " at " + std::to_string(c.at) + " ms";
    if (c.op == Call::report) t += " of #" + std::to_string(c.id) + ": " + std::string(breaker::to_string(c.outcome));
    if (r == nullptr) return t;
    if (c.op == Call::acquire) t += r->admitted ? " -> #" + std::to_string(r->id) : " -> rejected";
    if (c.op == Call::report) t += r->stale ? " -> stale" : " -> counted";
    if (c.op == Call::look) t += " -> " + std::string(breaker::to_string(r->mode)) + ", generation " + std::to_string(r->gen);
    return t;
  }
};

/// CB1, CB9: one event a change, in order, along the lines of the table.
class BreakerEvents {
 public:
  void operator()(const breaker::Event& e) {
    using breaker::Mode;
    const std::lock_guard lock(mutex_);
    FORESEED_CHECK(e.generation == generation_ + 1 && e.from == mode_ && e.time >= time_);
    const bool by_operator = e.reason >= breaker::Reason::operator_force_open;
    const bool by_itself = (e.from == Mode::closed && e.to == Mode::open) || (e.from == Mode::open && e.to == Mode::half_open) ||
                           (e.from == Mode::half_open && (e.to == Mode::open || e.to == Mode::closed));
    FORESEED_CHECK(by_operator ? e.to != Mode::open && e.to != Mode::half_open : by_itself);
    generation_ = e.generation;
    mode_ = e.to;
    time_ = e.time;
  }
  std::uint64_t transitions() const { return generation_ - 1; }

 private:
  std::mutex mutex_;
  std::uint64_t generation_ = 1;
  breaker::Mode mode_ = breaker::Mode::closed;
  breaker::Time time_{};
};

/// Covers: CB1, CB2, CB3, CB4, CB5, CB6, CB7, CB8, CB9, CB11, CB12, CB13, S0-12, S0-13, S0-14, S0-19, S0-21, S0-23
template <typename Breaker>
void check_breaker(const BreakerCase& c) {
  const auto start = std::chrono::steady_clock::now();
  const auto now = [start] { return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start).count(); };
  const auto since_start = [start](breaker::Time t) { return std::chrono::duration_cast<milliseconds>(t - start).count(); };
  BreakerEvents events;
  Breaker breaker(c.config, std::ref(events));
  BreakerSpec spec;
  spec.config = c.config;
  foreseed::History<BreakerSpec> history(spec);
  c.faults.start();
  using Call = BreakerSpec::Call;
  using Return = BreakerSpec::Return;

  const auto call = [&](const BreakerStep& step) {
    std::optional<breaker::Ticket> ticket;
    const auto at = now();
    const Return r = history.record({Call::acquire, at}, [&] {
      auto admission = breaker.acquire();
      Return r;
      if (auto* admitted = std::get_if<breaker::Ticket>(&admission)) {
        r.admitted = true;
        r.gen = admitted->generation();
        r.id = admitted->id();
        ticket.emplace(std::move(*admitted));
      } else if (const auto& retry = std::get<breaker::Rejected>(admission).retry_after) {
        r.retry_ms = std::chrono::duration_cast<milliseconds>(*retry).count();
      }
      return r;
    });
    if (!ticket) return;
    if (step.takes_ms != 0) std::this_thread::sleep_for(milliseconds(step.takes_ms));
    history.record({Call::report, now(), r.gen, r.id, at, step.outcome}, [&] {
      Return done;
      done.stale = ticket->report(step.outcome) == breaker::ReportResult::stale;
      return done;
    });
  };
  const auto look = [&] {
    history.record({Call::look, now()}, [&] {
      const breaker::Snapshot s = breaker.snapshot();
      return Return{false, s.generation, 0, -1, false, s.mode, s.window.calls, s.window.fail, s.window.slow, s.probes_in_flight,
                    s.probe_successes, s.reopens, s.opened_at ? since_start(*s.opened_at) : -1};
    });
  };
  const auto operate = [&](int order) {
    history.record({Call::operate, now(), 0, 0, 0, {}, order}, [&] {
      if (order == 0) breaker.force_open();
      else if (order == 1) breaker.disable();
      else if (order == 2) breaker.metrics_only();
      else breaker.reset();
      return Return{};
    });
  };
  const auto run = [&](const std::vector<BreakerStep>& steps) {
    for (const BreakerStep& step : steps) {
      if (step.pause_ms != 0) std::this_thread::sleep_for(milliseconds(step.pause_ms));
      if (step.op == BreakerStep::call) call(step);
      else if (step.op == BreakerStep::look) look();
      else operate(step.order);
      const breaker::Metrics m = breaker.metrics();
      FORESEED_CHECK(m.admitted == m.ok + m.fail + m.slow + m.ignored + m.stale + m.in_flight);
    }
  };
  together([&] { run(c.one); }, [&] { run(c.two); }, [&] { run(c.three); });
  FORESEED_CHECK_LINEARIZABLE(history);
  FORESEED_CHECK(breaker.metrics().in_flight == 0 && breaker.metrics().transitions == events.transitions());

  // The dependency is well, calls go on: it closes (CB12), unless an operator has said otherwise.
  const breaker::Mode mode = breaker.snapshot().mode;
  if (mode == breaker::Mode::disabled || mode == breaker::Mode::metrics_only) return;
  if (mode == breaker::Mode::forced_open) breaker.reset();
  const auto calls = [&] {
    for (std::uint32_t n = 0; n < c.config.probe_successes; ++n) {  // an era may be short
      auto admission = breaker.acquire();
      if (auto* ticket = std::get_if<breaker::Ticket>(&admission)) ticket->ok();
    }
    return breaker.snapshot().mode == breaker::Mode::closed;
  };
  FORESEED_EVENTUALLY(calls(), 2 * nanoseconds(c.config.open_wait_cap) + 100ms);
}

}  // namespace properties
