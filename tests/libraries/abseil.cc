// Abseil's mutex, made of atomics and futexes of its own, which knows of lock orders itself.

#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>
#include <foreseed/scenario.h>

#include <thread>
#include <vector>

FORESEED_SCENARIO(absl_await, "those who wait for a condition go on once it holds") {
  absl::Mutex mutex;
  int passed = 0;
  bool open = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const absl::MutexLock lock(&mutex);
      mutex.Await(absl::Condition(&open));
      ++passed;
    });
  }
  {
    const absl::MutexLock lock(&mutex);
    open = true;
  }
  for (std::thread& thread : threads) thread.join();
  const absl::MutexLock lock(&mutex);
  FORESEED_CHECK(passed == 3);
}

FORESEED_SCENARIO(absl_notification, "waits end by virtual time") {
  absl::Notification done;
  std::thread thread([&] {
    absl::SleepFor(absl::Seconds(5));
    done.Notify();
  });
  FORESEED_CHECK(!done.WaitForNotificationWithTimeout(absl::Seconds(1)));
  FORESEED_CHECK(done.WaitForNotificationWithTimeout(absl::Hours(1)));
  thread.join();
}

FORESEED_SCENARIO(absl_lock_order, "known bad: two locks in two orders, which Abseil aborts at or which deadlock") {
  absl::Mutex a, b;
  std::thread other([&] {
    const absl::MutexLock first(&a);
    const absl::MutexLock second(&b);
  });
  {
    const absl::MutexLock first(&b);
    const absl::MutexLock second(&a);
  }
  other.join();
}
