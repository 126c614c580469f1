// A bulkhead: at most so many at once, the next is turned away rather than made to wait.
//
// Invariants: in_flight <= limit; entered and refused count every attempt once. Any thread; no
// operation waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

namespace services {

struct BulkheadCounters {
  std::uint64_t entered = 0;
  std::uint64_t refused = 0;
  std::size_t in_flight = 0;
  std::size_t in_flight_peak = 0;
};

class Bulkhead {
 public:
  explicit Bulkhead(std::size_t limit) : limit_(limit) {}
  Bulkhead(const Bulkhead&) = delete;
  Bulkhead& operator=(const Bulkhead&) = delete;

  /// One attempt to enter; leaves when destroyed.
  class Visit {
   public:
    explicit Visit(Bulkhead& bulkhead) : bulkhead_(bulkhead), entered_(bulkhead.enter()) {}
    ~Visit() {
      if (entered_) bulkhead_.leave();
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    bool entered() const { return entered_; }

   private:
    Bulkhead& bulkhead_;
    const bool entered_;
  };

  BulkheadCounters counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
  }

 private:
  bool enter() {
    const std::lock_guard lock(mutex_);
    if (counters_.in_flight >= limit_) return ++counters_.refused, false;
    ++counters_.entered;
    if (++counters_.in_flight > counters_.in_flight_peak) {
      counters_.in_flight_peak = counters_.in_flight;
    }
    return true;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    --counters_.in_flight;
  }

  const std::size_t limit_;
  mutable std::mutex mutex_;
  BulkheadCounters counters_;  // guarded by mutex_
};

}  // namespace services
