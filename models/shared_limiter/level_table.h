// What one record of a shared rate limit holds: of each key that is not full, when it will be. A value.
//
// A key's level is GCRA's theoretical arrival, the instant at which the key is full again. From that instant on it can
// be forgotten without a difference, not before; and the next admission forgets it (RL12: expiry at least the time to
// full). All times are the store's. No level is ahead of the present by more than a whole burst takes; what is, was
// written before the store's clock began again, and becomes that. Not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/error.h"
#include "rate_limiter/algorithms.h"

namespace shared_limiter {

using common::Duration;
using common::MonoTime;
using rate_limiter::Limit;

/// Why not; and after how long the same would be admitted, if nothing else comes.
struct Rejected {
  common::Error error{};                ///< rate_limited, overloaded, unavailable, invalid_argument
  std::optional<Duration> retry_after;  ///< > 0; not set where it would never be, or nobody knows
};

class LevelTable {
 public:
  /// Nothing where the text is not what `to_text` writes.
  static std::optional<LevelTable> from_text(const std::string& text);
  std::string to_text() const;

  /// Admits, or says why not; `overloaded` where `keys_max` others are not full. The levels of a clock that began
  /// again, and keys that are full, may change by a refusal too.
  std::optional<Rejected> take(const Limit& limit, const std::string& key, std::uint64_t permits,
                               MonoTime now, std::size_t keys_max);
  std::size_t keys() const { return levels_.size(); }

 private:
  std::map<std::string, rate_limiter::Gcra::Arrival> levels_;
};

}  // namespace shared_limiter
