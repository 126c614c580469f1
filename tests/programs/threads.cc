// std::thread and std::jthread, stop_token and stop_callback.
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "checks.h"
#include "programs.h"

namespace programs {

using namespace std::chrono_literals;

void thread_spawn_join() {
  Checks check("thread_spawn_join");
  std::array<int, 3> results{};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&results, i] { results[static_cast<std::size_t>(i)] = i + 1; });
  for (auto& thread : threads) {
    check(thread.joinable(), "a running thread is not joinable");
    thread.join();
    check(!thread.joinable(), "a joined thread is still joinable");
  }
  check(results[0] == 1 && results[1] == 2 && results[2] == 3, "what a joined thread wrote is not seen");
  check.done();
}

void thread_identity() {
  Checks check("thread_identity");
  Gate all_started;
  std::array<std::thread::id, 3> own;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < own.size(); ++i) {
    threads.emplace_back([&, i] {
      own[i] = std::this_thread::get_id();
      all_started.wait();
      check(own[i] == std::this_thread::get_id(), "the id of a thread changed");
    });
  }
  // None of them can end before the gate is open: the ids are of threads alive.
  std::array<std::thread::id, 3> seen;
  for (std::size_t i = 0; i < seen.size(); ++i) seen[i] = threads[i].get_id();
  const auto main_id = std::this_thread::get_id();
  check(main_id != std::thread::id(), "the main thread has the id of no thread");
  for (std::size_t i = 0; i < seen.size(); ++i) {
    check(seen[i] != std::thread::id(), "a running thread has the id of no thread");
    check(seen[i] != main_id, "a thread has the id of the main thread");
    for (std::size_t j = 0; j < i; ++j) check(seen[i] != seen[j], "two threads have one id");
  }
  all_started.open();
  for (auto& thread : threads) thread.join();
  check(own == seen, "get_id() of the handle differs from that of the thread");
  check(threads[0].get_id() == std::thread::id(), "a joined handle still has an id");
  check(main_id == std::this_thread::get_id(), "the id of the main thread changed");
  check.done();
}

void thread_hardware_concurrency() {
  Checks check("thread_hardware_concurrency");
  const unsigned outside = std::thread::hardware_concurrency();
  unsigned inside = 0;
  std::thread([&inside] { inside = std::thread::hardware_concurrency(); }).join();
  check(outside > 0, "hardware_concurrency() is 0");
  check(inside == outside, "hardware_concurrency() differs between threads");
  check.done();
}

void thread_move() {
  Checks check("thread_move");
  int runs = 0;
  Gate gate;
  std::thread first([&] {
    gate.wait();
    ++runs;
  });
  const auto id = first.get_id();
  std::thread second(std::move(first));
  check(!first.joinable() && second.get_id() == id, "moving a handle did not move the thread");
  std::thread third;
  third.swap(second);
  check(!second.joinable() && third.get_id() == id, "swapping handles did not swap the threads");
  second = std::move(third);
  gate.open();
  // A thread that is given a thread, and joins it.
  std::thread joiner([&check, id](std::thread given) {
    check(given.get_id() == id, "a handle passed to a thread is another one");
    given.join();
  }, std::move(second));
  joiner.join();
  check(runs == 1, "the thread did not run exactly once");
  check.done();
}

void thread_arguments() {
  Checks check("thread_arguments");
  struct Adder {
    int sum = 0;
    void add(int a, const std::unique_ptr<int>& b) { sum += a + *b; }
  };
  Adder adder;
  std::thread(&Adder::add, &adder, 1, std::make_unique<int>(2)).join();
  int target = 0;
  std::thread([](int& out, std::string text) { out = static_cast<int>(text.size()); }, std::ref(target), "four").join();
  check(adder.sum == 3, "a member function run as a thread has another result");
  check(target == 4, "a reference passed to a thread was not written");
  check.done();
}

void thread_nested() {
  Checks check("thread_nested");
  int sum = 0;
  std::thread outer([&sum] {
    int left = 0;
    int right = 0;
    std::thread a([&left] {
      int deep = 0;
      std::thread([&deep] { deep = 1; }).join();
      left = deep + 1;
    });
    std::thread b([&right] { right = 3; });
    a.join();
    b.join();
    sum = left + right;
  });
  outer.join();
  check(sum == 5, "threads started by threads have another sum");
  check.done();
}

void thread_many_in_turn() {
  Checks check("thread_many_in_turn");
  int sum = 0;
  for (int i = 0; i < 12; ++i) std::thread([&sum, i] { sum += i; }).join();
  check(sum == 66, "threads joined one after another have another sum");
  check.done();
}

void thread_not_joinable() {
  Checks check("thread_not_joinable");
  const auto refused = [](auto&& action) {
    try {
      action();
    } catch (const std::system_error& error) {
      return error.code() == std::errc::invalid_argument;
    }
    return false;
  };
  std::thread none;
  check(refused([&] { none.join(); }), "join() of no thread is not refused");
  check(refused([&] { none.detach(); }), "detach() of no thread is not refused");
  std::thread thread([] {});
  thread.join();
  check(refused([&] { thread.join(); }), "a second join() is not refused");
  check.done();
}

namespace {

// In static storage, as a detached thread may still touch it a moment after it
// has signalled.
struct Detached {
  std::mutex mutex;
  std::condition_variable changed;
  int value = 0;
  bool finished = false;
};

Detached detached;

}  // namespace

