// Scenarios whose searches take long enough to be interrupted, with interleavings that fail late in them. For search.sh.

#include <foreseed/scenario.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

namespace {

/// One thread writes, the others read: 2^readers traces.
template <std::size_t readers>
std::array<int, readers> read_while_written() {
  std::atomic<int> x{0};
  std::array<int, readers> seen{};
  std::vector<std::thread> threads;
  threads.emplace_back([&] { x = 1; });
  for (int& mine : seen) threads.emplace_back([&] { mine = x; });
  for (std::thread& thread : threads) thread.join();
  return seen;
}

}  // namespace

FORESEED_SCENARIO(readers, "32,768 traces, all right") { read_while_written<15>(); }

FORESEED_SCENARIO(readers_late, "two of 1,024 traces are wrong, in two ways") {
  const std::array<int, 10> seen = read_while_written<10>();
  if (seen == std::array<int, 10>{0, 1, 1, 0, 0, 1, 0, 1, 0, 0}) FORESEED_CHECK(!"the first");
  if (seen == std::array<int, 10>{0, 1, 0, 0, 1, 0, 0, 1, 1, 0}) FORESEED_CHECK(!"the second");
}

std::atomic<int> global{0};
std::atomic<int>* const made_before_main = new std::atomic<int>(0);

FORESEED_SCENARIO(older, "16,384 traces on what is older than the execution") {
  std::vector<std::thread> threads;
  for (std::atomic<int>* x : {&global, made_before_main}) {
    threads.emplace_back([=] { *x = 1; });
    for (int i = 0; i < 7; ++i) threads.emplace_back([=] { static_cast<void>(x->load()); });
  }
  for (std::thread& thread : threads) thread.join();
}

FORESEED_SCENARIO(adders, "12,870 schedules of two threads") {
  std::atomic<int> x{0};
  const auto add = [&] {
    for (int i = 0; i < 8; ++i) ++x;
  };
  std::thread a(add), b(add);
  a.join(), b.join();
}

FORESEED_SCENARIO(drawing, "threads that draw numbers between their steps") {
  std::atomic<int> x{0};
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      x.fetch_add(static_cast<int>(foreseed::choose(3)));
      if (t == 1) return;
      const std::lock_guard lock(mutex);
      if (x.load() == 4 && t == 2) x = 9;
      x.fetch_add(static_cast<int>(foreseed::choose(2)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  FORESEED_CHECK(x != 11);
}

FORESEED_SCENARIO(gives_up, "one waits for 10 ms, the other serves whom it has not yet seen give up") {
  std::counting_semaphore<> served(0);
  std::atomic<bool> gave_up{false};
  bool serves = false;
  std::thread one([&] { gave_up = !served.try_acquire_for(std::chrono::milliseconds(10)); });
  std::thread other([&] {
    if (gave_up) return;
    served.release();
    serves = true;
  });
  one.join(), other.join();
  FORESEED_CHECK(!(serves && gave_up));
}
