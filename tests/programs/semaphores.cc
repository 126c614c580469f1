// counting_semaphore, latch, barrier, call_once.
//
// What libstdc++ waits on with a table of waiters is aligned to 64 bytes here,
// in every program: the slot in that table, and with it which of them share
// one, is bits 2 to 5 of the address.
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <latch>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <thread>
#include <vector>

#include "checks.h"
#include "programs.h"

namespace programs {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

// In the semaphore programs, but for the one that says so, only one thread at a
// time acquires from a semaphore: acquire() of libstdc++ 12 can miss a release
// when several do.

void binary_semaphore_ping_pong() {
  Checks check("binary_semaphore_ping_pong");
  std::binary_semaphore ping(1);
  std::binary_semaphore pong(0);
  int value = 0;
  std::thread a([&] {
    for (int i = 0; i < 5; ++i) {
      ping.acquire();
      check(value++ % 2 == 0, "ping came out of turn");
      pong.release();
    }
  });
  std::thread b([&] {
    for (int i = 0; i < 5; ++i) {
      pong.acquire();
      check(value++ % 2 == 1, "pong came out of turn");
      ping.release();
    }
  });
  a.join();
  b.join();
  check(value == 10, "a turn was lost");
  check(ping.try_acquire(), "the last release was lost");
  check.done();
}

void counting_semaphore_ring() {
  Checks check("counting_semaphore_ring");
  std::counting_semaphore<3> free_cells(3);
  std::counting_semaphore<3> full_cells(0);
  std::array<int, 3> ring{};
  std::thread producer([&] {
    for (int i = 0; i < 9; ++i) {
      free_cells.acquire();
      ring[static_cast<std::size_t>(i) % 3] = i;
      full_cells.release();
    }
  });
  std::thread consumer([&] {
    for (int i = 0; i < 9; ++i) {
      full_cells.acquire();
      check(ring[static_cast<std::size_t>(i) % 3] == i, "the ring held another value");
      free_cells.release();
    }
  });
  producer.join();
  consumer.join();
  check.done();
}

void counting_semaphore_release_many() {
  Checks check("counting_semaphore_release_many");
  std::counting_semaphore<8> gather(0);
  std::array<int, 3> slots{};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    threads.emplace_back([&, i] {
      slots[i] = 1;
      gather.release(i == 0 ? 2 : 1);
    });
  }
  for (int i = 0; i < 4; ++i) gather.acquire();
  check(slots == std::array<int, 3>{1, 1, 1}, "what was written before a release is not seen");
  for (auto& thread : threads) thread.join();
  check(!gather.try_acquire(), "more was acquired than released");
  check.done();
}

void semaphore_try_acquire_for() {
  Checks check("semaphore_try_acquire_for");
  std::counting_semaphore<4> semaphore(0);
  check(!semaphore.try_acquire(), "an empty semaphore was acquired");
  auto start = Steady::now();
  check(!semaphore.try_acquire_for(1ms), "an empty semaphore was acquired");
  check(Steady::now() - start >= 1ms, "try_acquire_for() gave up early");
  const auto deadline = Steady::now() + 500us;
  check(!semaphore.try_acquire_until(deadline), "an empty semaphore was acquired");
  check(Steady::now() >= deadline, "try_acquire_until() gave up early");
  semaphore.release(2);
  check(semaphore.try_acquire_for(1ms), "try_acquire_for() of a released semaphore failed");
  check(semaphore.try_acquire_until(Steady::now() + 1ms), "try_acquire_until() of a released semaphore failed");
  bool released = false;
  std::thread releaser([&] {
    std::this_thread::sleep_for(1ms);
    released = true;
    semaphore.release();
  });
  start = Steady::now();
  if (semaphore.try_acquire_for(60s)) {
    check(released, "acquired before the release");
  } else {
    check(Steady::now() - start >= 60s, "try_acquire_for() gave up early");
  }
  releaser.join();
  check.done();
}

// A correct program, that libstdc++ 12 can nevertheless hang: acquire() loads
// the counter (say 1), sees each of its 16 attempts fail, as the other thread
// has taken it, and then goes to sleep until the counter is no longer 1; when
// the other's release has come in between, it is 1 again, and nobody wakes it.
// There are two acquirers, and no third thread whose release would.
void semaphore_two_acquirers() {
  Checks check("semaphore_two_acquirers");
  std::counting_semaphore<1> semaphore(1);
  int inside = 0;
  const auto work = [&] {
    for (int i = 0; i < 3; ++i) {
      semaphore.acquire();
      check(++inside == 1, "two threads hold the semaphore");
      --inside;
      semaphore.release();
    }
  };
  std::thread a(work);
  std::thread b(work);
  a.join();
  b.join();
  check.done();
}

void latch_start_and_finish() {
  Checks check("latch_start_and_finish");
  alignas(64) std::latch start(1);
  alignas(64) std::latch finish(3);
  bool prepared = false;
  std::array<int, 3> results{};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] {
      start.wait();
      check(prepared, "a thread passed the latch before it was counted down");
      results[i] = 1;
      finish.count_down();
    });
  }
  check(!finish.try_wait(), "the latch is open before it was counted down");
  prepared = true;
  start.count_down();
  finish.wait();
  check(results == std::array<int, 3>{1, 1, 1}, "what was written before count_down() is not seen");
  check(finish.try_wait(), "the latch is closed though it was counted down");
  for (auto& thread : threads) thread.join();
  check.done();
}

