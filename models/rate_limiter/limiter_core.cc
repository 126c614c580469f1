#include "rate_limiter/limiter_core.h"

#include <arpa/inet.h>

#include <algorithm>
#include <stdexcept>

namespace rate_limiter {
namespace {

/// The part of the request that the scope counts by. Lengths keep ("ab","c") and ("a","bc") apart.
std::string key_of(Scope scope, const Request& request) {
  switch (scope) {
    case Scope::global:
      return {};
    case Scope::user:
      return request.user;
    case Scope::ip:
      return request.ip;
    case Scope::endpoint:
      return request.endpoint;
    case Scope::combined:
      break;
  }
  return std::to_string(request.user.size()) + ":" + request.user + std::to_string(request.ip.size()) + ":" +
         request.ip + request.endpoint;
}

void require(bool good, const char* what) {
  if (!good) throw std::invalid_argument(std::string("rate limiter config: ") + what);
}

}  // namespace

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::global:
      return "global";
    case Scope::user:
      return "user";
    case Scope::ip:
      return "ip";
    case Scope::endpoint:
      return "endpoint";
    case Scope::combined:
      return "combined";
  }
  return "invalid";
}

void validate(const Config& config) {
  bool any = false;
  for (const auto& limit : config.limits) {
    if (!limit) continue;
    validate(*limit);
    any = true;
  }
  require(any, "no scope has a limit");
  require(config.keys_max >= scope_count && config.keys_max <= 10'000'000, "keys_max must be in [5, 10000000]");
  require(config.reservations_max <= 100'000, "reservations_max must be in [0, 100000]");
}

std::optional<std::string> canonical_ip(const std::string& text) {
  char out[INET6_ADDRSTRLEN];
  in_addr v4{};
  in6_addr v6{};
  if (text.find('\0') != std::string::npos) return std::nullopt;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return inet_ntop(AF_INET, &v4, out, sizeof out);
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return std::nullopt;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    std::copy(v6.s6_addr + 12, v6.s6_addr + 16, reinterpret_cast<unsigned char*>(&v4));
    return inet_ntop(AF_INET, &v4, out, sizeof out);
  }
  return inet_ntop(AF_INET6, &v6, out, sizeof out);
}

std::int64_t retry_after_seconds(Duration retry_after) {
  return std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(retry_after).count());
}

LimiterCore::LimiterCore(const Config& config, MonoTime now)
    : config_((validate(config), config)), now_(now), sweep_(keys_.end()) {}

std::optional<Rejected> LimiterCore::try_acquire(const Request& request, MonoTime now) {
  advance(now);
  auto planned = plan(request);
  if (auto* rejected = std::get_if<Rejected>(&planned)) return *rejected;
  const Plan& plan = std::get<Plan>(planned);
  if (plan.at > now_) return Rejected{common::Error::rate_limited, plan.last, plan.at - now_};
  for (Key* key : plan.keys) {
    key->started.take(request.permits, now_);
    key->promised.take(request.permits, now_);
  }
  return std::nullopt;
}

std::variant<LimiterCore::Id, Rejected> LimiterCore::reserve(const Request& request, MonoTime latest, MonoTime now) {
  advance(now);
  auto planned = plan(request);
  if (auto* rejected = std::get_if<Rejected>(&planned)) return *rejected;
  Plan& plan = std::get<Plan>(planned);
  if (plan.at > now_ && plan.at > latest) return Rejected{common::Error::rate_limited, plan.last, plan.at - now_};
  if (plan.at > now_ && pending_.size() >= config_.reservations_max) {
    return Rejected{common::Error::overloaded, std::nullopt, std::nullopt};
  }
  const Id id = ++last_id_;
  for (Key* key : plan.keys) {
    key->promised.take(request.permits, plan.at);
    key->last_promise = plan.at;
    if (plan.at > now_) {
      ++key->pending;
    } else {
      key->started.take(request.permits, now_);
    }
  }
  if (plan.at > now_) pending_.emplace(id, Reservation{request.permits, std::move(plan.keys), plan.at});
  return id;
}

std::optional<MonoTime> LimiterCore::ready_at(Id id, MonoTime now) {
  advance(now);
  const auto found = pending_.find(id);
  if (found == pending_.end()) return std::nullopt;
  return found->second.ready_at;
}

bool LimiterCore::cancel(Id id, MonoTime now) {
  advance(now);
  const auto found = pending_.find(id);
  if (found == pending_.end()) return false;
  for (Key* key : found->second.keys) --key->pending;
  for (Key* key : found->second.keys) {  // those with nothing pending are not visited by compute_again
    key->promised = key->started;
    key->last_promise = now_;
  }
  pending_.erase(found);
  compute_again();
  advance(now);  // some may start at once
  return true;
}

