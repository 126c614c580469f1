#pragma once
// Two small programs that leave behind in which order their tasks went on.

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <thread>

namespace foreseed::testing {

/// What an execution leaves behind, in memory that is not put back after it.
struct Order {
  std::size_t size;
  char by[64];
};
inline Order* const order =
    static_cast<Order*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

/// Not instrumented: that tasks write here is no race of theirs.
__attribute__((noinline, no_sanitize("thread"))) inline void note(char who) { order->by[order->size++] = who; }

/// (a): two lock sections each.
inline void lock_sections() {
  order->size = 0;
  std::mutex mutex;
  const auto work = [&](char me) {
    for (int i = 0; i < 2; ++i) {
      const std::lock_guard lock(mutex);
      note(me);
    }
  };
  std::thread a(work, 'a'), b(work, 'b');
  a.join(), b.join();
}

/// (b): an atomic is read and written, so many times each.
template <int times = 2> void lost_updates() {
  order->size = 0;
  std::atomic<int> x{0};
  const auto work = [&](char me) {
    for (int i = 0; i < times; ++i) {
      const int v = x;
      note(me);
      x = v + 1;
      note(me);
    }
  };
  std::thread a(work, 'a'), b(work, 'b');
  a.join(), b.join();
}

}  // namespace foreseed::testing
