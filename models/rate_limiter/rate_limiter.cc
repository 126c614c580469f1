#include "rate_limiter/rate_limiter.h"

#include <utility>

namespace rate_limiter {
namespace {

using common::mono_now;

Rejected because(common::Error error) { return {error, std::nullopt, std::nullopt}; }

}  // namespace

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  limiter_ = std::exchange(other.limiter_, nullptr);
  id_ = other.id_;
  return *this;
}

std::optional<MonoTime> Reservation::ready_at() const {
  if (limiter_ == nullptr) return std::nullopt;
  std::lock_guard lock(limiter_->mutex_);
  return limiter_->core_.ready_at(id_, mono_now());
}

bool Reservation::cancel() noexcept {
  RateLimiter* limiter = std::exchange(limiter_, nullptr);
  if (limiter == nullptr) return false;
  std::unique_lock lock(limiter->mutex_);
  const bool cancelled = limiter->core_.cancel(id_, mono_now());
  lock.unlock();
  if (cancelled) limiter->turn_moved_.notify_all();
  return cancelled;
}

std::optional<Rejected> RateLimiter::try_acquire(const Request& request) {
  std::lock_guard lock(mutex_);
  if (closed_) return because(common::Error::closed);
  return core_.try_acquire(request, mono_now());
}

std::variant<Reservation, Rejected> RateLimiter::reserve(const Request& request, Duration wait_max) {
  std::lock_guard lock(mutex_);
  if (closed_) return because(common::Error::closed);
  const MonoTime now = mono_now();
  auto result = core_.reserve(request, common::later(now, wait_max), now);
  if (auto* rejected = std::get_if<Rejected>(&result)) return *rejected;
  return Reservation(*this, std::get<LimiterCore::Id>(result));
}

std::optional<Rejected> RateLimiter::acquire(const Request& request, MonoTime deadline, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (closed_) return because(common::Error::closed);
  if (stop.stop_requested()) return because(common::Error::cancelled);
  auto result = core_.reserve(request, deadline, mono_now());
  if (auto* rejected = std::get_if<Rejected>(&result)) return *rejected;
  const LimiterCore::Id id = std::get<LimiterCore::Id>(result);
  while (const auto ready_at = core_.ready_at(id, mono_now())) {
    if (closed_ || stop.stop_requested()) {
      core_.cancel(id, mono_now());
      const auto error = closed_ ? common::Error::closed : common::Error::cancelled;
      lock.unlock();
      turn_moved_.notify_all();
      return because(error);
    }
    // Woken early where the turn moved: it is asked for again.
    turn_moved_.wait_until(lock, stop, *ready_at,
                           [&] { return closed_ || core_.ready_at(id, mono_now()) != ready_at; });
  }
  return std::nullopt;
}

void RateLimiter::resize(Scope scope, const Limit& limit) {
  std::lock_guard lock(mutex_);
  core_.resize(scope, limit, mono_now());
}

void RateLimiter::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  turn_moved_.notify_all();
}

}  // namespace rate_limiter
