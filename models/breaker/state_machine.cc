#include "breaker/state_machine.h"

#include <algorithm>
#include <limits>

namespace breaker {

StateMachine::StateMachine(const Config& config, std::uint64_t seed, Time now)
    : config_((validate(config), config)),
      random_(seed),
      window_(config, now),
      now_(now),
      mode_since_(now) {
  probes_.reserve(config.probe_concurrency);
}

std::variant<Permit, Rejected> StateMachine::acquire(Time now) {
  now = advance(now);
  tick_advanced(now);
  if (mode_ == Mode::open) {
    ++metrics_.rejected;
    return Rejected{RejectReason::open, std::max(Duration(0), mode_since_ + open_wait_ - now)};
  }
  if (mode_ == Mode::forced_open) {
    ++metrics_.rejected;
    return Rejected{RejectReason::forced_open, std::nullopt};
  }
  const std::uint64_t id = last_id_ + 1;
  if (mode_ == Mode::half_open) {
    // Granting beyond N - successes would let more through than closing can ever need.
    if (probes_.size() >= config_.probe_concurrency ||
        successes_ + probes_.size() >= config_.probe_successes) {
      ++metrics_.rejected;
      return Rejected{RejectReason::probes_exhausted, std::nullopt};
    }
    probes_.push_back({id, now + config_.probe_lease});
  }
  last_id_ = id;
  ++metrics_.admitted;
  ++metrics_.in_flight;
  return Permit(generation_, id, now);
}

ReportResult StateMachine::report(Permit& permit, Outcome outcome, Time now) {
  now = advance(now);
  tick_advanced(now);
  if (std::exchange(permit.reported_, true)) {
    ++metrics_.misuse;
    return ReportResult::already_reported;
  }
  --metrics_.in_flight;
  if (permit.generation_ != generation_) {
    ++metrics_.stale;
    return ReportResult::stale;
  }
  if (outcome == Outcome::ok && config_.slow_call.count() > 0 &&
      now - permit.granted_at_ >= config_.slow_call) {
    outcome = Outcome::slow;
  }
  count(outcome);
  switch (mode_) {
    case Mode::closed: report_closed(outcome, now); break;
    case Mode::half_open: report_half_open(permit.id_, outcome, now); break;
    case Mode::metrics_only:
      if (outcome != Outcome::ignored) window_.add(outcome, now);
      break;
    case Mode::disabled:     // nothing is judged
    case Mode::open:         // no permit is granted in these two,
    case Mode::forced_open:  // so none carries their generation
      break;
  }
  return ReportResult::counted;
}

void StateMachine::abandon(Permit& permit, Time now) {
  if (permit.reported_) return;
  ++metrics_.abandoned;
  report(permit, config_.abandoned == AbandonPolicy::fail ? Outcome::fail : Outcome::ignored, now);
}

void StateMachine::tick(Time now) { tick_advanced(advance(now)); }

void StateMachine::force_open(Time now) {
  enter(Mode::forced_open, Reason::operator_force_open, advance(now));
}

void StateMachine::disable(Time now) {
  enter(Mode::disabled, Reason::operator_disable, advance(now));
}

void StateMachine::metrics_only(Time now) {
  enter(Mode::metrics_only, Reason::operator_metrics_only, advance(now));
}

void StateMachine::reset(Time now) {
  reopens_ = 0;
  enter(Mode::closed, Reason::operator_reset, advance(now));
}

Snapshot StateMachine::snapshot(Time now) const {
  Snapshot result;
  result.mode = mode_;
  result.generation = generation_;
  if (mode_ == Mode::open) {
    result.opened_at = mode_since_;
    result.open_wait = open_wait_;
  }
  result.reopens = reopens_;
  result.probes_in_flight = static_cast<std::uint32_t>(probes_.size());
  result.probe_successes = successes_;
  result.window = window_.peek(std::max(now, now_));
  return result;
}

Time StateMachine::advance(Time now) {
  now_ = std::max(now_, now);
  return now_;
}

void StateMachine::tick_advanced(Time now) {
  if (mode_ == Mode::open && now - mode_since_ >= open_wait_) {
    enter(Mode::half_open, Reason::wait_elapsed, now);
    return;
  }
  if (mode_ != Mode::half_open) return;
  const auto expired = std::count_if(probes_.begin(), probes_.end(),
                                     [now](const Probe& probe) { return probe.lease_end <= now; });
  if (expired > 0) {
    metrics_.lease_expired += static_cast<std::uint64_t>(expired);
    reopen(Reason::probe_lease_expired, now);
  } else if (now - mode_since_ >= config_.half_open_max) {
    open(Reason::half_open_timeout, now);
  }
}

void StateMachine::enter(Mode mode, Reason reason, Time now) {
  const Mode from = std::exchange(mode_, mode);
  ++generation_;
  mode_since_ = now;
  successes_ = 0;
  probes_.clear();
  window_.clear(now);
  ++metrics_.transitions;
  events_.push_back({from, mode, reason, generation_, now});
}

void StateMachine::open(Reason reason, Time now) {
  open_wait_ = draw_open_wait();
  enter(Mode::open, reason, now);
}

void StateMachine::reopen(Reason reason, Time now) {
  if (reopens_ < std::numeric_limits<std::uint32_t>::max()) ++reopens_;
  open(reason, now);
}

void StateMachine::report_closed(Outcome outcome, Time now) {
  if (outcome == Outcome::ignored) return;
  window_.add(outcome, now);
  const WindowCounts window = window_.counts(now);
  if (window.calls < config_.min_calls) return;
  // Cross-multiplied: a division would round a share just below the threshold up or down.
  if (window.fail * 100 >= config_.failure_percent * window.calls) {
    open(Reason::failure_rate, now);
  } else if (window.slow * 100 >= config_.slow_percent * window.calls) {
    open(Reason::slow_rate, now);
  }
}

void StateMachine::report_half_open(std::uint64_t id, Outcome outcome, Time now) {
  std::erase_if(probes_, [id](const Probe& probe) { return probe.id == id; });
  switch (outcome) {
    case Outcome::ok:
      if (++successes_ >= config_.probe_successes) {
        reopens_ = 0;
        enter(Mode::closed, Reason::probes_succeeded, now);
      }
      break;
    case Outcome::fail: reopen(Reason::probe_failed, now); break;
    case Outcome::slow: reopen(Reason::probe_slow, now); break;
    case Outcome::ignored: break;  // the permit is back, nothing was learnt
  }
}

void StateMachine::count(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: ++metrics_.ok; break;
    case Outcome::fail: ++metrics_.fail; break;
    case Outcome::slow: ++metrics_.slow; break;
    case Outcome::ignored: ++metrics_.ignored; break;
  }
}

Duration StateMachine::draw_open_wait() {
  const Duration wait = open_wait_before_jitter(config_, reopens_);
  if (config_.jitter_percent == 0) return wait;
  // wait <= 24 h, so reach <= 4.4e13 ns and nothing overflows. The modulo's bias is below 2^-17.
  const auto reach = wait.count() * static_cast<std::int64_t>(config_.jitter_percent) / 100;
  const auto span = static_cast<std::uint64_t>(2 * reach + 1);
  return wait - Duration(reach) + Duration(static_cast<std::int64_t>(random_() % span));
}

Duration open_wait_before_jitter(const Config& config, std::uint32_t k) {
  const std::int64_t cap = Duration(config.open_wait_cap).count();
  const auto factor = static_cast<std::int64_t>(config.open_wait_factor_percent);
  std::int64_t wait = Duration(config.open_wait_base).count();
  if (factor == 100) return Duration(std::min(wait, cap));
  // Stops at the cap, after fewer than 2,000 steps for every valid configuration.
  for (; k > 0 && wait < cap; --k) wait = wait * factor / 100;
  return Duration(std::min(wait, cap));
}

}  // namespace breaker
