// future, promise, packaged_task, async.
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "checks.h"
#include "programs.h"

namespace programs {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

namespace {

// The code of the future_error that the action throws, or none.
template <class Action>
std::error_code future_error_of(Action&& action) {
  try {
    action();
  } catch (const std::future_error& error) {
    return error.code();
  }
  return std::error_code();
}

}  // namespace

void promise_value() {
  Checks check("promise_value");
  std::promise<std::unique_ptr<int>> promise;
  auto future = promise.get_future();
  std::thread thread([&promise] {
    std::this_thread::sleep_for(500us);
    promise.set_value(std::make_unique<int>(9));
  });
  const auto value = future.get();
  check(value && *value == 9, "the future got another value");
  check(!future.valid(), "a future is valid after get()");
  thread.join();
  check.done();
}

void promise_reference_and_void() {
  Checks check("promise_reference_and_void");
  int target = 0;
  std::promise<int&> reference;
  std::promise<void> nothing;
  auto reference_future = reference.get_future();
  auto nothing_future = nothing.get_future();
  std::thread thread([&] {
    target = 3;
    reference.set_value(target);
    target = 4;
    nothing.set_value();
  });
  int& got = reference_future.get();
  check(&got == &target, "the future got another reference");
  nothing_future.get();
  check(target == 4, "what was written before set_value() is not seen");
  thread.join();
  check.done();
}

// The thread ends, and lets go of the exception, before it is looked at.
void promise_exception() {
  Checks check("promise_exception");
  std::promise<int> promise;
  auto future = promise.get_future();
  std::thread thread([promise = std::move(promise)]() mutable {
    try {
      throw std::runtime_error("from the thread");
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  });
  future.wait();
  thread.join();
  bool caught = false;
  try {
    future.get();
  } catch (const std::runtime_error& error) {
    caught = error.what() == std::string("from the thread");
  }
  check(caught, "the exception did not come through");
  check.done();
}

void promise_broken() {
  Checks check("promise_broken");
  auto promise = std::make_unique<std::promise<int>>();
  auto future = promise->get_future();
  check(future_error_of([&] { promise->get_future(); }) == std::future_errc::future_already_retrieved, "a second future");
  std::thread thread([&promise] { promise.reset(); });
  future.wait();
  thread.join();
  check(future_error_of([&] { future.get(); }) == std::future_errc::broken_promise, "a broken promise was not noticed");
  std::promise<int> twice;
  twice.set_value(1);
  check(future_error_of([&] { twice.set_value(2); }) == std::future_errc::promise_already_satisfied, "a second value");
  check.done();
}

void promise_set_by_two() {
  Checks check("promise_set_by_two");
  std::promise<int> promise;
  auto future = promise.get_future();
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int i = 1; i <= 2; ++i) {
    threads.emplace_back([&, i] {
      if (future_error_of([&] { promise.set_value(i); }) == std::future_errc::promise_already_satisfied) ++refused;
    });
  }
  const int value = future.get();
  for (auto& thread : threads) thread.join();
  check(value == 1 || value == 2, "the future got another value");
  check(refused == 1, "not exactly one of two was refused");
  check.done();
}

void promise_at_thread_exit() {
  Checks check("promise_at_thread_exit");
  std::promise<int> promise;
  auto future = promise.get_future();
  int after = 0;
  std::thread thread([&] {
    promise.set_value_at_thread_exit(6);
    std::this_thread::sleep_for(300us);
    after = 1;
  });
  const int value = future.get();
  check(value == 6, "the future got another value");
  check(after == 1, "the future was ready before the thread's exit");
  thread.join();
  check.done();
}

void future_wait_for() {
  Checks check("future_wait_for");
  std::promise<int> promise;
  auto future = promise.get_future();
  check(future.wait_for(0s) == std::future_status::timeout, "a future is ready before its value");
  const auto start = Steady::now();
  check(future.wait_for(1ms) == std::future_status::timeout, "a future is ready before its value");
  check(Steady::now() - start >= 1ms, "wait_for() gave up early");
  const auto deadline = Steady::now() + 500us;
  check(future.wait_until(deadline) == std::future_status::timeout, "a future is ready before its value");
  check(Steady::now() >= deadline, "wait_until(steady_clock) gave up early");
  const auto wall = std::chrono::system_clock::now() + 500us;
  check(future.wait_until(wall) == std::future_status::timeout, "a future is ready before its value");
  check(std::chrono::system_clock::now() >= wall, "wait_until(system_clock) gave up early");
  std::thread thread([&promise] {
    std::this_thread::sleep_for(500us);
    promise.set_value(1);
  });
  const auto second_start = Steady::now();
  if (future.wait_for(60s) == std::future_status::timeout) check(Steady::now() - second_start >= 60s, "wait_for() gave up early");
  thread.join();
  check(future.wait_for(0s) == std::future_status::ready, "a future is not ready after its value");
  check(future.get() == 1, "the future got another value");
  check.done();
}

void shared_future_by_several() {
  Checks check("shared_future_by_several");
  std::promise<std::string> promise;
  const std::shared_future<std::string> future = promise.get_future().share();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&check, future] {
      check(future.get() == "shared", "a shared future got another value");
      check(future.get().size() == 6, "a second get() of a shared future");
    });
  }
  promise.set_value("shared");
  for (auto& thread : threads) thread.join();
  check.done();
}

