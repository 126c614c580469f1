#include "auth_cache/auth_cache.h"

namespace auth_cache {

using common::mono_now;
using common::wall_now;

Decision AuthCache::validate(const std::string& token, const Scopes& required, MonoTime deadline,
                             std::stop_token stop) {
  if (token.empty() || token.size() > token_bytes_max) return Error::invalid_argument;
  const auto hash = hash_of(token);
  if (!hash) return Error::internal;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (auto decision = table_.find(*hash, required, mono_now(), wall_now())) {
      ++counters_.hits;
      return std::move(*decision);
    }
    if (stop.stop_requested()) return Error::cancelled;
    if (mono_now() >= deadline) return Error::deadline_exceeded;
    const auto running = flights_.find(*hash);
    if (running == flights_.end()) {
      bool again = false;
      Decision decision = load(token, *hash, required, deadline, lock, again);
      if (again) continue;
      return decision;
    }
    ++counters_.joined;
    const std::shared_ptr<Flight> flight = running->second;
    if (!landed_.wait_until(lock, stop, deadline, [&] { return flight->answer.has_value(); })) continue;
    // The leader's deadline is not this caller's: one of those who still have time leads next.
    const auto* error = std::get_if<Error>(&*flight->answer);
    if (error != nullptr && *error == Error::deadline_exceeded) continue;
    if (auto decision = judge(*flight, required)) return std::move(*decision);
  }
}

/// REQUIRES: no flight for the hash. `again`: a revocation overtook the answer.
Decision AuthCache::load(const std::string& token, const TokenHash& hash, const Scopes& required, MonoTime deadline,
                         std::unique_lock<std::mutex>& lock, bool& again) {
  if (flights_.size() >= config_.loads_max) return Error::overloaded;
  const auto flight = std::make_shared<Flight>();
  flights_.emplace(hash, flight);
  const std::uint64_t epoch = table_.begin_load();
  const MonoTime asked_at = mono_now();
  ++counters_.loads;
  lock.unlock();
  Answer answer = Error::internal;
  try {
    answer = authority_(token, deadline);
  } catch (...) {
    // stays Error::internal: a broken authority must not become the caller's exception
  }
  lock.lock();
  flight->overtaken = !table_.end_load(hash, answer, epoch, asked_at);
  flight->answer = std::move(answer);
  flight->landed_in = table_.epoch();
  flights_.erase(hash);
  if (flight->overtaken) ++counters_.overtaken;
  landed_.notify_all();
  auto decision = judge(*flight, required);
  again = !decision;
  return decision ? std::move(*decision) : Decision(Error::unavailable);
}

/// What a landed flight means for one of those it carried; nothing where it must be asked for again. A waiter may come
/// to this some time after the landing: whatever was revoked in between, the answer is too old for it. REQUIRES: mutex_
/// held.
std::optional<Decision> AuthCache::judge(const Flight& flight, const Scopes& required) const {
  if (const auto* error = std::get_if<Error>(&*flight.answer)) return *error;
  if (flight.overtaken || flight.landed_in != table_.epoch()) return std::nullopt;
  if (const auto* claims = std::get_if<Claims>(&*flight.answer))
    return decide(*claims, required, config_.leeway, wall_now());
  return Error::unauthenticated;
}

void AuthCache::revoke_token(const std::string& token) {
  const auto hash = hash_of(token);
  std::lock_guard lock(mutex_);
  // Without its hash a token cannot be told from others.
  hash ? table_.revoke_token(*hash) : table_.revoke_all();
}

void AuthCache::revoke_subject(const std::string& subject) {
  std::lock_guard lock(mutex_);
  table_.revoke_subject(subject);
}

void AuthCache::revoke_all() {
  std::lock_guard lock(mutex_);
  table_.revoke_all();
}

Counters AuthCache::counters() const {
  std::lock_guard lock(mutex_);
  return counters_;
}

std::size_t AuthCache::entries() const {
  std::lock_guard lock(mutex_);
  return table_.entries() + table_.negative_entries();
}

}  // namespace auth_cache
