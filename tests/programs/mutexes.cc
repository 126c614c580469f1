// The mutexes and the locks.
#include <array>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "checks.h"
#include "programs.h"

namespace programs {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

void mutex_counter() {
  Checks check("mutex_counter");
  std::mutex mutex;
  int counter = 0;
  int inside = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 8; ++j) {
        std::lock_guard<std::mutex> lock(mutex);
        check(++inside == 1, "two threads hold the mutex");
        ++counter;
        if (j == 3) std::this_thread::yield();
        --inside;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(counter == 24, "an increment under the mutex was lost");
  check.done();
}

void mutex_held_across_sleep() {
  Checks check("mutex_held_across_sleep");
  std::mutex mutex;
  int inside = 0;
  const auto work = [&] {
    for (int i = 0; i < 2; ++i) {
      std::unique_lock<std::mutex> lock(mutex);
      check(++inside == 1, "two threads hold the mutex");
      std::this_thread::sleep_for(300us);
      --inside;
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
      check(++inside == 1, "two threads hold the mutex after a relock");
      --inside;
    }
  };
  std::thread a(work);
  std::thread b(work);
  a.join();
  b.join();
  check.done();
}

void mutex_try_lock() {
  Checks check("mutex_try_lock");
  std::mutex mutex;
  Gate held;
  Gate release;
  std::thread holder([&] {
    std::lock_guard<std::mutex> lock(mutex);
    held.open();
    release.wait();
  });
  held.wait();
  check(!mutex.try_lock(), "try_lock() took a held mutex");
  {
    std::unique_lock<std::mutex> lock(mutex, std::try_to_lock);
    check(!lock.owns_lock(), "try_to_lock took a held mutex");
  }
  release.open();
  holder.join();
  int inside = 0;
  int taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int tries = 0; tries < 5; ++tries) {
        std::unique_lock<std::mutex> lock(mutex, std::try_to_lock);
        if (!lock) {
          std::this_thread::yield();
          continue;
        }
        check(++inside == 1, "two threads hold the mutex");
        ++taken;
        --inside;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(taken >= 1 && taken <= 10, "the mutex was never taken");
  check.done();
}

void mutex_unique_lock_errors() {
  Checks check("mutex_unique_lock_errors");
  std::mutex mutex;
  const auto code_of = [](auto&& action) {
    try {
      action();
    } catch (const std::system_error& error) {
      return error.code();
    }
    return std::error_code();
  };
  std::unique_lock<std::mutex> lock(mutex);
  check(code_of([&] { lock.lock(); }) == std::errc::resource_deadlock_would_occur, "a second lock() is not refused");
  lock.unlock();
  check(code_of([&] { lock.unlock(); }) == std::errc::operation_not_permitted, "a second unlock() is not refused");
  std::unique_lock<std::mutex> none;
  check(code_of([&] { none.lock(); }) == std::errc::operation_not_permitted, "lock() of no mutex is not refused");
  lock.lock();
  std::unique_lock<std::mutex> moved(std::move(lock));
  check(moved.owns_lock() && !lock.owns_lock(), "a moved lock did not move");
  check.done();
}

void timed_mutex_times_out() {
  Checks check("timed_mutex_times_out");
  std::timed_mutex mutex;
  Gate held;
  Gate release;
  std::thread holder([&] {
    std::lock_guard<std::timed_mutex> lock(mutex);
    held.open();
    release.wait();
  });
  held.wait();
  const auto start = Steady::now();
  check(!mutex.try_lock_for(1ms), "try_lock_for() took a held mutex");
  check(Steady::now() - start >= 1ms, "try_lock_for() gave up early");
  const auto deadline = Steady::now() + 1ms;
  check(!mutex.try_lock_until(deadline), "try_lock_until() took a held mutex");
  check(Steady::now() >= deadline, "try_lock_until() gave up early");
  const auto wall = std::chrono::system_clock::now() + 1ms;
  check(!mutex.try_lock_until(wall), "try_lock_until(system_clock) took a held mutex");
  check(std::chrono::system_clock::now() >= wall, "try_lock_until(system_clock) gave up early");
  check(!mutex.try_lock_for(-1s), "a wait in the past took a held mutex");
  check(!mutex.try_lock(), "try_lock() took a held mutex");
  release.open();
  holder.join();
  check(mutex.try_lock_for(1ms), "try_lock_for() did not take a free mutex");
  mutex.unlock();
  check(mutex.try_lock_until(Steady::now() - 1s), "a free mutex was not taken because of a deadline in the past");
  mutex.unlock();
  check.done();
}

// The holder sleeps and lets go. It is taken, unless the holder was kept from
// running for all of the timeout: then that much time has passed.
void timed_mutex_holder_sleeps() {
  Checks check("timed_mutex_holder_sleeps");
  std::timed_mutex mutex;
  Gate held;
  bool released = false;
  std::thread holder([&] {
    std::lock_guard<std::timed_mutex> lock(mutex);
    held.open();
    std::this_thread::sleep_for(1ms);
    released = true;
  });
  held.wait();
  const auto start = Steady::now();
  if (mutex.try_lock_for(60s)) {
    check(released, "the mutex was taken before its holder let go");
    mutex.unlock();
  } else {
    check(Steady::now() - start >= 60s, "try_lock_for() gave up early");
  }
  holder.join();
  check.done();
}

void recursive_mutex_depth() {
  Checks check("recursive_mutex_depth");
  std::recursive_mutex mutex;
  int inside = 0;
  const auto descend = [&](auto&& self, int depth) -> void {
    std::lock_guard<std::recursive_mutex> lock(mutex);
    const int before = inside++;
    if (depth > 0) self(self, depth - 1);
    check(inside == before + 1, "another thread is inside a recursive mutex");
    --inside;
  };
  std::thread a([&] { descend(descend, 3); });
  std::thread b([&] { descend(descend, 2); });
  a.join();
  b.join();
  // Held twice, let go once: still held.
  mutex.lock();
  check(mutex.try_lock(), "the owner's try_lock() failed");
  mutex.unlock();
  std::thread([&] { check(!mutex.try_lock(), "a mutex still held once was taken"); }).join();
  mutex.unlock();
  std::thread([&] {
    check(mutex.try_lock(), "a mutex let go as often as taken is not free");
    mutex.unlock();
  }).join();
  check.done();
}

void recursive_timed_mutex_depth() {
  Checks check("recursive_timed_mutex_depth");
  std::recursive_timed_mutex mutex;
  mutex.lock();
  check(mutex.try_lock_for(1ms), "the owner's try_lock_for() failed");
  check(mutex.try_lock_until(Steady::now() + 1ms), "the owner's try_lock_until() failed");
  check(mutex.try_lock(), "the owner's try_lock() failed");
  for (int left = 3; left >= 0; --left) {
    std::thread([&] {
      const auto start = Steady::now();
      check(!mutex.try_lock_for(200us), "a held mutex was taken");
      check(Steady::now() - start >= 200us, "try_lock_for() gave up early");
    }).join();
    mutex.unlock();
  }
  std::thread([&] {
    check(mutex.try_lock_for(1ms), "a free mutex was not taken");
    mutex.unlock();
  }).join();
  check.done();
}

void shared_mutex_excludes() {
  Checks check("shared_mutex_excludes");
  std::shared_mutex mutex;
  std::array<int, 2> pair{0, 0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 4; ++j) {
        std::shared_lock<std::shared_mutex> lock(mutex);
        const int first = pair[0];
        std::this_thread::yield();
        check(first == pair[1], "a reader saw half of what a writer wrote");
      }
    });
  }
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 3; ++j) {
        std::unique_lock<std::shared_mutex> lock(mutex);
        ++pair[0];
        std::this_thread::yield();
        ++pair[1];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(pair[0] == 6 && pair[1] == 6, "a write was lost");
  check.done();
}

