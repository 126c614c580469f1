#include "breaker/types.h"

namespace breaker {

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::closed: return "closed";
    case Mode::open: return "open";
    case Mode::half_open: return "half_open";
    case Mode::forced_open: return "forced_open";
    case Mode::disabled: return "disabled";
    case Mode::metrics_only: return "metrics_only";
  }
  return "invalid";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return "ok";
    case Outcome::fail: return "fail";
    case Outcome::slow: return "slow";
    case Outcome::ignored: return "ignored";
  }
  return "invalid";
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::failure_rate: return "failure_rate";
    case Reason::slow_rate: return "slow_rate";
    case Reason::wait_elapsed: return "wait_elapsed";
    case Reason::probe_failed: return "probe_failed";
    case Reason::probe_slow: return "probe_slow";
    case Reason::probe_lease_expired: return "probe_lease_expired";
    case Reason::half_open_timeout: return "half_open_timeout";
    case Reason::probes_succeeded: return "probes_succeeded";
    case Reason::operator_force_open: return "operator_force_open";
    case Reason::operator_disable: return "operator_disable";
    case Reason::operator_metrics_only: return "operator_metrics_only";
    case Reason::operator_reset: return "operator_reset";
  }
  return "invalid";
}

}  // namespace breaker