void LimiterCore::resize(Scope scope, const Limit& limit, MonoTime now) {
  validate(limit);
  advance(now);
  std::optional<Limit>& old = config_.limits.at(static_cast<std::size_t>(scope));
  require(old && old->algorithm == limit.algorithm, "resize cannot change a scope's algorithm");
  const bool window = limit.algorithm == Algorithm::fixed_window || limit.algorithm == Algorithm::sliding_log ||
                      limit.algorithm == Algorithm::sliding_counter;
  require(!window || old->per == limit.per, "resize cannot change the length of a window");
  old = limit;
  for (auto& [name, key] : keys_) {
    if (name.first != scope) continue;
    key.started.resize(limit, now_);
    key.promised.resize(limit, std::max(now_, key.last_promise));
  }
}

/// When `request` could start, behind everything promised on its keys.
std::variant<LimiterCore::Plan, Rejected> LimiterCore::plan(const Request& request) {
  const Rejected malformed{common::Error::invalid_argument, std::nullopt, std::nullopt};
  if (request.permits == 0 || request.permits > permits_max) return malformed;
  if (std::max({request.user.size(), request.ip.size(), request.endpoint.size()}) > key_bytes_max) return malformed;
  std::vector<std::pair<Scope, Key*>> found;
  if (auto rejected = find_keys(request, found)) return *rejected;
  Plan plan{now_, {}, Scope::global};
  for (const auto& [scope, key] : found) plan.at = std::max(plan.at, key->last_promise);
  const MonoTime from = plan.at;
  for (const auto& [scope, key] : found) {
    const auto at = key->promised.earliest(request.permits, from);
    if (!at) return Rejected{common::Error::rate_limited, scope, std::nullopt};
    if (*at >= plan.at) plan.last = scope;
    plan.at = std::max(plan.at, *at);  // admitted at *at is admitted later as well
    plan.keys.push_back(key);
  }
  return plan;
}

std::optional<Rejected> LimiterCore::find_keys(const Request& request, std::vector<std::pair<Scope, Key*>>& found) {
  // Room first: making some may forget keys, and those found must not be among them.
  while (keys_.size() + scope_count > config_.keys_max) {
    if (!make_room()) break;
  }
  for (std::size_t i = 0; i < scope_count; ++i) {
    if (!config_.limits[i]) continue;
    const Scope scope = static_cast<Scope>(i);
    std::pair<Scope, std::string> name(scope, key_of(scope, request));
    auto key = keys_.find(name);
    if (key == keys_.end()) {
      if (keys_.size() >= config_.keys_max) return Rejected{common::Error::overloaded, std::nullopt, std::nullopt};
      key = keys_.try_emplace(std::move(name), *config_.limits[i], now_).first;
    }
    found.emplace_back(scope, &key->second);
  }
  return std::nullopt;
}

/// Forgets one key at rest among the next few; so a call's work is bounded however many keys there are.
bool LimiterCore::make_room() {
  for (int looked_at = 0; looked_at < 64 && !keys_.empty(); ++looked_at) {
    if (sweep_ == keys_.end()) sweep_ = keys_.begin();
    const Key& key = sweep_->second;
    if (key.pending == 0 && key.started.at_rest(now_)) {
      sweep_ = keys_.erase(sweep_);
      return true;
    }
    ++sweep_;
  }
  return false;
}

/// Starts what is due. On one key reservations become ready in order of arrival.
void LimiterCore::advance(MonoTime now) {
  now_ = std::max(now_, now);
  for (auto it = pending_.begin(); it != pending_.end();) {
    Reservation& reservation = it->second;
    if (reservation.ready_at > now_) {
      ++it;
      continue;
    }
    for (Key* key : reservation.keys) {
      key->started.take(reservation.permits, reservation.ready_at);
      --key->pending;
    }
    it = pending_.erase(it);
  }
}

/// The schedule of all pending reservations, as if they had been made one after another just now.
void LimiterCore::compute_again() {
  for (auto& [id, reservation] : pending_) {
    for (Key* key : reservation.keys) {
      key->promised = key->started;
      key->last_promise = now_;
    }
  }
  for (auto& [id, reservation] : pending_) {
    MonoTime at = now_;
    for (const Key* key : reservation.keys) at = std::max(at, key->last_promise);
    const MonoTime from = at;
    for (const Key* key : reservation.keys) {
      // Promised before, so it can be again; where a smaller limit forbids it by now, the promise stands.
      at = std::max(at, key->promised.earliest(reservation.permits, from).value_or(reservation.ready_at));
    }
    reservation.ready_at = std::min(at, reservation.ready_at);
    for (Key* key : reservation.keys) {
      key->promised.take(reservation.permits, reservation.ready_at);
      key->last_promise = std::max(key->last_promise, reservation.ready_at);
    }
  }
}

}  // namespace rate_limiter
