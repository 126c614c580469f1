#include "shared_limiter/shared_limiter.h"

#include <stdexcept>

namespace shared_limiter {

using common::mono_now;

namespace {

constexpr int attempts_max = 64;  // each lost one is an admission of somebody else's

/// FNV-1a: the same in every process, whatever compiled it.
std::uint64_t hash(const std::string& bytes) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char byte : bytes) value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return value;
}

rate_limiter::Config of_user(const Limit& limit) {
  rate_limiter::Config config;
  config.limits[static_cast<std::size_t>(rate_limiter::Scope::user)] = limit;
  return config;
}

void require(bool good, const char* what) {
  if (!good) throw std::invalid_argument(std::string("shared limit config: ") + what);
}

}  // namespace

void validate(const SharedLimitConfig& config) {
  rate_limiter::validate(config.limit);
  rate_limiter::validate(config.local);
  require(config.limit.algorithm == rate_limiter::Algorithm::gcra, "limit.algorithm must be gcra");
  constexpr rate_limiter::Wide century = Duration(std::chrono::hours(24 * 36'525)).count();
  require(rate_limiter::Wide(config.limit.burst) * config.limit.per.count() <= century * config.limit.permits,
          "the time that limit.burst takes must be at most 100 years");
  require(!config.name.empty() && config.name.size() <= 100, "name must be 1 .. 100 bytes");
  require(config.records >= 1 && config.records <= 65'536, "records must be in [1, 65536]");
  require(config.keys_max >= 1 && config.keys_max <= 3'000, "keys_max must be in [1, 3000]");
  require(config.without_store <= WithoutStore::local, "unknown without_store");
  require(config.ask_again.count() >= 1 && config.ask_again <= std::chrono::minutes(1),
          "ask_again must be in [1 ms, 1 min]");
}

SharedLimiter::SharedLimiter(const SharedLimitConfig& config, store::VersionedStore& store)
    : config_((validate(config), config)), store_(store), local_(of_user(config.local)) {}

std::optional<Rejected> SharedLimiter::try_acquire(const std::string& key, std::uint64_t permits) {
  if (permits == 0 || permits > rate_limiter::permits_max || key.size() > rate_limiter::key_bytes_max) {
    const std::lock_guard lock(mutex_);
    ++counters_.malformed;
    return Rejected{common::Error::invalid_argument, std::nullopt};
  }
  if (!may_ask()) return judge_alone(key, permits);
  const auto answer = ask(key, permits);
  const auto* decision = std::get_if<Decision>(&answer);
  {
    const std::lock_guard lock(mutex_);
    away_ = decision == nullptr;
    if (away_) {
      ++counters_.store_errors;
      ask_again_at_ = mono_now() + config_.ask_again;
    } else {
      ++(*decision ? counters_.refused : counters_.admitted);
    }
  }
  return decision != nullptr ? *decision : judge_alone(key, permits);
}

/// Of several who come when a store that failed may be asked again, one.
bool SharedLimiter::may_ask() {
  const std::lock_guard lock(mutex_);
  if (!away_) return true;
  const MonoTime now = mono_now();
  if (now < ask_again_at_) return false;
  ask_again_at_ = now + config_.ask_again;
  return true;
}

/// Error: unavailable.
common::Result<SharedLimiter::Decision> SharedLimiter::ask(const std::string& key, std::uint64_t permits) {
  const std::string where = config_.name + "/" + std::to_string(hash(key) % config_.records);
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    const auto read = store_.get(where);
    const auto* record = std::get_if<store::Record>(&read);
    auto levels = record != nullptr ? LevelTable::from_text(record->value) : std::nullopt;
    if (!levels) return common::Error::unavailable;
    // What is overtaken is judged again: at the time of the read that counts, nobody has written since.
    const Decision decision = levels->take(config_.limit, key, permits, record->at, config_.keys_max);
    const std::string text = levels->to_text();
    if (text == record->value) return decision;
    const auto written = store_.put(where, record->version, text);
    if (std::holds_alternative<std::uint64_t>(written)) return decision;
    if (std::get<common::Error>(written) != common::Error::conflict) return common::Error::unavailable;
  }
  return Decision{Rejected{common::Error::overloaded, std::nullopt}};
}

SharedLimiter::Decision SharedLimiter::judge_alone(const std::string& key, std::uint64_t permits) {
  Duration until_asked{};
  {
    const std::lock_guard lock(mutex_);
    ++counters_.without_store;
    until_asked = ask_again_at_ - mono_now();
  }
  switch (config_.without_store) {
    case WithoutStore::admit:
      return std::nullopt;
    case WithoutStore::refuse:
      return Rejected{common::Error::unavailable, std::max(until_asked, Duration(1))};
    case WithoutStore::local:
      break;
  }
  const auto rejected = local_.try_acquire({key, {}, {}, permits});
  if (!rejected) return std::nullopt;
  return Rejected{rejected->error, rejected->retry_after};
}

bool SharedLimiter::without_store() const {
  const std::lock_guard lock(mutex_);
  return away_;
}

SharedLimitCounters SharedLimiter::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

}  // namespace shared_limiter
