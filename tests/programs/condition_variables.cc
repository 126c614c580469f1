// condition_variable and condition_variable_any.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "checks.h"
#include "programs.h"

namespace programs {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
using Wall = std::chrono::system_clock;

void condition_bounded_queue() {
  Checks check("condition_bounded_queue");
  constexpr std::size_t capacity = 2;
  constexpr int per_producer = 6;
  std::mutex mutex;
  std::condition_variable not_full;
  std::condition_variable not_empty;
  std::deque<int> queue;
  int producing = 2;
  std::vector<int> taken;
  const auto produce = [&](int from) {
    for (int i = 0; i < per_producer; ++i) {
      std::unique_lock<std::mutex> lock(mutex);
      not_full.wait(lock, [&] { return queue.size() < capacity; });
      queue.push_back(from + i);
      check(queue.size() <= capacity, "the queue grew beyond its capacity");
      not_empty.notify_one();
    }
    std::lock_guard<std::mutex> lock(mutex);
    if (--producing == 0) not_empty.notify_all();
  };
  const auto consume = [&] {
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex);
      not_empty.wait(lock, [&] { return !queue.empty() || producing == 0; });
      if (queue.empty()) return;
      taken.push_back(queue.front());
      queue.pop_front();
      lock.unlock();
      not_full.notify_one();
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(produce, 0);
  threads.emplace_back(produce, 100);
  threads.emplace_back(consume);
  threads.emplace_back(consume);
  for (auto& thread : threads) thread.join();
  check(taken.size() == 2 * per_producer, "not every element was taken exactly once");
  int next_low = 0;
  int next_high = 100;
  for (const int value : taken) check(value == (value < 100 ? next_low : next_high)++, "elements of one producer were taken out of order");
  check.done();
}

void condition_ping_pong() {
  Checks check("condition_ping_pong");
  std::mutex mutex;
  std::condition_variable turned;
  int turn = 0;
  int rounds = 0;
  const auto play = [&](int own) {
    for (int i = 0; i < 5; ++i) {
      std::unique_lock<std::mutex> lock(mutex);
      while (turn != own) turned.wait(lock);
      check(rounds++ % 2 == own, "a player moved out of turn");
      turn = 1 - own;
      turned.notify_one();
    }
  };
  std::thread a(play, 0);
  std::thread b(play, 1);
  a.join();
  b.join();
  check(rounds == 10, "a round was lost");
  check.done();
}

void condition_wait_for_times_out() {
  Checks check("condition_wait_for_times_out");
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock<std::mutex> lock(mutex);
  const auto start = Steady::now();
  check(!condition.wait_for(lock, 1ms, [] { return false; }), "wait_for() made a false predicate true");
  check(Steady::now() - start >= 1ms, "wait_for() with a predicate gave up early");
  check(lock.owns_lock(), "the lock was lost in wait_for()");
  const auto steady = Steady::now() + 1ms;
  while (condition.wait_until(lock, steady) == std::cv_status::no_timeout) {
  }
  check(Steady::now() >= steady, "wait_until(steady_clock) gave up early");
  const auto wall = Wall::now() + 1ms;
  while (condition.wait_until(lock, wall) == std::cv_status::no_timeout) {
  }
  check(Wall::now() >= wall, "wait_until(system_clock) gave up early");
  check(!condition.wait_until(lock, Steady::now() - 1h, [] { return false; }), "a deadline in the past");
  check(condition.wait_for(lock, 1h, [] { return true; }), "a true predicate was not seen");
  check.done();
}

// Notified in good time; only if the notifier did not get to run for the whole
// timeout may the wait time out.
void condition_wait_for_notified() {
  Checks check("condition_wait_for_notified");
  std::mutex mutex;
  std::condition_variable condition;
  bool ready = false;
  std::thread notifier([&] {
    std::this_thread::sleep_for(1ms);
    std::lock_guard<std::mutex> lock(mutex);
    ready = true;
    condition.notify_one();
  });
  const auto is_ready = [&ready] { return ready; };
  {
    std::unique_lock<std::mutex> lock(mutex);
    const auto start = Steady::now();
    if (!condition.wait_for(lock, 60s, is_ready)) {
      check(!ready, "wait_for() returned false with a true predicate");
      check(Steady::now() - start >= 60s, "wait_for() gave up early");
    }
    const auto wall = Wall::now() + 60s;
    if (!condition.wait_until(lock, wall, is_ready)) check(Wall::now() >= wall, "wait_until(system_clock) gave up early");
    const auto steady = Steady::now() + 60s;
    if (!condition.wait_until(lock, steady, is_ready)) check(Steady::now() >= steady, "wait_until(steady_clock) gave up early");
  }
  notifier.join();
  check(ready, "the notifier did not run");
  check.done();
}

void condition_notify_all() {
  Checks check("condition_notify_all");
  std::mutex mutex;
  std::condition_variable go;
  std::condition_variable arrived;
  int waiting = 0;
  int woken = 0;
  bool started = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      std::unique_lock<std::mutex> lock(mutex);
      ++waiting;
      arrived.notify_one();
      go.wait(lock, [&] { return started; });
      ++woken;
    });
  }
  {
    std::unique_lock<std::mutex> lock(mutex);
    arrived.wait(lock, [&] { return waiting == 3; });
    check(woken == 0, "a thread woke before the start");
    started = true;
  }
  go.notify_all();  // not under the lock
  for (auto& thread : threads) thread.join();
  check(woken == 3, "notify_all() did not wake all");
  check.done();
}

