#include "retry/backoff.h"

#include <algorithm>
#include <stdexcept>

namespace retry {

void validate(const BackoffConfig& config) {
  using namespace std::chrono_literals;
  const auto require = [](bool good, const char* what) {
    if (!good) throw std::invalid_argument(what);
  };
  require(config.cap >= 1us && config.cap <= 24h, "backoff config: cap must be in [1 us, 24 h]");
  require(config.base >= 1us && config.base <= config.cap, "backoff config: base must be in [1 us, cap]");
  require(config.factor_percent >= 100 && config.factor_percent <= 1000,
          "backoff config: factor_percent must be in [100, 1000]");
  require(config.jitter <= Jitter::full, "backoff config: unknown jitter");
}

Duration ceiling(const BackoffConfig& config, std::uint32_t k) {
  const std::int64_t cap = config.cap.count();
  std::int64_t wait = config.base.count();
  if (config.factor_percent == 100) return Duration(std::min(wait, cap));
  // wait < cap <= 8.64e13 before each step, so no product passes 8.64e16; base >= 1000 grows at every step.
  for (; k > 0 && wait < cap; --k) wait = wait * config.factor_percent / 100;
  return Duration(std::min(wait, cap));
}

Duration delay(const BackoffConfig& config, std::uint32_t k, std::uint64_t draw) {
  const std::int64_t most = ceiling(config, k).count();
  const std::int64_t least = config.jitter == Jitter::none ? most : config.jitter == Jitter::equal ? most / 2 : 0;
  return Duration(least + static_cast<std::int64_t>(draw % static_cast<std::uint64_t>(most - least + 1)));
}

}  // namespace retry
