// Deadlocks, livelocks, starvation.

#include "detectors/detector.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

// NOLINTBEGIN: these are wrong on purpose

void deadlock_ab_ba() {
  std::mutex a, b;
  std::thread other([&] {
    std::lock_guard first(b);
    std::lock_guard second(a);
  });
  {
    std::lock_guard first(a);
    std::lock_guard second(b);
  }
  other.join();
}

void no_deadlock_ab_ba() {
  std::mutex a, b;
  std::thread other([&] { std::scoped_lock both(b, a); });
  {
    std::scoped_lock both(a, b);
  }
  other.join();
}

void lost_wake_up() {
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  std::thread other([&] {
    {
      std::lock_guard lock(mutex);
      ready = true;
    }
    changed.notify_one();
  });
  bool seen;
  {
    std::lock_guard lock(mutex);
    seen = ready;
  }
  if (!seen) {
    std::unique_lock lock(mutex);
    changed.wait(lock);  // without a predicate: the signal may be over
  }
  other.join();
}

void no_lost_wake_up() {
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  std::thread other([&] {
    {
      std::lock_guard lock(mutex);
      ready = true;
    }
    changed.notify_one();
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ready; });
  }
  other.join();
}

void self_deadlock() {
  std::mutex mutex;
  mutex.lock();
  mutex.lock();
}

void livelock_of_spinners() {
  std::atomic<bool> never_set{false};
  std::thread other([&] { while (!never_set) std::this_thread::yield(); });
  other.join();
}

void livelock_of_busy_threads() {
  std::atomic<int> value{0};
  std::thread other([&] { for (;;) value = 1; });
  for (;;) value = 2;
}

void livelock_of_the_polite() {
  // Each gives way to the other, by condition variables: every step does something, none leads anywhere.
  std::mutex mutex;
  std::condition_variable turn;
  bool mine = true;
  const auto after_you = [&](bool me) {
    std::unique_lock lock(mutex);
    for (;;) {
      turn.wait(lock, [&] { return mine == me; });
      mine = !me;
      turn.notify_one();
    }
  };
  std::thread other(after_you, false);
  after_you(true);
}

void starves_one() {
  // One never lets go of what the other tries to get.
  std::mutex mutex;
  std::atomic<int> value{0};
  std::atomic<bool> locked{false};
  std::thread other([&] {
    while (!locked) std::this_thread::yield();
    while (!mutex.try_lock()) {
    }
  });
  mutex.lock();
  locked = true;
  for (;;) ++value;
}

void computes_for_long() {
  // 80,000 steps at one instant in each of two threads, and an end.
  const auto compute = [] {
    std::mutex mutex;
    for (int i = 0; i < 40'000; ++i) const std::lock_guard lock(mutex);
  };
  std::thread other(compute);
  compute();
  other.join();
}

void spinner_is_served() {
  std::atomic<bool> set{false};
  std::thread other([&] { while (!set) {} });
  std::this_thread::sleep_for(1h);
  set = true;
  other.join();
}

// NOLINTEND

const Case cases[] = {
    {"deadlock_ab_ba", deadlock_ab_ba, no_deadlock_ab_ba, FindingKind::deadlock, "main -> T1 -> main", 50},
    {"lost_wake_up", lost_wake_up, no_lost_wake_up, FindingKind::deadlock, "nobody is left to do: lost wake-up: main waits for", 50},
    {"self_deadlock", self_deadlock, no_deadlock_ab_ba, FindingKind::deadlock, "main waits for itself", 1},
    {"livelock_of_spinners", livelock_of_spinners, spinner_is_served, FindingKind::livelock, "spins", 1},
    {"livelock_of_the_polite", livelock_of_the_polite, computes_for_long, FindingKind::livelock, "change nothing or wait", 1},
    {"starves_one", starves_one, computes_for_long, FindingKind::livelock, "starvation of T1", 1},
    {"livelock_of_busy_threads", livelock_of_busy_threads, spinner_is_served, FindingKind::livelock, "steps", 1},
};

INSTANTIATE_TEST_SUITE_P(Blocking, Detector, ::testing::ValuesIn(cases), case_name);

}  // namespace
}  // namespace foreseed::testing