// As many notify_one() as waiters: each of them is woken.
void condition_notify_one_each() {
  Checks check("condition_notify_one_each");
  std::mutex mutex;
  std::condition_variable condition;
  int permits = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      std::unique_lock<std::mutex> lock(mutex);
      condition.wait(lock, [&] { return permits > 0; });
      --permits;
    });
  }
  for (int i = 0; i < 3; ++i) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      ++permits;
    }
    condition.notify_one();
    if (i == 0) std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  check(permits == 0, "a permit was left");
  check.done();
}

namespace {

struct AtExit {
  bool* destroyed = nullptr;
  ~AtExit() {
    if (destroyed) *destroyed = true;
  }
};

}  // namespace

void condition_notify_all_at_thread_exit() {
  Checks check("condition_notify_all_at_thread_exit");
  std::mutex mutex;
  std::condition_variable ended;
  bool finished = false;
  bool destroyed = false;
  int value = 0;
  std::thread thread([&] {
    thread_local AtExit at_exit;
    at_exit.destroyed = &destroyed;
    std::unique_lock<std::mutex> lock(mutex);
    value = 7;
    finished = true;
    std::notify_all_at_thread_exit(ended, std::move(lock));
    std::this_thread::sleep_for(500us);
    value = 8;  // the lock is still held
  });
  {
    std::unique_lock<std::mutex> lock(mutex);
    ended.wait(lock, [&] { return finished; });
    check(value == 8, "the lock was let go before the thread ended");
    check(destroyed, "the waiter woke before the thread's variables were destroyed");
  }
  thread.join();
  check.done();
}

void condition_any_lock_types() {
  Checks check("condition_any_lock_types");
  std::shared_mutex mutex;
  std::condition_variable_any condition;
  int value = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      std::shared_lock<std::shared_mutex> lock(mutex);
      condition.wait(lock, [&] { return value == 3; });
      check(lock.owns_lock(), "the shared lock was lost");
    });
  }
  for (int i = 0; i < 3; ++i) {
    std::unique_lock<std::shared_mutex> lock(mutex);
    ++value;
    condition.notify_all();
  }
  for (auto& thread : threads) thread.join();
  std::recursive_mutex recursive;
  std::unique_lock<std::recursive_mutex> lock(recursive);
  const auto start = Steady::now();
  check(!condition.wait_for(lock, 1ms, [] { return false; }), "wait_for() made a false predicate true");
  check(Steady::now() - start >= 1ms, "wait_for() gave up early");
  check(lock.owns_lock(), "the recursive lock was lost");
  check.done();
}

void condition_any_stop_token() {
  Checks check("condition_any_stop_token");
  std::mutex mutex;
  std::condition_variable_any condition;
  std::deque<int> queue;
  int sum = 0;
  bool stopped = false;
  {
    std::jthread worker([&](std::stop_token stop) {
      std::unique_lock<std::mutex> lock(mutex);
      while (condition.wait(lock, stop, [&] { return !queue.empty(); })) {
        sum += queue.front();
        queue.pop_front();
      }
      check(stop.stop_requested(), "the wait ended without a stop");
      stopped = true;
    });
    for (int i = 1; i <= 3; ++i) {
      std::lock_guard<std::mutex> lock(mutex);
      queue.push_back(i);
      condition.notify_one();
    }
  }  // stops the worker, who takes what is left first
  check(stopped, "the worker was not stopped");
  check(sum == 6 && queue.empty(), "the worker left something in the queue");
  check.done();
}

void condition_any_stop_token_timed() {
  Checks check("condition_any_stop_token_timed");
  std::mutex mutex;
  std::condition_variable_any condition;
  std::stop_source source;
  {
    std::unique_lock<std::mutex> lock(mutex);
    const auto start = Steady::now();
    check(!condition.wait_for(lock, source.get_token(), 1ms, [] { return false; }), "a false predicate became true");
    check(Steady::now() - start >= 1ms, "wait_for() with a token gave up early");
  }
  std::thread stopper([source]() mutable {
    std::this_thread::sleep_for(500us);
    source.request_stop();
  });
  {
    std::unique_lock<std::mutex> lock(mutex);
    const auto start = Steady::now();
    check(!condition.wait_for(lock, source.get_token(), 60s, [] { return false; }), "a false predicate became true");
    check(source.stop_requested() || Steady::now() - start >= 60s, "wait_for() with a token gave up early");
  }
  stopper.join();
  check.done();
}

}  // namespace programs
