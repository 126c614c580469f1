#pragma once
// A circuit breaker as one finds it in reviews: a counter without a lock, and any success closes it (catalogue S0-12,
// S1-23).

#include <chrono>

namespace quickstart {

class NaiveBreaker {
 public:
  static constexpr int threshold = 3;

  bool allows() const { return !open_ || std::chrono::steady_clock::now() >= retry_at_; }
  bool open() const { return open_; }

  void record_success() {
    failures_ = 0;
    open_ = false;
  }

  void record_failure() {
    if (++failures_ < threshold) return;
    open_ = true;
    retry_at_ = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  }

 private:
  int failures_ = 0;
  bool open_ = false;
  std::chrono::steady_clock::time_point retry_at_;
};

}  // namespace quickstart
