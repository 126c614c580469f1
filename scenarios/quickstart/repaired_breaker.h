#pragma once
// The repaired twin: one lock, and while it is open no success counts but that of a probe let through after the wait;
// it takes several of those in a row to close.

#include <chrono>
#include <mutex>

namespace quickstart {

class RepairedBreaker {
 public:
  static constexpr int threshold = 3;
  static constexpr int probes_to_close = 2;

  bool allows() {
    const std::lock_guard lock(mutex_);
    if (!open_) return true;
    if (probing_ || std::chrono::steady_clock::now() < retry_at_) return false;
    probing_ = true;
    return true;
  }
  bool open() {
    const std::lock_guard lock(mutex_);
    return open_;
  }

  void record_success() {
    const std::lock_guard lock(mutex_);
    if (!open_) {
      failures_ = 0;
    } else if (probing_) {
      probing_ = false;
      if (++probe_successes_ >= probes_to_close) open_ = false, failures_ = probe_successes_ = 0;
    }
  }

  void record_failure() {
    const std::lock_guard lock(mutex_);
    if (!open_ && ++failures_ < threshold) return;
    open_ = true;
    probing_ = false;
    probe_successes_ = 0;
    retry_at_ = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  }

 private:
  std::mutex mutex_;
  int failures_ = 0;
  int probe_successes_ = 0;
  bool open_ = false;
  bool probing_ = false;
  std::chrono::steady_clock::time_point retry_at_;
};

}  // namespace quickstart
