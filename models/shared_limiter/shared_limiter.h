// A rate limit that several processes share through a versioned store.
//
// An admission is one compare-and-swap: read the key's record, judge, write where nobody has written since; a refusal
// by the limit writes nothing. Which record holds a key is told by the key's hash, so the store keeps `records` of them
// and no more. Time is the store's: whatever the processes' own clocks say, all of them together admit on a key at most
// burst + permits*W/per in any interval W (RL1, RL12). Where the store cannot be used - it fails, or its record makes
// no sense - what was declared happens, see WithoutStore; it is asked again, by one caller, after `ask_again`, and no
// error of its own reaches a caller. Invariant: the store is called under no lock. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "rate_limiter/rate_limiter.h"
#include "shared_limiter/level_table.h"
#include "store/versioned_store.h"

namespace shared_limiter {

enum class WithoutStore : std::uint8_t {
  admit,   ///< fail open: everything, without limit
  refuse,  ///< fail closed: nothing; the error is `unavailable`
  local,   ///< each process by a limit of its own, on top of what the store has seen
};

struct SharedLimitConfig {
  Limit limit{rate_limiter::Algorithm::gcra};          ///< of each key, for all who share it; gcra only
  std::string name = "limit";                          ///< of the records: 1 .. 100 bytes
  std::uint32_t records = 16;                          ///< 1 .. 65,536; the same for all who share it
  std::size_t keys_max = 1'000;                        ///< that are not full, in one record: 1 .. 3,000
  WithoutStore without_store = WithoutStore::local;
  Limit local{rate_limiter::Algorithm::gcra};          ///< of this process, in case of `local`
  std::chrono::milliseconds ask_again{1'000};          ///< 1 ms .. 1 min
};

/// Throws std::invalid_argument naming field and range.
void validate(const SharedLimitConfig& config);

/// Every call is in one of the first four. Monotone.
struct SharedLimitCounters {
  std::uint64_t admitted = 0;       ///< by the store
  std::uint64_t refused = 0;        ///< by the store: rate_limited, overloaded
  std::uint64_t without_store = 0;  ///< judged as declared for that case
  std::uint64_t malformed = 0;      ///< invalid_argument
  std::uint64_t store_errors = 0;   ///< calls in which the store failed
};

class SharedLimiter {
 public:
  /// Throws std::invalid_argument. REQUIRES: the store outlives it.
  SharedLimiter(const SharedLimitConfig& config, store::VersionedStore& store);
  SharedLimiter(const SharedLimiter&) = delete;
  SharedLimiter& operator=(const SharedLimiter&) = delete;

  /// Admits now, or not at all. Keys are bytes, at most rate_limiter::key_bytes_max. `overloaded` also where others
  /// were faster 64 times in a row.
  std::optional<Rejected> try_acquire(const std::string& key, std::uint64_t permits = 1);

  /// The store failed when it was last asked. For health reports and alerts.
  bool without_store() const;
  SharedLimitCounters counters() const;

 private:
  using Decision = std::optional<Rejected>;
  common::Result<Decision> ask(const std::string& key, std::uint64_t permits);
  Decision judge_alone(const std::string& key, std::uint64_t permits);
  bool may_ask();

  const SharedLimitConfig config_;
  store::VersionedStore& store_;
  rate_limiter::RateLimiter local_;
  mutable std::mutex mutex_;
  bool away_ = false;             // guarded by mutex_
  MonoTime ask_again_at_{};       // guarded by mutex_; while away_
  SharedLimitCounters counters_;  // guarded by mutex_
};

}  // namespace shared_limiter
