// Things built of the primitives: pointers, locks, queues, the classics.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "checks.h"
#include "programs.h"

namespace programs {

using namespace std::chrono_literals;

namespace {

struct Counted {
  explicit Counted(std::atomic<int>& alive) : alive(alive) { ++alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }
  std::atomic<int>& alive;
  const int number = 11;
};

}  // namespace

void shared_ptr_across_threads() {
  Checks check("shared_ptr_across_threads");
  std::atomic<int> alive{0};
  auto object = std::make_shared<Counted>(alive);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&check, object]() mutable {
      for (int j = 0; j < 3; ++j) {
        const std::shared_ptr<Counted> copy = object;
        check(copy->number == 11, "an object was destroyed while it was held");
        std::this_thread::yield();
      }
      object.reset();
    });
  }
  object.reset();
  for (auto& thread : threads) thread.join();
  check(alive == 0, "an object was not destroyed exactly once");
  check.done();
}

void weak_ptr_expires() {
  Checks check("weak_ptr_expires");
  std::atomic<int> alive{0};
  auto object = std::make_shared<Counted>(alive);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&check, weak = std::weak_ptr<Counted>(object)] {
      bool gone = false;
      for (int j = 0; j < 4; ++j) {
        if (const auto locked = weak.lock()) {
          check(!gone, "a weak_ptr came back");
          check(locked->number == 11, "a locked weak_ptr points to a destroyed object");
        } else {
          gone = true;
        }
        std::this_thread::yield();
      }
    });
  }
  std::this_thread::yield();
  const std::weak_ptr<Counted> weak = object;
  object.reset();
  for (auto& thread : threads) thread.join();
  check(weak.expired() && !weak.lock(), "a weak_ptr is not expired");
  check(alive == 0, "an object was not destroyed exactly once");
  check.done();
}