// A detached thread can't be joined: it may reach its end after the return.
void thread_detach() {
  Checks check("thread_detach");
  {
    std::lock_guard<std::mutex> lock(detached.mutex);
    detached.value = 0;
    detached.finished = false;
  }
  std::thread thread([] {
    std::this_thread::sleep_for(1ms);
    std::lock_guard<std::mutex> lock(detached.mutex);
    detached.value = 42;
    detached.finished = true;
    detached.changed.notify_one();
  });
  thread.detach();
  check(!thread.joinable(), "a detached thread is joinable");
  check(thread.get_id() == std::thread::id(), "a detached handle has an id");
  {
    std::unique_lock<std::mutex> lock(detached.mutex);
    detached.changed.wait(lock, [] { return detached.finished; });
    check(detached.value == 42, "a detached thread did not leave its value");
  }
  check.done();
}

void jthread_joins_itself() {
  Checks check("jthread_joins_itself");
  int a = 0;
  int b = 0;
  int c = 0;
  {
    std::jthread first([&a] {
      std::this_thread::sleep_for(1ms);
      a = 1;
    });
    std::jthread second([&b] {
      std::this_thread::yield();
      b = 2;
    });
    second = std::jthread([&c] { c = 3; });  // joins the one it held
    check(b == 2, "a jthread was not joined by its assignment");
  }
  check(a == 1 && c == 3, "a jthread was not joined by its destructor");
  check.done();
}

void jthread_stop_token() {
  Checks check("jthread_stop_token");
  bool saw_stop = false;
  bool first_request = false;
  bool second_request = true;
  {
    std::jthread worker([&saw_stop](std::stop_token stop) {
      while (!stop.stop_requested()) std::this_thread::sleep_for(100us);
      saw_stop = true;
    });
    check(worker.get_stop_token().stop_possible(), "a jthread can't be stopped");
    std::this_thread::sleep_for(500us);
    first_request = worker.request_stop();
    second_request = worker.request_stop();
  }
  check(saw_stop, "the worker did not see the stop request");
  check(first_request && !second_request, "request_stop() did not succeed exactly once");
  // The destructor alone requests a stop too.
  bool stopped = false;
  {
    std::jthread worker([&stopped](std::stop_token stop) {
      while (!stop.stop_requested()) std::this_thread::sleep_for(100us);
      stopped = true;
    });
  }
  check(stopped, "the destructor did not stop the worker");
  check.done();
}

void stop_source_race() {
  Checks check("stop_source_race");
  std::stop_source source;
  std::atomic<int> first{0};
  std::atomic<int> called{0};
  {
    std::stop_callback callback(source.get_token(), [&called] { ++called; });
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&check, &first, source]() mutable {
        if (source.request_stop()) ++first;
        check(source.stop_requested(), "no stop requested after request_stop()");
      });
    }
    for (auto& thread : threads) thread.join();
  }
  check(first == 1, "not exactly one thread requested the stop");
  check(called == 1, "the callback was not called exactly once");
  bool late = false;
  std::stop_callback after(source.get_token(), [&late] { late = true; });
  check(late, "a callback registered after the request was not called at once");
  check.done();
}

void stop_callback_registered_in_race() {
  Checks check("stop_callback_registered_in_race");
  std::stop_source source;
  std::atomic<int> called{0};
  std::thread requester([source]() mutable { source.request_stop(); });
  {
    std::stop_callback one(source.get_token(), [&called] { ++called; });
    std::stop_callback two(source.get_token(), [&called] { ++called; });
    requester.join();
    check(called == 2, "not every callback was called once");
  }
  check(called == 2, "a callback was called again");
  check.done();
}

// The destructor waits for a callback that another thread is running.
void stop_callback_destroyed_while_running() {
  Checks check("stop_callback_destroyed_while_running");
  std::stop_source source;
  int begun = 0;  // not atomic: the destructor orders them
  int ended = 0;
  Gate registered;
  std::thread requester([&, source]() mutable {
    registered.wait();
    source.request_stop();
  });
  {
    std::stop_callback callback(source.get_token(), [&] {
      ++begun;
      std::this_thread::sleep_for(1ms);
      ++ended;
    });
    registered.open();
    std::this_thread::sleep_for(500us);
  }
  check(begun == ended, "the callback still runs after its destructor");
  requester.join();
  check(begun == ended && begun <= 1, "the callback ran after its destructor");
  check.done();
}

// A callback that destroys itself, and one that runs on the requesting thread.
void stop_callback_destroys_itself() {
  Checks check("stop_callback_destroys_itself");
  std::stop_source source;
  std::thread::id ran_on;
  using Callback = std::stop_callback<std::function<void()>>;
  std::unique_ptr<Callback> self;
  std::stop_callback other(source.get_token(), [&ran_on] { ran_on = std::this_thread::get_id(); });
  self = std::make_unique<Callback>(source.get_token(), [&self] { self.reset(); });
  std::thread::id requester_id;
  std::thread requester([&] {
    requester_id = std::this_thread::get_id();
    source.request_stop();
  });
  requester.join();
  check(!self, "the callback was not called");
  check(ran_on == requester_id, "a callback ran on a thread that did not request the stop");
  check.done();
}

}  // namespace programs
