// Invariants over two variables: two stages, a wrong lock, and the reorder family of SCTBench.

#include <foreseed/scenario.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "together.h"

namespace {

/// `second` is to be `first` + 1 as soon as `first` is set. Broken, the lock is given up between the stages.
template <bool one_section>
void two_stage() {
  std::mutex first_mutex;
  std::mutex second_mutex;
  int first = 0;
  int second = 0;
  const auto write = [&] {
    std::unique_lock lock(first_mutex);
    first = 1;
    if (!one_section) lock.unlock();
    const std::lock_guard other(second_mutex);
    second = first + 1;
  };
  const auto read = [&] {
    std::unique_lock lock(first_mutex);
    if (first == 0) return;
    const int seen = first;
    if (!one_section) lock.unlock();
    const std::lock_guard other(second_mutex);
    FORESEED_CHECK(second == seen + 1);
  };
  together(write, read);
}

void two_counters_of(std::mutex& one, std::mutex& other) {
  int counter = 0;
  const auto count = [&](std::mutex& mutex) {
    const std::lock_guard lock(mutex);
    ++counter;
  };
  together([&] { count(one); }, [&] { count(other); });
  FORESEED_CHECK(counter == 2);
}

/// `threads` - 1 threads set a and b, one looks at them: both are to be set, or none.
template <bool atomic>
void reorder(int threads) {
  std::atomic<int> a{0};
  std::atomic<int> b{0};
  std::mutex mutex;
  const auto lock = [&] { return atomic ? std::unique_lock(mutex) : std::unique_lock<std::mutex>(); };
  std::vector<std::thread> running;
  for (int i = 1; i < threads; ++i) {
    running.emplace_back([&] {
      const auto held = lock();
      a = 1;
      b = -1;
    });
  }
  running.emplace_back([&] {
    const auto held = lock();
    const int seen_a = a;
    const int seen_b = b;
    FORESEED_CHECK((seen_a == 0 && seen_b == 0) || (seen_a == 1 && seen_b == -1));
  });
  for (std::thread& thread : running) thread.join();
}

}  // namespace

FORESEED_SCENARIO(two_stage_broken, "two stages in two sections (fails: check)") { two_stage<false>(); }
FORESEED_SCENARIO(two_stage, "the repaired twin: the first lock is held through both (holds)") { two_stage<true>(); }

FORESEED_SCENARIO(wrong_lock_broken, "a counter that each thread protects by a lock of its own (fails: data race)") {
  std::mutex one;
  std::mutex other;
  two_counters_of(one, other);
}
FORESEED_SCENARIO(wrong_lock, "the repaired twin: one lock (holds)") {
  std::mutex mutex;
  two_counters_of(mutex, mutex);
}

FORESEED_SCENARIO(reorder_3_broken, "two set a, then b; a third looks in between (fails: check)") { reorder<false>(3); }
FORESEED_SCENARIO(reorder_4_broken, "the same with three (fails: check)") { reorder<false>(4); }
FORESEED_SCENARIO(reorder_5_broken, "the same with four (fails: check)") { reorder<false>(5); }
FORESEED_SCENARIO(reorder_3, "the repaired twin: a and b are set under a lock (holds)") { reorder<true>(3); }
FORESEED_SCENARIO(reorder_4, "the same with three (holds)") { reorder<true>(4); }
FORESEED_SCENARIO(reorder_5, "the same with four (holds)") { reorder<true>(5); }
