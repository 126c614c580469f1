#pragma once
// The programs of which the number of Mazurkiewicz traces is known, as a user would write them. `n` is set before a search.

#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace foreseed::testing {

inline int n = 0;

class Threads {
 public:
  template <typename Body>
  void start(Body body) {
    threads_.emplace_back(body);
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::vector<std::thread> threads_;
};

inline void readers() {
  std::atomic<int> x{0};
  Threads threads;
  threads.start([&] { x = 42; });
  for (int i = 0; i < n; ++i) threads.start([&] { static_cast<void>(x.load()); });
  threads.join();
}

inline void lastzero() {
  std::vector<std::atomic<int>> a(static_cast<std::size_t>(n) + 1);
  Threads threads;
  threads.start([&] {
    std::size_t i = a.size() - 1;
    while (a[i].load() != 0) --i;
  });
  for (std::size_t j = 1; j < a.size(); ++j) threads.start([&a, j] { a[j] = a[j - 1] + 1; });
  threads.join();
}

inline void indexer() {
  constexpr int size = 128;
  std::array<std::mutex, size> locks;
  std::array<int, size> table{};
  Threads threads;
  for (int id = 0; id < n; ++id) {
    threads.start([&, id] {
      for (int m = 0; m < 4;) {
        const int w = ++m * 11 + id;
        for (auto h = static_cast<std::size_t>(w * 7 % size);; h = (h + 1) % size) {
          const std::lock_guard lock(locks[h]);
          if (table[h] == 0) {
            table[h] = w;
            break;
          }
        }
      }
    });
  }
  threads.join();
}

inline void filesystem() {
  constexpr int inodes = 32;
  constexpr int blocks = 26;
  std::array<std::mutex, inodes> inode_locks;
  std::array<std::mutex, blocks> block_locks;
  std::array<int, inodes> inode{};
  std::array<bool, blocks> busy{};
  Threads threads;
  for (int id = 0; id < n; ++id) {
    threads.start([&, id] {
      const auto i = static_cast<std::size_t>(id % inodes);
      const std::lock_guard lock(inode_locks[i]);
      if (inode[i] != 0) return;
      for (auto b = i * 2 % blocks;; b = (b + 1) % blocks) {
        const std::lock_guard block_lock(block_locks[b]);
        if (busy[b]) continue;
        busy[b] = true;
        inode[i] = static_cast<int>(b) + 1;
        return;
      }
    });
  }
  threads.join();
}

inline void ainc() {
  std::atomic<int> x{0};
  Threads threads;
  for (int i = 0; i < n; ++i) threads.start([&] { x.fetch_add(1); });
  threads.join();
}

/// Time moves before the threads begin, and one of them ends early if it meets the other half way.
inline void after_a_sleep() {
  std::mutex mutex;
  int state = 0;
  { const std::lock_guard lock(mutex); }
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const auto work = [&] {
    {
      const std::lock_guard lock(mutex);
      if (state == 1) return;
      state = 1;
    }
    const std::lock_guard lock(mutex);
    state = 2;
  };
  std::thread a(work), b(work);
  a.join();
  b.join();
}

inline void mutex_inc() {
  std::mutex mutex;
  int c = 0;
  Threads threads;
  for (int i = 0; i < n; ++i) {
    threads.start([&] {
      const std::lock_guard lock(mutex);
      c = c + 1;
    });
  }
  threads.join();
}

inline void casrot() {
  std::atomic<int> x{0};
  Threads threads;
  for (int i = 1; i <= n; ++i) {
    threads.start([&x, i] {
      int expected = i - 1;
      x.compare_exchange_strong(expected, i);
    });
  }
  threads.join();
}

inline void fib_bench() {
  std::atomic<int> i{1};
  std::atomic<int> j{1};
  Threads threads;
  threads.start([&] {
    for (int k = 0; k < n; ++k) i = i + j;
  });
  threads.start([&] {
    for (int k = 0; k < n; ++k) j = j + i;
  });
  static_cast<void>(i.load());
  static_cast<void>(j.load());
  threads.join();
}

inline void sb_ring() {
  std::vector<std::atomic<int>> x(static_cast<std::size_t>(n));
  Threads threads;
  for (std::size_t i = 0; i < x.size(); ++i) {
    threads.start([&x, i] {
      x[i] = 1;
      static_cast<void>(x[(i + 1) % x.size()].load());
    });
  }
  threads.join();
}

inline void dine(bool ordered) {
  std::vector<std::mutex> forks(static_cast<std::size_t>(n));
  Threads threads;
  for (std::size_t i = 0; i < forks.size(); ++i) {
    threads.start([&forks, i, ordered] {
      std::size_t first = i;
      std::size_t second = (i + 1) % forks.size();
      if (ordered && second < first) std::swap(first, second);
      forks[first].lock();
      forks[second].lock();
      forks[second].unlock();
      forks[first].unlock();
    });
  }
  threads.join();
}
inline void philosophers() { dine(false); }
inline void ordered_philosophers() { dine(true); }

inline void two_threads_n_sections() {
  std::mutex mutex;
  Threads threads;
  for (int t = 0; t < 2; ++t) {
    threads.start([&] {
      for (int k = 0; k < n; ++k) const std::lock_guard lock(mutex);
    });
  }
  threads.join();
}

inline void lost_update_twice() {
  std::atomic<int> x{0};
  Threads threads;
  for (int t = 0; t < 2; ++t) {
    threads.start([&] {
      for (int k = 0; k < 2; ++k) x = x + 1;
    });
  }
  threads.join();
}

inline void message_passing() {
  std::atomic<int> data{0};
  std::atomic<int> flag{0};
  Threads threads;
  threads.start([&] {
    data = 1;
    flag = 1;
  });
  threads.start([&] {
    static_cast<void>(flag.load());
    static_cast<void>(data.load());
  });
  threads.join();
}

inline void iriw() {
  std::atomic<int> x{0};
  std::atomic<int> y{0};
  Threads threads;
  threads.start([&] { x = 1; });
  threads.start([&] { y = 1; });
  threads.start([&] {
    static_cast<void>(x.load());
    static_cast<void>(y.load());
  });
  threads.start([&] {
    static_cast<void>(y.load());
    static_cast<void>(x.load());
  });
  threads.join();
}

}  // namespace foreseed::testing
