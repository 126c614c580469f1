// One limit: an algorithm with its numbers, and the one place that judges them.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/time.h"

namespace rate_limiter {

using common::Duration;
using common::MonoTime;

enum class Algorithm : std::uint8_t {
  token_bucket,     ///< bursts of `burst`, then permits/per: at most burst + permits*W/per in any W
  gcra,             ///< the same decisions from one timestamp (ITU-T I.371, virtual scheduling)
  leaky_queue,      ///< one at a time, per/permits apart; made for reserve and acquire
  fixed_window,     ///< permits in each window aligned to the clock's zero: at most 2*permits in any `per`
  sliding_log,      ///< permits in any `per`, exactly; memory grows with permits
  sliding_counter,  ///< as sliding_log from two counters, assuming the previous window was even: at most
                    ///< 2*permits-1, and under greedy demand one fewer than permits
};

inline constexpr std::uint64_t permits_max = 1'000'000'000;
inline constexpr std::uint64_t log_permits_max = 100'000;

struct Limit {
  Algorithm algorithm = Algorithm::token_bucket;
  std::uint64_t permits = 100;             ///< 1 .. permits_max; sliding_log: .. log_permits_max
  Duration per = std::chrono::seconds(1);  ///< 1 us .. 366 days; leaky_queue: >= permits ns
  std::uint64_t burst = 100;               ///< token_bucket and gcra: 1 .. permits_max; unused by the others
  bool operator==(const Limit&) const = default;
};

/// Throws std::invalid_argument naming field, value and range.
void validate(const Limit& limit);

std::string_view to_string(Algorithm algorithm);

}  // namespace rate_limiter