void shared_mutex_try_lock() {
  Checks check("shared_mutex_try_lock");
  std::shared_mutex mutex;
  mutex.lock_shared();
  std::thread([&] {
    check(mutex.try_lock_shared(), "a second reader was kept out");
    mutex.unlock_shared();
    check(!mutex.try_lock(), "a writer came in beside a reader");
  }).join();
  mutex.unlock_shared();
  mutex.lock();
  std::thread([&] {
    check(!mutex.try_lock_shared(), "a reader came in beside a writer");
    check(!mutex.try_lock(), "a writer came in beside a writer");
  }).join();
  mutex.unlock();
  check(mutex.try_lock(), "a free mutex was not taken");
  mutex.unlock();
  // Two readers inside at one time: each waits for the other.
  Gate a_in;
  Gate b_in;
  std::thread a([&] {
    std::shared_lock<std::shared_mutex> lock(mutex);
    a_in.open();
    b_in.wait();
  });
  std::thread b([&] {
    std::shared_lock<std::shared_mutex> lock(mutex);
    b_in.open();
    a_in.wait();
  });
  a.join();
  b.join();
  check.done();
}

void shared_timed_mutex_times_out() {
  Checks check("shared_timed_mutex_times_out");
  std::shared_timed_mutex mutex;
  mutex.lock();
  std::thread([&] {
    const auto start = Steady::now();
    check(!mutex.try_lock_for(500us), "a writer came in beside a writer");
    check(!mutex.try_lock_shared_for(500us), "a reader came in beside a writer");
    check(Steady::now() - start >= 1ms, "the waits gave up early");
    const auto deadline = std::chrono::system_clock::now() + 500us;
    check(!mutex.try_lock_shared_until(deadline), "a reader came in beside a writer");
    check(std::chrono::system_clock::now() >= deadline, "try_lock_shared_until() gave up early");
  }).join();
  mutex.unlock();
  mutex.lock_shared();
  std::thread([&] {
    check(mutex.try_lock_shared_for(500us), "a second reader was kept out");
    mutex.unlock_shared();
    const auto deadline = Steady::now() + 500us;
    check(!mutex.try_lock_until(deadline), "a writer came in beside a reader");
    check(Steady::now() >= deadline, "try_lock_until() gave up early");
  }).join();
  mutex.unlock_shared();
  std::thread([&] {
    check(mutex.try_lock_for(500us), "a free mutex was not taken");
    mutex.unlock();
  }).join();
  check.done();
}