// Nodes are of an array and are never given back; the head has a tag, so that
// no thread takes an old head for the new one.
void treiber_stack() {
  Checks check("treiber_stack");
  constexpr std::uint32_t nodes = 4;
  std::array<std::atomic<std::uint32_t>, nodes + 1> next{};  // node 0 is no node
  std::array<int, nodes + 1> owner{};                        // plain: only of the one who holds the node
  std::atomic<std::uint64_t> head{0};                        // tag above, node below
  const auto push = [&](std::uint32_t node) {
    std::uint64_t old = head.load(std::memory_order_relaxed);
    do {
      next[node].store(static_cast<std::uint32_t>(old), std::memory_order_relaxed);
    } while (!head.compare_exchange_weak(old, (((old >> 32) + 1) << 32) | node, std::memory_order_release, std::memory_order_relaxed));
  };
  const auto pop = [&]() -> std::uint32_t {
    std::uint64_t old = head.load(std::memory_order_acquire);
    for (;;) {
      const auto node = static_cast<std::uint32_t>(old);
      if (node == 0) return 0;
      const std::uint64_t below = next[node].load(std::memory_order_relaxed);
      if (head.compare_exchange_weak(old, (((old >> 32) + 1) << 32) | below, std::memory_order_acquire, std::memory_order_acquire)) return node;
    }
  };
  for (std::uint32_t node = 1; node <= nodes; ++node) push(node);
  std::vector<std::thread> threads;
  for (int i = 1; i <= 3; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 4; ++j) {
        const std::uint32_t node = pop();
        check(node != 0, "the stack was empty, though there are more nodes than threads");
        if (node == 0) return;
        owner[node] = i;
        if (j % 2 == 0) std::this_thread::yield();
        check(owner[node] == i, "two threads hold one node");
        push(node);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::array<int, nodes + 1> seen{};
  std::uint32_t count = 0;
  for (std::uint32_t node = pop(); node != 0 && count <= nodes; node = pop()) {
    ++count;
    check(++seen[node] == 1, "a node is in the stack twice");
  }
  check(count == nodes, "a node was lost");
  check.done();
}

namespace {

class SpinLock {
 public:
  void lock() {
    while (taken_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  }
  void unlock() { taken_.clear(std::memory_order_release); }

 private:
  std::atomic_flag taken_ = ATOMIC_FLAG_INIT;
};

}  // namespace

void spin_lock_with_yield() {
  Checks check("spin_lock_with_yield");
  SpinLock spin;
  int counter = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 4; ++j) {
        std::lock_guard<SpinLock> lock(spin);
        const int before = counter;
        if (j == 1) std::this_thread::yield();
        counter = before + 1;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(counter == 12, "an increment under the spin lock was lost");
  check.done();
}

void spin_lock_holder_sleeps() {
  Checks check("spin_lock_holder_sleeps");
  SpinLock spin;
  Gate held;
  int value = 0;
  std::thread holder([&] {
    std::lock_guard<SpinLock> lock(spin);
    held.open();
    std::this_thread::sleep_for(1ms);
    value = 1;
  });
  held.wait();
  {
    std::lock_guard<SpinLock> lock(spin);
    check(value == 1, "the spin lock was taken before its holder let go");
    value = 2;
  }
  holder.join();
  check(value == 2, "the holder wrote after it let go");
  check.done();
}

void spsc_ring() {
  Checks check("spsc_ring");
  constexpr unsigned capacity = 4;
  constexpr int count = 12;
  std::array<int, capacity> ring{};
  std::atomic<unsigned> head{0};
  std::atomic<unsigned> tail{0};
  std::thread producer([&] {
    for (int i = 0; i < count; ++i) {
      const unsigned at = tail.load(std::memory_order_relaxed);
      while (at - head.load(std::memory_order_acquire) == capacity) std::this_thread::yield();
      ring[at % capacity] = i;
      tail.store(at + 1, std::memory_order_release);
    }
  });
  std::thread consumer([&] {
    for (int i = 0; i < count; ++i) {
      const unsigned at = head.load(std::memory_order_relaxed);
      while (tail.load(std::memory_order_acquire) == at) std::this_thread::yield();
      check(ring[at % capacity] == i, "an element is out of order");
      head.store(at + 1, std::memory_order_release);
    }
  });
  producer.join();
  consumer.join();
  check(head == count && tail == count, "an element was lost");
  check.done();
}

// Readers and writers, from a mutex and a condition variable, fair to writers.
void readers_writers() {
  Checks check("readers_writers");
  std::mutex mutex;
  std::condition_variable changed;
  int readers = 0;
  bool writing = false;
  int writers_waiting = 0;
  std::array<int, 2> data{};
  const auto read = [&] {
    for (int i = 0; i < 3; ++i) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return !writing && writers_waiting == 0; });
        ++readers;
      }
      const int first = data[0];
      std::this_thread::yield();
      check(first == data[1], "a reader saw half of what a writer wrote");
      std::lock_guard<std::mutex> lock(mutex);
      if (--readers == 0) changed.notify_all();
    }
  };
  const auto write = [&] {
    for (int i = 0; i < 2; ++i) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        ++writers_waiting;
        changed.wait(lock, [&] { return !writing && readers == 0; });
        --writers_waiting;
        writing = true;
      }
      ++data[0];
      std::this_thread::yield();
      ++data[1];
      std::lock_guard<std::mutex> lock(mutex);
      writing = false;
      changed.notify_all();
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(read);
  threads.emplace_back(read);
  threads.emplace_back(write);
  threads.emplace_back(write);
  for (auto& thread : threads) thread.join();
  check(data == std::array<int, 2>{4, 4}, "a write was lost");
  check.done();
}

