// One thread publishes, others read: double-checked locking, a sequence lock, a ring for one producer and one consumer.

#include <foreseed/scenario.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "together.h"

namespace {

struct Settings {
  int timeout = 30;
  int retries = 3;
};

/// `Pointer`: a plain one is read while another thread writes it.
template <typename Pointer>
class Lazy {
 public:
  const Settings& get() {
    if (settings_ == nullptr) {
      const std::lock_guard lock(mutex_);
      if (settings_ == nullptr) settings_ = (owner_ = std::make_unique<Settings>()).get();
    }
    return *settings_;
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<Settings> owner_;
  Pointer settings_{nullptr};
};

template <typename Pointer>
void two_first_users() {
  Lazy<Pointer> lazy;
  const auto use = [&] { FORESEED_CHECK(lazy.get().timeout == 30 && lazy.get().retries == 3); };
  together(use, use);
}

/// Readers take no lock: they look again whether a writer was there. Broken, the writer counts only when it is done.
template <bool announced>
class SequenceLock {
 public:
  void write(int value) {
    if (announced) ++sequence_;  // odd: being written
    one_ = value;
    other_ = -value;
    sequence_ += announced ? 1 : 2;
  }

  std::array<int, 2> read() const {
    for (;;) {
      const unsigned before = sequence_;
      const std::array<int, 2> seen{one_, other_};
      if (before % 2 == 0 && sequence_ == before) return seen;
      std::this_thread::yield();
    }
  }

 private:
  std::atomic<unsigned> sequence_{0};
  std::atomic<int> one_{0};
  std::atomic<int> other_{0};
};

template <bool announced>
void one_writer_two_readers() {
  SequenceLock<announced> lock;
  const auto read = [&] {
    const auto [one, other] = lock.read();
    FORESEED_CHECK(one == -other);
  };
  together(
      [&] {
        lock.write(1);
        lock.write(2);
      },
      read, read);
}

/// Broken, an element is published before it is written.
template <bool written_first>
class Ring {
 public:
  bool push(int value) {
    const unsigned tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == slots_.size()) return false;
    if (!written_first) tail_.store(tail + 1, std::memory_order_release);
    slots_[tail % slots_.size()] = value;
    if (written_first) tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  bool pop(int& value) {
    const unsigned head = head_.load(std::memory_order_relaxed);
    if (tail_.load(std::memory_order_acquire) == head) return false;
    value = slots_[head % slots_.size()];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

 private:
  std::array<int, 2> slots_{};
  std::atomic<unsigned> head_{0};
  std::atomic<unsigned> tail_{0};
};

template <bool written_first>
void one_producer_one_consumer() {
  constexpr int count = 4;
  Ring<written_first> ring;
  together(
      [&] {
        for (int value = 1; value <= count; ++value) {
          while (!ring.push(value)) std::this_thread::yield();
        }
      },
      [&] {
        for (int expected = 1; expected <= count; ++expected) {
          int value = 0;
          while (!ring.pop(value)) std::this_thread::yield();
          FORESEED_CHECK(value == expected);
        }
      });
}

}  // namespace

FORESEED_SCENARIO(double_checked_broken, "double-checked locking of a plain pointer (fails: data race)") {
  two_first_users<Settings*>();
}
FORESEED_SCENARIO(double_checked, "the repaired twin: the pointer is atomic (holds)") {
  two_first_users<std::atomic<Settings*>>();
}

FORESEED_SCENARIO(seqlock_broken, "a sequence lock whose writer does not announce itself (fails: check)") {
  one_writer_two_readers<false>();
}
FORESEED_SCENARIO(seqlock, "the repaired twin: odd while it is written (holds)") { one_writer_two_readers<true>(); }

FORESEED_SCENARIO(spsc_ring_broken, "an element is published before it is written (fails: data race)") {
  one_producer_one_consumer<false>();
}
FORESEED_SCENARIO(spsc_ring, "the repaired twin (holds)") { one_producer_one_consumer<true>(); }
