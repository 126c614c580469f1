// How long to wait before a retry: exponential, capped, with jitter that stays within the cap.
//
//   ceiling(k) = min(cap, base * (factor_percent/100)^k), k = 0 for the first retry; computed in integers, saturating
//   none   ceiling(k)
//   equal  uniform in [ceiling/2, ceiling]
//   full   uniform in [0, ceiling]
// Invariant: 0 <= delay <= cap for every k and every draw (RB1). After M. Brooker, "Exponential Backoff And Jitter"
// (2015). The draw is the caller's: values, no state, no clock.
#pragma once

#include <cstdint>

#include "common/time.h"

namespace retry {

using common::Duration;
using common::MonoTime;

enum class Jitter : std::uint8_t { none, equal, full };

struct BackoffConfig {
  Duration base = std::chrono::milliseconds(100);  ///< 1 us .. cap
  Duration cap = std::chrono::seconds(30);         ///< base .. 24 h
  std::uint32_t factor_percent = 200;              ///< 100 .. 1,000
  Jitter jitter = Jitter::equal;
};

/// Throws std::invalid_argument.
void validate(const BackoffConfig& config);

Duration ceiling(const BackoffConfig& config, std::uint32_t k);

/// `draw`: 64 random bits.
Duration delay(const BackoffConfig& config, std::uint32_t k, std::uint64_t draw);

}  // namespace retry
