// An alert with `for` semantics: it fires once its condition has held without a break for some time.
//
// A single observation that it does not hold takes everything back, so an alert neither fires on a spike nor is
// postponed by how often it is looked at. Observations are numbered, and an older one than the last is ignored: they may
// come from threads that overtake each other. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "common/time.h"

namespace services {

class Alert {
 public:
  explicit Alert(common::Duration hold) : hold_(hold) {}

  void observe(bool condition, std::uint64_t number, common::MonoTime now) {
    const std::lock_guard lock(mutex_);
    if (number < last_) return;
    last_ = number;
    if (!condition) {
      since_.reset();
    } else if (!since_) {
      since_ = now;
    }
  }

  /// At the very instant at which the time is over it fires.
  bool firing(common::MonoTime now) const {
    const std::lock_guard lock(mutex_);
    return since_ && now - *since_ >= hold_;
  }

 private:
  const common::Duration hold_;
  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;                  // guarded by mutex_
  std::optional<common::MonoTime> since_;  // guarded by mutex_
};

}  // namespace services
