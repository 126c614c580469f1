#include "execution_bodies.h"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

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

}  // namespace foreseed::benchmarks