void latch_arrive_and_wait() {
  Checks check("latch_arrive_and_wait");
  alignas(64) std::latch latch(4);
  std::array<int, 3> written{};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < written.size(); ++i) {
    threads.emplace_back([&, i] {
      written[i] = 1;
      latch.arrive_and_wait();
      check(written[0] + written[1] + written[2] == 3, "a thread passed before all had arrived");
    });
  }
  latch.count_down();
  for (auto& thread : threads) thread.join();
  check.done();
}

// Of two threads: where an arrival begins in the tree of libstdc++'s barrier is
// a hash of the thread's id, but for two there is only one place.
void barrier_of_two() {
  Checks check("barrier_of_two");
  int phases = 0;
  std::array<int, 2> done{};
  const auto on_completion = [&]() noexcept {
    ++phases;
    check(done[0] == phases && done[1] == phases, "the phase completed before all had arrived");
  };
  alignas(64) std::barrier<decltype(on_completion)> barrier(2, on_completion);
  std::thread a([&] {
    for (int i = 1; i <= 4; ++i) {
      done[0] = i;
      barrier.arrive_and_wait();
    }
  });
  std::thread b([&] {
    for (int i = 1; i <= 4; ++i) {
      done[1] = i;
      auto token = barrier.arrive();
      barrier.wait(std::move(token));
    }
  });
  a.join();
  b.join();
  check(phases == 4, "the completion did not run exactly once in each phase");
  check.done();
}

// Of three: from the second on, where an arrival begins in the tree depends on
// the hash of the thread's id, that is on what pthread_self() returns.
void barrier_of_three() {
  Checks check("barrier_of_three");
  int phases = 0;
  std::array<int, 3> values{};
  int sum = 0;
  const auto on_completion = [&]() noexcept {
    ++phases;
    sum = values[0] + values[1] + values[2];
  };
  alignas(64) std::barrier<decltype(on_completion)> barrier(3, on_completion);
  std::vector<std::thread> threads;
  for (std::size_t own = 0; own < values.size(); ++own) {
    threads.emplace_back([&, own] {
      for (int i = 1; i <= 3; ++i) {
        values[own] = i;
        barrier.arrive_and_wait();
        check(phases == 2 * i - 1, "the completion did not run exactly once in each phase");
        check(sum == 3 * i, "the completion ran before all had arrived");
        barrier.arrive_and_wait();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(phases == 6, "the completion did not run exactly once in each phase");
  check.done();
}

void barrier_arrive_and_drop() {
  Checks check("barrier_arrive_and_drop");
  std::atomic<int> arrived{0};
  alignas(64) std::barrier<> barrier(2);
  std::thread leaver([&] {
    ++arrived;
    barrier.arrive_and_drop();
  });
  std::thread stayer([&] {
    ++arrived;
    barrier.arrive_and_wait();
    check(arrived == 2, "a thread passed before all had arrived");
    barrier.arrive_and_wait();  // alone by now
    barrier.arrive_and_wait();
  });
  leaver.join();
  stayer.join();
  check.done();
}

void call_once_by_several() {
  Checks check("call_once_by_several");
  std::once_flag once;
  int calls = 0;
  int value = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      std::call_once(once, [&](int given) {
        ++calls;
        std::this_thread::sleep_for(300us);
        value = given;
      }, 5);
      check(calls == 1 && value == 5, "call_once() returned before the call had ended");
    });
  }
  for (auto& thread : threads) thread.join();
  check(calls == 1, "the function was not called exactly once");
  check.done();
}

// The first call throws, so that it does not count; the next succeeds.
void call_once_first_throws() {
  Checks check("call_once_first_throws");
  std::once_flag once;
  int calls = 0;
  std::atomic<int> caught{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      try {
        std::call_once(once, [&] {
          ++calls;
          std::this_thread::yield();
          if (calls == 1) throw std::runtime_error("the first");
        });
      } catch (const std::runtime_error&) {
        ++caught;
        return;
      }
      check(calls == 2, "call_once() returned before a call had succeeded");
    });
  }
  for (auto& thread : threads) thread.join();
  check(caught == 1, "not exactly one thread got the exception");
  check(calls == 2, "the function was not called exactly twice");
  check.done();
}

void call_once_nested() {
  Checks check("call_once_nested");
  std::once_flag outer;
  std::once_flag inner;
  int calls = 0;
  const auto both = [&] {
    std::call_once(outer, [&] { std::call_once(inner, [&] { calls += 1; }); calls += 10; });
  };
  std::thread a(both);
  std::thread b([&] {
    std::call_once(inner, [&] { calls += 1; });
    both();
  });
  a.join();
  b.join();
  check(calls == 11, "nested functions were not called exactly once");
  check.done();
}

}  // namespace programs
