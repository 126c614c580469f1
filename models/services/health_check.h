// Whether something that a service needs is there, asked so that asking does no harm.
//
// However often it is looked at, it is asked at most once in a period, by one caller at a time; whoever looks meanwhile
// gets the last answer and waits for nobody. An answer older than two periods is no answer: "unknown", which nobody
// should take for good. `ask` has its own time limit, so a look takes no longer than that. Any thread.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "common/time.h"

namespace services {

class HealthCheck {
 public:
  enum class State { unknown, ok, failing };

  /// `ask` is called under no lock and must return within a time limit; an exception it lets out is a no.
  HealthCheck(std::function<bool()> ask, common::Duration period) : ask_(std::move(ask)), period_(period) {}
  HealthCheck(const HealthCheck&) = delete;
  HealthCheck& operator=(const HealthCheck&) = delete;

  State look() {
    {
      const std::lock_guard lock(mutex_);
      const common::MonoTime now = common::mono_now();
      const bool recent = answered_at_ && now - *answered_at_ < period_;
      const bool old = !answered_at_ || now - *answered_at_ >= 2 * period_;
      if (asking_ || recent) return old ? State::unknown : last_;
      asking_ = true;
    }
    bool good = false;
    try {
      good = ask_();
    } catch (...) {
      // what cannot be asked is not there
    }
    const std::lock_guard lock(mutex_);
    asking_ = false;
    answered_at_ = common::mono_now();
    return last_ = good ? State::ok : State::failing;
  }

 private:
  const std::function<bool()> ask_;
  const common::Duration period_;
  std::mutex mutex_;
  State last_ = State::unknown;                  // guarded by mutex_
  std::optional<common::MonoTime> answered_at_;  // guarded by mutex_
  bool asking_ = false;                          // guarded by mutex_
};

constexpr std::string_view to_string(HealthCheck::State state) {
  return state == HealthCheck::State::ok ? "ok" : state == HealthCheck::State::failing ? "failing" : "unknown";
}

}  // namespace services
