#include "rate_limiter/limit.h"

#include <stdexcept>
#include <string>

namespace rate_limiter {
namespace {

void require_range(const char* field, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value >= low && value <= high) return;
  throw std::invalid_argument("rate limit: " + std::string(field) + " is " + std::to_string(value) + ", must be in [" +
                              std::to_string(low) + ", " + std::to_string(high) + "]");
}

}  // namespace

void validate(const Limit& limit) {
  constexpr std::int64_t year_ns = 366LL * 24 * 3600 * 1'000'000'000;
  if (limit.algorithm > Algorithm::sliding_counter) throw std::invalid_argument("rate limit: unknown algorithm");
  require_range("permits", limit.permits, 1, limit.algorithm == Algorithm::sliding_log ? log_permits_max : permits_max);
  const std::int64_t per = limit.per.count();
  if (per < 1000 || per > year_ns) {
    throw std::invalid_argument("rate limit: per is " + std::to_string(per) + " ns, must be in [1000, " +
                                std::to_string(year_ns) + "] ns");
  }
  if (limit.algorithm == Algorithm::leaky_queue) {
    // Closer than a nanosecond apart cannot be told by the clock.
    require_range("permits", limit.permits, 1, static_cast<std::uint64_t>(per));
  }
  if (limit.algorithm == Algorithm::token_bucket || limit.algorithm == Algorithm::gcra) {
    require_range("burst", limit.burst, 1, permits_max);
  }
}

std::string_view to_string(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::token_bucket:
      return "token_bucket";
    case Algorithm::gcra:
      return "gcra";
    case Algorithm::leaky_queue:
      return "leaky_queue";
    case Algorithm::fixed_window:
      return "fixed_window";
    case Algorithm::sliding_log:
      return "sliding_log";
    case Algorithm::sliding_counter:
      return "sliding_counter";
  }
  return "invalid";
}

}  // namespace rate_limiter