void packaged_task_on_thread() {
  Checks check("packaged_task_on_thread");
  std::packaged_task<int(int)> half([](int value) {
    if (value % 2 != 0) throw std::invalid_argument("odd");
    return value / 2;
  });
  auto even = half.get_future();
  std::thread first([&half] { half(8); });
  check(even.get() == 4, "the task had another result");
  first.join();
  half.reset();
  auto odd = half.get_future();
  std::thread second(std::move(half), 7);
  odd.wait();
  second.join();
  bool caught = false;
  try {
    odd.get();
  } catch (const std::invalid_argument& error) {
    caught = error.what() == std::string("odd");
  }
  check(caught, "the exception of the task did not come through");
  check.done();
}

void async_launch() {
  Checks check("async_launch");
  const auto caller = std::this_thread::get_id();
  auto ran_on = std::async(std::launch::async, [] { return std::this_thread::get_id(); });
  auto sum = std::async(std::launch::async, [](int a, int b) {
    std::this_thread::sleep_for(300us);
    return a + b;
  }, 2, 3);
  check(sum.get() == 5, "async() had another result");
  check(ran_on.get() != caller, "launch::async ran on the calling thread");
  int done = 0;
  { auto waits = std::async(std::launch::async, [&done] { done = 1; }); }
  check(done == 1, "the destructor of an async future did not wait");
  auto either = std::async([] { return 7; });
  check(either.get() == 7, "async() of the default policy had another result");
  check.done();
}

void async_deferred() {
  Checks check("async_deferred");
  int runs = 0;
  auto future = std::async(std::launch::deferred, [&runs] {
    ++runs;
    return std::this_thread::get_id();
  });
  check(future.wait_for(1ms) == std::future_status::deferred, "a deferred future is not deferred");
  check(runs == 0, "a deferred function ran before get()");
  std::thread::id got;
  std::thread::id own;
  std::thread([&] {
    own = std::this_thread::get_id();
    got = future.get();
  }).join();
  check(runs == 1 && got == own, "a deferred function did not run once, where get() was called");
  bool never = true;
  { auto dropped = std::async(std::launch::deferred, [&never] { never = false; }); }
  check(never, "a deferred function ran though nobody asked");
  check.done();
}

void async_exception() {
  Checks check("async_exception");
  auto future = std::async(std::launch::async, []() -> int {
    std::this_thread::yield();
    throw std::out_of_range("too far");
  });
  auto deferred = std::async(std::launch::deferred, []() -> int { throw std::logic_error("wrong"); });
  bool caught = false;
  try {
    future.get();
  } catch (const std::out_of_range& error) {
    caught = error.what() == std::string("too far");
  }
  check(caught, "the exception of an async function did not come through");
  caught = false;
  try {
    deferred.get();
  } catch (const std::logic_error& error) {
    caught = error.what() == std::string("wrong");
  }
  check(caught, "the exception of a deferred function did not come through");
  check.done();
}

void async_tree() {
  Checks check("async_tree");
  struct Tree {
    static int sum(int from, int to) {
      if (to - from <= 2) {
        int total = 0;
        for (int i = from; i < to; ++i) total += i;
        return total;
      }
      const int middle = (from + to) / 2;
      auto left = std::async(std::launch::async, sum, from, middle);
      const int right = sum(middle, to);
      return left.get() + right;
    }
  };
  check(Tree::sum(0, 8) == 28, "a tree of async calls has another sum");
  check.done();
}

}  // namespace programs