void scoped_lock_of_two() {
  Checks check("scoped_lock_of_two");
  std::mutex a;
  std::mutex b;
  int from = 20;
  int to = 20;
  const auto move_one = [&](std::mutex& first, std::mutex& second, int& source, int& target) {
    for (int i = 0; i < 4; ++i) {
      std::scoped_lock lock(first, second);
      --source;
      ++target;
      check(source + target == 40, "the sum under both mutexes changed");
    }
  };
  std::thread one([&] { move_one(a, b, from, to); });
  std::thread two([&] { move_one(b, a, to, from); });
  one.join();
  two.join();
  check(from == 20 && to == 20, "a move was lost");
  check.done();
}

void lock_of_three() {
  Checks check("lock_of_three");
  std::mutex a;
  std::recursive_mutex b;
  std::timed_mutex c;
  int counter = 0;
  std::thread one([&] {
    for (int i = 0; i < 3; ++i) {
      std::lock(a, b, c);
      std::lock_guard<std::mutex> lock_a(a, std::adopt_lock);
      std::lock_guard<std::recursive_mutex> lock_b(b, std::adopt_lock);
      std::lock_guard<std::timed_mutex> lock_c(c, std::adopt_lock);
      ++counter;
    }
  });
  std::thread two([&] {
    for (int i = 0; i < 3; ++i) {
      std::unique_lock<std::timed_mutex> lock_c(c, std::defer_lock);
      std::unique_lock<std::mutex> lock_a(a, std::defer_lock);
      std::unique_lock<std::recursive_mutex> lock_b(b, std::defer_lock);
      std::lock(lock_c, lock_b, lock_a);
      ++counter;
    }
  });
  one.join();
  two.join();
  check(counter == 6, "an increment under three mutexes was lost");
  check(std::try_lock(a, b, c) == -1, "try_lock() of free mutexes failed");
  a.unlock();
  c.unlock();
  std::thread([&] {
    check(std::try_lock(a, b, c) == 1, "try_lock() did not name the held mutex");
    check(a.try_lock(), "try_lock() kept a mutex it was to let go");
    a.unlock();
  }).join();
  b.unlock();
  check.done();
}

// The next mutex is taken before the last is let go: no walker overtakes another.
void mutex_hand_over_hand() {
  Checks check("mutex_hand_over_hand");
  std::array<std::mutex, 4> mutexes;
  std::array<int, 4> cells{};
  const auto walk = [&] {
    std::unique_lock<std::mutex> held(mutexes[0]);
    const int rank = cells[0]++;
    for (std::size_t i = 1; i < cells.size(); ++i) {
      std::unique_lock<std::mutex> next(mutexes[i]);
      held = std::move(next);
      check(cells[i]++ == rank, "a walker overtook another");
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(walk);
  for (auto& thread : threads) thread.join();
  check(cells == std::array<int, 4>{3, 3, 3, 3}, "a step was lost");
  check.done();
}

}  // namespace programs
