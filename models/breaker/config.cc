#include "breaker/config.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace breaker {
namespace {

constexpr std::int64_t day_ms = 24LL * 60 * 60 * 1000;
constexpr std::int64_t window_calls_max = 1'000'000;

void require_range(const char* field, std::int64_t value, std::int64_t low, std::int64_t high,
                   const char* unit = "") {
  if (value >= low && value <= high) return;
  throw std::invalid_argument("breaker config: " + std::string(field) + " is " +
                              std::to_string(value) + unit + ", must be in [" +
                              std::to_string(low) + ", " + std::to_string(high) + "]" + unit);
}

void require_range(const char* field, std::chrono::milliseconds value, std::int64_t low,
                   std::int64_t high) {
  require_range(field, static_cast<std::int64_t>(value.count()), low, high, " ms");
}

}  // namespace

void validate(const Config& config) {
  std::int64_t min_calls_high = window_calls_max;
  if (config.window_kind == WindowKind::count) {
    require_range("window_calls", config.window_calls, 1, window_calls_max);
    min_calls_high = config.window_calls;
  } else {
    require_range("window_time", config.window_time, 1, day_ms);
    require_range("window_buckets", config.window_buckets, 1,
                  std::min<std::int64_t>(3600, config.window_time.count()));
  }
  // With more calls demanded than the window can hold the breaker could never trip.
  require_range("min_calls", config.min_calls, 1, min_calls_high);
  require_range("failure_percent", config.failure_percent, 1, 100);
  require_range("slow_percent", config.slow_percent, 1, 100);
  require_range("slow_call", config.slow_call, 0, day_ms);

  require_range("probe_successes", config.probe_successes, 1, 10'000);
  // More probes at once than successes needed could never all be useful.
  require_range("probe_concurrency", config.probe_concurrency, 1, config.probe_successes);
  require_range("probe_lease", config.probe_lease, 1, day_ms);
  require_range("half_open_max", config.half_open_max, 1, day_ms);

  require_range("open_wait_cap", config.open_wait_cap, 1, day_ms);
  require_range("open_wait_base", config.open_wait_base, 1, config.open_wait_cap.count());
  require_range("open_wait_factor_percent", config.open_wait_factor_percent, 100, 1000);
  require_range("jitter_percent", config.jitter_percent, 0, 50);
}

}  // namespace breaker
