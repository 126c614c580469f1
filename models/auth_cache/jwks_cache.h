// The issuer's signing keys, by key id: fetched when needed, kept when the issuer cannot be reached, replaced on
// rotation.
//
// Invariants (AU8), per issuer - one JwksCache:
//   - one fetch at a time, and at most one in any `cooldown`, whatever key ids callers name;
//   - a key that the issuer publishes is accepted within `cooldown` (and the fetch), one that it removes is refused
//     within `ttl`, as long as it can be reached;
//   - where it cannot, known keys stay good for `max_stale` more, then everything is refused;
//   - an answer that is empty, too large or an error changes no key.
// Any thread; the fetch runs on a caller's thread, outside the lock.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "auth_cache/types.h"

namespace auth_cache {

using KeySet = std::map<std::string, std::string>;  ///< key id -> key, in whatever form the verifier reads

struct JwksConfig {
  Duration ttl = std::chrono::minutes(5);        ///< 1 s .. 24 h
  Duration cooldown = std::chrono::seconds(10);  ///< 1 ms .. ttl
  Duration max_stale = std::chrono::hours(1);    ///< 0 .. 7 days
  std::size_t keys_max = 100;                    ///< 1 .. 10,000
};

/// Throws std::invalid_argument.
void validate(const JwksConfig& config);

/// Must return by the deadline. An exception it lets out is Error::internal.
using FetchKeys = std::function<common::Result<KeySet>(MonoTime deadline)>;

class JwksCache {
 public:
  JwksCache(const JwksConfig& config, FetchKeys fetch)
      : config_((validate(config), config)), fetch_(std::move(fetch)) {}
  JwksCache(const JwksCache&) = delete;
  JwksCache& operator=(const JwksCache&) = delete;

  /// Error: unauthenticated (the issuer has no such key), unavailable (it cannot be told), deadline_exceeded,
  /// cancelled.
  common::Result<std::string> find(const std::string& key_id, MonoTime deadline, std::stop_token stop = {});

  std::uint64_t fetches() const;

 private:
  void fetch(MonoTime deadline, std::unique_lock<std::mutex>& lock);

  const JwksConfig config_;
  const FetchKeys fetch_;
  mutable std::mutex mutex_;
  std::condition_variable_any landed_;
  KeySet keys_;                             // guarded by mutex_
  std::optional<MonoTime> fetched_at_;      // guarded by mutex_; when the fetch that brought keys_ began
  std::optional<MonoTime> cooldown_until_;  // guarded by mutex_
  bool fetching_ = false;                   // guarded by mutex_
  std::uint64_t fetches_ = 0;               // guarded by mutex_
};

}  // namespace auth_cache
