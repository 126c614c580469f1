#include "execution_bodies.h"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "explore/programs.h"
#include "http_pair.h"

namespace foreseed::benchmarks {

void lock_loop() {
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) {
        mutex.lock();
        mutex.unlock();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void two_threads_two_sections() {
  std::mutex mutex;
  const auto body = [&] {
    for (int k = 0; k < 2; ++k) const std::lock_guard lock(mutex);
  };
  std::thread a(body);
  std::thread b(body);
  a.join();
  b.join();
}

void lost_update_on_an_atomic() {
  std::atomic<int> value{0};
  const auto body = [&] {
    for (int k = 0; k < 2; ++k) value.store(value.load() + 1);
  };
  std::thread a(body);
  std::thread b(body);
  a.join();
  b.join();
}

void nothing() {}

void http_pair() { testing::http_pair(); }

void three_philosophers_in_order() {
  std::mutex forks[3];
  const auto dine = [&](int first, int second) {
    const std::lock_guard one(forks[first]);
    const std::lock_guard other(forks[second]);
  };
  std::thread a(dine, 0, 1);
  std::thread b(dine, 1, 2);
  std::thread c(dine, 0, 2);
  a.join();
  b.join();
  c.join();
}

const Counting counting_programs[6] = {{"readers", testing::readers, 15},     {"lastzero", testing::lastzero, 13},
                                       {"fib_bench", testing::fib_bench, 4},  {"ainc", testing::ainc, 8},
                                       {"indexer", testing::indexer, 14},     {"filesystem", testing::filesystem, 24}};
void set_size(int n) { testing::n = n; }

}  // namespace foreseed::benchmarks
