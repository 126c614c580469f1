#pragma once
// The naive breaker after its first repair: there is a lock now, but any success still closes it, be it of a call that
// was let through long before the failures (catalogue S0-12).

#include <chrono>
#include <mutex>

namespace quickstart {

class HastyBreaker {
 public:
  static constexpr int threshold = 3;

  bool allows() {
    const std::lock_guard lock(mutex_);
    return !open_ || std::chrono::steady_clock::now() >= retry_at_;
  }
  bool open() {
    const std::lock_guard lock(mutex_);
    return open_;
  }

  void record_success() {
    const std::lock_guard lock(mutex_);
    failures_ = 0;
    open_ = false;
  }

  void record_failure() {
    const std::lock_guard lock(mutex_);
    if (++failures_ < threshold) return;
    open_ = true;
    retry_at_ = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  }

 private:
  std::mutex mutex_;
  int failures_ = 0;
  bool open_ = false;
  std::chrono::steady_clock::time_point retry_at_;
};

}  // namespace quickstart
