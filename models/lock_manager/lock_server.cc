#include "lock_manager/lock_server.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace lock_manager {
namespace {

using common::mono_now;

constexpr int store_attempts_max = 10;

/// What the store keeps for a server.
struct Life {
  std::uint64_t number = 0;
  std::uint64_t next_token = 1;
  std::int64_t ttl_max_ns = 0;  // the longest of all lives
};

std::string to_text(const Life& life) {
  return std::to_string(life.number) + ' ' + std::to_string(life.next_token) + ' ' + std::to_string(life.ttl_max_ns);
}

std::optional<Life> from_text(const std::string& text) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  Life life;
  if (!(in >> life.number >> life.next_token >> life.ttl_max_ns) || to_text(life) != text) return std::nullopt;
  return life;
}

void require_range(const char* field, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  if (value >= low && value <= high) return;
  throw std::invalid_argument("lock server config: " + std::string(field) + " is " + std::to_string(value) +
                              ", must be in [" + std::to_string(low) + ", " + std::to_string(high) + "]");
}

}  // namespace

void validate(const ServerConfig& config) {
  require_range("name's length", config.name.size(), 1, 100);
  require_range("ttl_max (ns)", static_cast<std::uint64_t>(config.ttl_max.count()), 1'000'000, 86'400'000'000'000);
  require_range("keys_max", config.keys_max, 1, 10'000'000);
  require_range("waiters_max", config.waiters_max, 1, 100'000);
  require_range("token_block", config.token_block, config.waiters_max + 1, 1'000'000'000);
}

Result<std::unique_ptr<LockServer>> LockServer::open(const ServerConfig& config, store::VersionedStore& store) {
  validate(config);
  std::unique_ptr<LockServer> server(new LockServer(config, store));
  if (const auto error = server->take_tokens(true)) return *error;
  return server;
}

/// The next block of tokens, for the present life or for a new one. REQUIRES: mutex_ not held.
std::optional<Error> LockServer::take_tokens(bool new_life) {
  for (int attempt = 0; attempt < store_attempts_max; ++attempt) {
    const auto read = store_.get(config_.name);
    if (const auto* error = std::get_if<Error>(&read)) return *error;
    const store::Record& record = std::get<store::Record>(read);
    const std::optional<Life> before = record.version == 0 ? Life{} : from_text(record.value);
    if (!before) return Error::internal;
    Life life = *before;
    {
      std::lock_guard lock(mutex_);
      if (!new_life && life.number != life_) {
        closed_ = true;  // a newer server has taken over
        return Error::closed;
      }
    }
    if (new_life) ++life.number;
    life.next_token += config_.token_block;
    life.ttl_max_ns = std::max<std::int64_t>(life.ttl_max_ns, config_.ttl_max.count());
    const auto written = store_.put(config_.name, record.version, to_text(life));
    if (const auto* error = std::get_if<Error>(&written)) {
      if (*error == Error::conflict) continue;
      return *error;
    }
    std::lock_guard lock(mutex_);
    table_.provide_tokens(before->next_token, life.next_token);
    if (new_life) {
      life_ = life.number;
      // Leases granted up to the write above run at most this much longer. The first life of all has none before it.
      grants_from_ = record.version == 0 ? MonoTime::min() : mono_now() + Duration(before->ttl_max_ns);
    }
    return std::nullopt;
  }
  return Error::unavailable;
}

std::optional<Error> LockServer::ensure_tokens() {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return Error::closed;
    if (table_.tokens_to_spare() > 0) return std::nullopt;
  }
  const auto error = take_tokens(false);
  if (error == Error::closed) changed_.notify_all();
  return error;
}

Result<ServerGrant> LockServer::acquire(Session session, const std::string& key, Mode mode, Duration ttl,
                                        MonoTime deadline, std::stop_token stop) {
  if (key.empty() || key.size() > lock_key_bytes_max) return Error::invalid_argument;
  if (ttl.count() <= 0 || ttl > config_.ttl_max) return Error::invalid_argument;
  if (const auto error = ensure_tokens()) return *error;
  std::unique_lock lock(mutex_);
  while (!closed_ && mono_now() < grants_from_) {  // the lock delay
    if (deadline < grants_from_) return Error::unavailable;
    if (stop.stop_requested()) return Error::cancelled;
    changed_.wait_until(lock, stop, grants_from_, [&] { return closed_; });
  }
  if (closed_) return Error::closed;
  const auto requested = table_.request(session, key, mode, ttl, mono_now());
  // A request also ends leases that ran out: those who wait for them are told.
  changed_.notify_all();
  if (const auto* error = std::get_if<Error>(&requested)) return *error;
  return wait_for(std::get<Ticket>(requested), key, deadline, stop, lock);
}

Result<ServerGrant> LockServer::wait_for(Ticket ticket, const std::string& key, MonoTime deadline,
                                         const std::stop_token& stop, std::unique_lock<std::mutex>& lock) {
  for (;;) {
    const MonoTime now = mono_now();
    table_.expire(now);
    if (const auto grant = table_.granted(ticket)) {
      return ServerGrant{FencingToken(key, grant->token), ticket, grant->expires};
    }
    if (closed_ || stop.stop_requested() || now >= deadline) {
      table_.withdraw(ticket, now);
      changed_.notify_all();
      if (closed_) return Error::closed;
      return stop.stop_requested() ? Error::cancelled : Error::locked;
    }
    // Whoever waits also ends the lease it waits for.
    const MonoTime until = std::min(deadline, table_.next_expiry().value_or(MonoTime::max()));
    bool woken = false;
    changed_.wait_until(lock, stop, until, [&] { return std::exchange(woken, true); });
  }
}

Result<MonoTime> LockServer::renew(const FencingToken& token, Duration ttl) {
  if (ttl.count() <= 0 || ttl > config_.ttl_max) return Error::invalid_argument;
  std::lock_guard lock(mutex_);
  if (closed_) return Error::closed;
  return table_.renew(token.key(), token.number(), ttl, mono_now());
}

bool LockServer::release(const FencingToken& token, Ticket ticket) {
  std::unique_lock lock(mutex_);
  const bool held = table_.release(token.key(), token.number(), ticket, mono_now());
  lock.unlock();
  changed_.notify_all();
  return held;
}

void LockServer::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

std::size_t LockServer::holders(const std::string& key) {
  std::lock_guard lock(mutex_);
  table_.expire(mono_now());
  return table_.holders(key);
}

}  // namespace lock_manager
