// A bounded buffer for many producers and consumers, with a mutex and condition variables.

#include <foreseed/scenario.h>

#include <array>
#include <condition_variable>
#include <mutex>

#include "together.h"

namespace {

constexpr int capacity = 1;

/// Producers and consumers wait on one condition variable, and one of them is woken: perhaps of the wrong kind.
class OneConditionBuffer {
 public:
  void put(int value) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ < capacity; });
    slots_[static_cast<std::size_t>((first_ + count_++) % capacity)] = value;
    changed_.notify_one();
  }
  int take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ > 0; });
    const int value = slots_[static_cast<std::size_t>(first_)];
    first_ = (first_ + 1) % capacity;
    --count_;
    changed_.notify_one();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<int, capacity> slots_{};
  int first_ = 0;
  int count_ = 0;
};

/// `looks_again`: whether a waiter looks again when it is woken, as it has to: another may have been faster.
template <bool looks_again>
class TwoConditionBuffer {
 public:
  void put(int value) {
    std::unique_lock lock(mutex_);
    wait(not_full_, lock, [&] { return count_ < capacity; });
    FORESEED_CHECK(count_ < capacity);
    slots_[static_cast<std::size_t>((first_ + count_++) % capacity)] = value;
    not_empty_.notify_one();
  }
  int take() {
    std::unique_lock lock(mutex_);
    wait(not_empty_, lock, [&] { return count_ > 0; });
    FORESEED_CHECK(count_ > 0);
    const int value = slots_[static_cast<std::size_t>(first_)];
    first_ = (first_ + 1) % capacity;
    --count_;
    not_full_.notify_one();
    return value;
  }

 private:
  template <typename Condition>
  void wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Condition condition) {
    if (looks_again) {
      changed.wait(lock, condition);
    } else if (!condition()) {
      changed.wait(lock);
    }
  }

  std::mutex mutex_;
  std::condition_variable not_full_;
  std::condition_variable not_empty_;
  std::array<int, capacity> slots_{};
  int first_ = 0;
  int count_ = 0;
};

template <typename Buffer>
void two_producers_two_consumers() {
  Buffer buffer;
  int sum[2] = {};
  const auto produce = [&] {
    for (int value = 1; value <= 2; ++value) buffer.put(value);
  };
  const auto consume = [&](int& mine) {
    for (int i = 0; i < 2; ++i) mine += buffer.take();
  };
  together(produce, produce, [&] { consume(sum[0]); }, [&] { consume(sum[1]); });
  FORESEED_CHECK(sum[0] + sum[1] == 6);
}

}  // namespace

FORESEED_SCENARIO(circular_buffer_lost_wakeup, "one condition variable for all, and one is woken (fails: deadlock)") {
  two_producers_two_consumers<OneConditionBuffer>();
}

FORESEED_SCENARIO(circular_buffer_if, "who is woken does not look again (fails: check)") {
  two_producers_two_consumers<TwoConditionBuffer<false>>();
}

FORESEED_SCENARIO(circular_buffer, "the repaired twin of both (holds)") {
  two_producers_two_consumers<TwoConditionBuffer<true>>();
}
