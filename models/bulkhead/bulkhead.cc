#include "bulkhead/bulkhead.h"

#include <stdexcept>
#include <string>

namespace bulkhead {

void validate(const Config& config) {
  if (config.concurrency < 1 || config.concurrency > 1'000'000) {
    throw std::invalid_argument("bulkhead config: concurrency is " + std::to_string(config.concurrency) +
                                ", must be in [1, 1000000]");
  }
  if (config.queue > 1'000'000) {
    throw std::invalid_argument("bulkhead config: queue is " + std::to_string(config.queue) +
                                ", must be in [0, 1000000]");
  }
}

Permit& Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  release();
  owner_ = std::exchange(other.owner_, nullptr);
  id_ = other.id_;
  return *this;
}

void Permit::release() noexcept {
  if (Bulkhead* owner = std::exchange(owner_, nullptr)) owner->release();
}

common::Result<Permit> Bulkhead::acquire(MonoTime deadline, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (closed_) return Error::closed;
  if (stop.stop_requested()) return Error::cancelled;
  if (line_.empty() && running_ < config_.concurrency) {
    ++running_;
    return Permit(*this, ++last_id_);
  }
  if (line_.size() >= config_.queue || common::mono_now() >= deadline) return Error::overloaded;
  Waiter self{deadline};
  const auto place = line_.insert(line_.end(), &self);
  self.woken.wait_until(lock, stop, deadline, [&] { return !self.in_line || closed_; });
  // A grant that came together with the deadline or a stop is a grant: it is taken, never lost.
  if (self.permit != 0) return Permit(*this, self.permit);
  if (self.in_line) line_.erase(place);
  if (closed_) return Error::closed;
  return stop.stop_requested() ? Error::cancelled : Error::deadline_exceeded;
}

void Bulkhead::release() {
  std::lock_guard lock(mutex_);
  --running_;
  grant_in_order();
}

/// REQUIRES: mutex_ held. A waiter's condition is notified under the lock: as soon as it sees its permit it is gone.
void Bulkhead::grant_in_order() {
  while (!closed_ && !line_.empty() && running_ < config_.concurrency) {
    Waiter* first = line_.front();
    line_.pop_front();
    first->in_line = false;
    if (common::mono_now() <= first->deadline) {
      ++running_;
      first->permit = ++last_id_;
    }
    first->woken.notify_one();
  }
}

void Bulkhead::resize(const Config& config) {
  validate(config);
  std::lock_guard lock(mutex_);
  config_ = config;
  grant_in_order();
}

void Bulkhead::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  for (Waiter* waiter : line_) waiter->woken.notify_one();
}

std::size_t Bulkhead::running() const {
  std::lock_guard lock(mutex_);
  return running_;
}

std::size_t Bulkhead::waiting() const {
  std::lock_guard lock(mutex_);
  return line_.size();
}

}  // namespace bulkhead
