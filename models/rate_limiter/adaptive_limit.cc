#include "rate_limiter/adaptive_limit.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace rate_limiter {
namespace {

void require_range(const char* field, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  throw std::invalid_argument("adaptive limit config: " + std::string(field) + " is " + std::to_string(value) +
                              ", must be in [" + std::to_string(low) + ", " + std::to_string(high) + "]");
}

/// The largest r with r * r <= value.
std::int64_t root(std::int64_t value) {
  std::int64_t low = 0;
  for (std::int64_t high = value + 1; high - low > 1;) {
    const std::int64_t middle = low + (high - low) / 2;
    (middle <= value / middle ? low : high) = middle;
  }
  return low;
}

}  // namespace

void validate(const AdaptiveConfig& config) {
  require_range("limit_max", config.limit_max, 1, 1'000'000);
  require_range("limit_min", config.limit_min, 1, config.limit_max);
  require_range("limit_initial", config.limit_initial, config.limit_min, config.limit_max);
  require_range("backoff_percent", config.backoff_percent, 50, 99);
  require_range("timeout (ns)", config.timeout.count(), 1'000, 3'600'000'000'000);
  require_range("tolerance_percent", config.tolerance_percent, 100, 1'000);
  require_range("smoothing_percent", config.smoothing_percent, 1, 100);
  require_range("baseline_samples", config.baseline_samples, 1, 1'000'000);
}

AdaptiveRuleState::AdaptiveRuleState(const AdaptiveConfig& config)
    : config_((validate(config), config)), limit_milli_(std::int64_t{config.limit_initial} * 1000) {}

void AdaptiveRuleState::sample(Duration rtt, std::uint32_t in_flight, bool dropped) {
  if (rtt.count() <= 0 && !dropped) return;
  rtt = std::min<Duration>(rtt, std::chrono::hours(24));  // keeps the products below within 64 bits
  if (config_.rule == AdaptiveRule::aimd) {
    sample_aimd(rtt, in_flight, dropped);
  } else {
    sample_gradient(rtt, in_flight, dropped);
  }
}

void AdaptiveRuleState::sample_aimd(Duration rtt, std::uint32_t in_flight, bool dropped) {
  if (dropped || rtt > config_.timeout) {
    set(limit() * std::int64_t{config_.backoff_percent} / 100 * 1000);
  } else if (std::uint64_t{in_flight} * 2 >= limit()) {
    set(limit_milli_ + 1000);
  }
}

void AdaptiveRuleState::sample_gradient(Duration rtt, std::uint32_t in_flight, bool dropped) {
  std::int64_t gradient = 500;
  if (!dropped) {
    baseline_now_ = std::min(baseline_now_, rtt);
    const Duration baseline = std::min(baseline_now_, baseline_before_);
    if (++batch_ >= config_.baseline_samples) {
      baseline_before_ = std::exchange(baseline_now_, Duration::max());
      batch_ = 0;
    }
    gradient = std::clamp<std::int64_t>(baseline.count() * config_.tolerance_percent * 10 / rtt.count(), 500, 1000);
    // An application that does not use its limit says nothing about a larger one.
    if (gradient == 1000 && std::uint64_t{in_flight} * 2 < limit()) return;
  }
  const std::int64_t queue = dropped ? 0 : root(limit_milli_ / 1000) * 1000;
  const std::int64_t target = limit_milli_ * gradient / 1000 + queue;
  set((limit_milli_ * (100 - config_.smoothing_percent) + target * config_.smoothing_percent) / 100);
}

void AdaptiveRuleState::set(std::int64_t limit_milli) {
  limit_milli_ =
      std::clamp(limit_milli, std::int64_t{config_.limit_min} * 1000, std::int64_t{config_.limit_max} * 1000);
}

void AdaptiveLimiter::Permit::end(std::optional<bool> dropped) noexcept {
  AdaptiveLimiter* limiter = std::exchange(limiter_, nullptr);
  if (limiter == nullptr) return;
  std::lock_guard lock(limiter->mutex_);
  --limiter->in_flight_;
  if (dropped) limiter->rule_.sample(common::mono_now() - started_, in_flight_, *dropped);
}

common::Result<AdaptiveLimiter::Permit> AdaptiveLimiter::try_acquire() {
  std::lock_guard lock(mutex_);
  if (in_flight_ >= rule_.limit()) return common::Error::overloaded;
  ++in_flight_;
  return Permit(*this, ++last_id_, common::mono_now(), in_flight_);
}

std::uint32_t AdaptiveLimiter::limit() const {
  std::lock_guard lock(mutex_);
  return rule_.limit();
}

std::uint32_t AdaptiveLimiter::in_flight() const {
  std::lock_guard lock(mutex_);
  return in_flight_;
}

}  // namespace rate_limiter
