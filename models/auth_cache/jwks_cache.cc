#include "auth_cache/jwks_cache.h"

#include <stdexcept>

namespace auth_cache {

using common::mono_now;

void validate(const JwksConfig& config) {
  using namespace std::chrono_literals;
  const auto require = [](bool good, const char* what) {
    if (!good) throw std::invalid_argument(std::string("JWKS cache config: ") + what);
  };
  require(config.ttl >= 1s && config.ttl <= 24h, "ttl must be in [1 s, 24 h]");
  require(config.cooldown >= 1ms && config.cooldown <= config.ttl, "cooldown must be in [1 ms, ttl]");
  require(config.max_stale >= 0s && config.max_stale <= 7 * 24h, "max_stale must be in [0, 7 days]");
  require(config.keys_max >= 1 && config.keys_max <= 10'000, "keys_max must be in [1, 10000]");
}

common::Result<std::string> JwksCache::find(const std::string& key_id, MonoTime deadline, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  for (bool asked = false;;) {
    const MonoTime t = mono_now();
    const auto key = keys_.find(key_id);
    const bool known = key != keys_.end();
    const bool fresh = fetched_at_ && t < *fetched_at_ + config_.ttl;
    if (known && fresh) return key->second;
    if (!asked && fetching_) {
      if (stop.stop_requested()) return Error::cancelled;
      if (t >= deadline) return Error::deadline_exceeded;
      asked = landed_.wait_until(lock, stop, deadline, [&] { return !fetching_; });
      continue;
    }
    if (!asked && (!cooldown_until_ || t >= *cooldown_until_)) {
      if (t >= deadline) return Error::deadline_exceeded;
      fetch(deadline, lock);
      asked = true;
      continue;
    }
    if (known && t < *fetched_at_ + config_.ttl + config_.max_stale) return key->second;
    return fresh ? Error::unauthenticated : Error::unavailable;
  }
}

/// REQUIRES: no fetch runs. Leaves and takes the lock.
void JwksCache::fetch(MonoTime deadline, std::unique_lock<std::mutex>& lock) {
  const MonoTime began = mono_now();
  fetching_ = true;
  cooldown_until_ = began + config_.cooldown;
  ++fetches_;
  lock.unlock();
  common::Result<KeySet> result = Error::internal;
  try {
    result = fetch_(deadline);
  } catch (...) {
    // stays Error::internal, and changes nothing
  }
  lock.lock();
  fetching_ = false;
  auto* keys = std::get_if<KeySet>(&result);
  if (keys != nullptr && !keys->empty() && keys->size() <= config_.keys_max) {
    keys_ = std::move(*keys);
    fetched_at_ = began;
  }
  landed_.notify_all();
}

std::uint64_t JwksCache::fetches() const {
  std::lock_guard lock(mutex_);
  return fetches_;
}

}  // namespace auth_cache