void dining_philosophers() {
  Checks check("dining_philosophers");
  constexpr std::size_t seats = 4;
  std::array<std::mutex, seats> forks;
  std::array<int, seats> used{};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < seats; ++i) {
    threads.emplace_back([&, i] {
      const std::size_t first = std::min(i, (i + 1) % seats);
      const std::size_t second = std::max(i, (i + 1) % seats);
      for (int j = 0; j < 2; ++j) {
        std::lock_guard<std::mutex> lower(forks[first]);
        std::this_thread::yield();
        std::lock_guard<std::mutex> upper(forks[second]);
        ++used[first];
        ++used[second];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(used == std::array<int, seats>{4, 4, 4, 4}, "a meal was lost");
  check.done();
}

namespace {

class Pool {
 public:
  explicit Pool(int workers) {
    for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Does what was posted before, then ends.
  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
    }
    posted_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  void post(std::function<void()> task) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    posted_.notify_one();
  }

 private:
  void work() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        posted_.wait(lock, [this] { return closed_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> tasks_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

void thread_pool() {
  Checks check("thread_pool");
  std::array<int, 8> squares{};
  std::atomic<int> follow_ups{0};
  std::future<int> answer;
  {
    Pool pool(3);
    for (std::size_t i = 0; i < squares.size(); ++i) {
      pool.post([&, i] {
        squares[i] = static_cast<int>(i * i);
        if (i % 4 == 0) pool.post([&follow_ups] { ++follow_ups; });
      });
    }
    auto task = std::make_shared<std::packaged_task<int()>>([] { return 42; });
    answer = task->get_future();
    pool.post([task = std::move(task)] { (*task)(); });
    check(answer.get() == 42, "a task had another result");
  }
  for (std::size_t i = 0; i < squares.size(); ++i) check(squares[i] == static_cast<int>(i * i), "a task was lost");
  check(follow_ups == 2, "a task posted by a task was lost");
  check.done();
}

// A pipeline of three stages with queues that close.
void pipeline() {
  Checks check("pipeline");
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<int> values;
    bool closed = false;
    void push(int value) {
      std::lock_guard<std::mutex> lock(mutex);
      values.push_back(value);
      changed.notify_one();
    }
    void close() {
      std::lock_guard<std::mutex> lock(mutex);
      closed = true;
      changed.notify_all();
    }
    bool pop(int& value) {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [this] { return closed || !values.empty(); });
      if (values.empty()) return false;
      value = values.front();
      values.pop_front();
      return true;
    }
  };
  Queue first;
  Queue second;
  std::vector<int> result;
  std::thread source([&] {
    for (int i = 0; i < 6; ++i) first.push(i);
    first.close();
  });
  std::thread doubler([&] {
    for (int value = 0; first.pop(value);) second.push(2 * value);
    second.close();
  });
  std::thread sink([&] {
    for (int value = 0; second.pop(value);) result.push_back(value);
  });
  source.join();
  doubler.join();
  sink.join();
  check(result == std::vector<int>{0, 2, 4, 6, 8, 10}, "the pipeline has another result");
  check.done();
}

// Peterson's lock: mutual exclusion by seq_cst atomics alone.
void peterson_lock() {
  Checks check("peterson_lock");
  std::array<std::atomic<bool>, 2> wants{};
  std::atomic<std::size_t> turn{0};
  int counter = 0;
  const auto work = [&](std::size_t own) {
    const std::size_t other = 1 - own;
    for (int i = 0; i < 4; ++i) {
      wants[own] = true;
      turn = other;
      while (wants[other] && turn == other) std::this_thread::yield();
      const int before = counter;
      if (i == 2) std::this_thread::yield();
      counter = before + 1;
      wants[own] = false;
    }
  };
  std::thread a(work, std::size_t{0});
  std::thread b(work, std::size_t{1});
  a.join();
  b.join();
  check(counter == 8, "an increment under Peterson's lock was lost");
  check.done();
}

// Double-checked locking with an atomic pointer.
void double_checked_locking() {
  Checks check("double_checked_locking");
  std::unique_ptr<std::vector<int>> storage;
  std::atomic<std::vector<int>*> instance{nullptr};
  std::mutex mutex;
  int created = 0;
  const auto get = [&]() -> std::vector<int>& {
    std::vector<int>* found = instance.load(std::memory_order_acquire);
    if (found == nullptr) {
      std::lock_guard<std::mutex> lock(mutex);
      found = instance.load(std::memory_order_relaxed);
      if (found == nullptr) {
        storage = std::make_unique<std::vector<int>>(std::initializer_list<int>{1, 2, 3});
        ++created;
        found = storage.get();
        instance.store(found, std::memory_order_release);
      }
    }
    return *found;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      check(get().size() == 3, "an instance was seen before it was made");
      check(get().back() == 3, "an instance was seen before it was made");
    });
  }
  for (auto& thread : threads) thread.join();
  check(created == 1, "not exactly one instance was made");
  check.done();
}

}  // namespace programs
