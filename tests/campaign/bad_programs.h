#pragma once
// Small programs that fail only under some schedules, most of them only if somebody is preempted, once to four times.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "api/foreseed/scenario.h"

namespace foreseed::testing {

// NOLINTBEGIN: these are wrong on purpose

template <typename... Functions>
void in_threads(Functions... functions) {
  std::thread threads[] = {std::thread(functions)...};
  for (std::thread& thread : threads) thread.join();
}

inline void lost_update() {
  std::atomic<int> x{0};
  const auto add = [&] { x = x + 1; };
  in_threads(add, add);
  FORESEED_CHECK(x == 2);
}
inline void lost_update_of_many() {
  std::atomic<int> x{0};
  const auto add = [&] { for (int i = 0; i < 8; ++i) x = x + 1; };
  in_threads(add, add, add);
  FORESEED_CHECK(x == 24);
}
inline void all_updates_lost_but_two() {  // the least that two threads of three increments can leave
  std::atomic<int> x{0};
  const auto add = [&] { for (int i = 0; i < 3; ++i) x = x + 1; };
  in_threads(add, add);
  FORESEED_CHECK(x != 2);
}
inline void ab_ba() {
  std::mutex a, b;
  in_threads([&] { const std::lock_guard one(a); const std::lock_guard two(b); },
             [&] { const std::lock_guard one(b); const std::lock_guard two(a); });
}
inline void philosophers() {
  std::mutex fork[3];
  const auto eat = [&](int i) { const std::lock_guard one(fork[i]); const std::lock_guard two(fork[(i + 1) % 3]); };
  in_threads([&] { eat(0); }, [&] { eat(1); }, [&] { eat(2); });
}
inline void philosophers_who_eat_often() {
  std::mutex fork[3];
  const auto eat = [&](int i) {
    for (int k = 0; k < 3; ++k) { const std::lock_guard one(fork[i]); const std::lock_guard two(fork[(i + 1) % 3]); }
  };
  in_threads([&] { eat(0); }, [&] { eat(1); }, [&] { eat(2); });
}
inline void check_then_act() {
  std::atomic<bool> taken{false};
  std::atomic<int> owners{0};
  const auto take = [&] { if (!taken) { taken = true; ++owners; } };
  in_threads(take, take);
  FORESEED_CHECK(owners == 1);
}
inline void balance_overdrawn() {
  std::mutex mutex;
  int balance = 10;
  const auto read = [&] { const std::lock_guard lock(mutex); return balance; };
  const auto draw = [&] { if (read() >= 10) { const std::lock_guard lock(mutex); balance -= 10; } };
  in_threads(draw, draw);
  FORESEED_CHECK(balance >= 0);
}
inline void seen_in_the_middle() {  // needs the writer stopped, and the reader too
  std::atomic<int> x{0};
  in_threads([&] { x = 1; x = 2; }, [&] { const int first = x; const int second = x; FORESEED_CHECK(!(first == 1 && second == 2)); });
}
inline void seen_three_times() {
  std::atomic<int> x{0};
  in_threads([&] { x = 1; x = 2; x = 3; },
             [&] { const int a = x; const int b = x; const int c = x; FORESEED_CHECK(!(a == 1 && b == 2 && c == 3)); });
}
inline void store_buffer_under_sc() {
  std::atomic<int> x{0}, y{0};
  int a = 0, b = 0;
  in_threads([&] { x = 1; a = y; }, [&] { y = 1; b = x; });
  FORESEED_CHECK(!(a == 1 && b == 1));
}
inline void two_in_the_critical_section() {  // Peterson's algorithm without the turn
  std::atomic<bool> wants[2] = {false, false};
  std::atomic<int> inside{0};
  const auto enter = [&](int i) {
    if (wants[1 - i]) return;
    wants[i] = true;
    FORESEED_CHECK(++inside == 1);
    --inside;
    wants[i] = false;
  };
  in_threads([&] { enter(0); }, [&] { enter(1); });
}
inline void tickets_drawn_twice() {
  std::atomic<int> next{0};
  int drawn[3];
  const auto draw = [&](int i) { drawn[i] = next; next = drawn[i] + 1; };
  in_threads([&] { draw(0); }, [&] { draw(1); }, [&] { draw(2); });
  FORESEED_CHECK(drawn[0] != drawn[1] || drawn[1] != drawn[2]);
}
inline void signal_without_the_lock() {
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<bool> ready{false};
  in_threads([&] { std::unique_lock lock(mutex); while (!ready) changed.wait(lock); }, [&] { ready = true; changed.notify_one(); });
}
inline void counted_down_twice() {
  auto* value = new std::atomic<int>(1);
  std::atomic<int> users{2};
  const auto release = [&] {
    value->store(7);
    if (users == 1) delete value;
    --users;
  };
  in_threads(release, release);
  if (users == 0) FORESEED_CHECK(false);
}
inline void freed_while_used() {
  std::atomic<int*> shared{new int(1)};
  in_threads([&] { if (int* p = shared; p != nullptr) *p = 2; }, [&] { delete shared.exchange(nullptr); });
}
inline void torn_pair() {
  std::mutex mutex;
  int a = 0, b = 0;
  in_threads([&] { { const std::lock_guard lock(mutex); ++a; } { const std::lock_guard lock(mutex); ++b; } },
             [&] { const std::lock_guard lock(mutex); FORESEED_CHECK(a == b); });
}
inline void seqlock_without_a_second_look() {
  std::atomic<int> version{0}, a{0}, b{0};
  in_threads([&] { ++version; a = 1; b = 1; ++version; },
             [&] { if (version % 2 != 0) return; const int x = a; const int y = b; FORESEED_CHECK(x == y); });
}
inline void ring_overrun() {
  std::atomic<int> head{0}, tail{0};
  int slot[2] = {};
  std::mutex mutex;
  const auto push = [&](int v) {
    if (head - tail >= 2) return;
    const std::lock_guard lock(mutex);
    slot[head % 2] = v;
    ++head;
    FORESEED_CHECK(head - tail <= 2);
  };
  in_threads([&] { push(1); push(2); }, [&] { push(3); });
}
inline void pop_of_an_empty_queue() {
  std::mutex mutex;
  std::vector<int> queue{1};
  const auto empty = [&] { const std::lock_guard lock(mutex); return queue.empty(); };
  const auto pop = [&] { if (!empty()) { const std::lock_guard lock(mutex); FORESEED_CHECK(!queue.empty()); queue.pop_back(); } };
  in_threads(pop, pop, pop);
}
inline void aba() {
  std::atomic<int> top{1};
  int next[3] = {0, 2, 0};
  std::atomic<int> bottom{2};
  in_threads([&] { int seen = top; const int below = next[seen]; const int expected = bottom;
                   if (top.compare_exchange_strong(seen, below)) FORESEED_CHECK(bottom == expected); },
             [&] { top = 2; bottom = 0; top = 1; });
}
inline void woken_too_early() {
  std::mutex mutex;
  std::condition_variable changed;
  int items = 0;
  const auto take = [&] { std::unique_lock lock(mutex); if (items == 0) changed.wait(lock); FORESEED_CHECK(items > 0); --items; };
  in_threads(take, [&] { { const std::lock_guard lock(mutex); ++items; } changed.notify_one(); },
             [&] { const std::lock_guard lock(mutex); if (items > 0) --items; },
             [&] { { const std::lock_guard lock(mutex); ++items; } changed.notify_one(); });
}
inline void race_behind_a_flag() {
  int value = 0;
  std::atomic<bool> ready{false};
  in_threads([&] { ready = true; value = 1; }, [&] { if (ready && value == 0) value = 2; });
}
inline void race_of_late_readers() {
  int value = 0;
  std::atomic<int> stage{0};
  in_threads([&] { stage = 1; stage = 2; value = 1; }, [&] { if (stage == 1) { if (stage == 2) value = 2; } });
}

// NOLINTEND

struct BadProgram {
  const char* name;
  void (*body)();
};
#define FORESEED_BAD(name) {#name, name}
inline const BadProgram bad_programs[] = {
    FORESEED_BAD(lost_update), FORESEED_BAD(lost_update_of_many), FORESEED_BAD(all_updates_lost_but_two),
    FORESEED_BAD(ab_ba), FORESEED_BAD(philosophers), FORESEED_BAD(philosophers_who_eat_often),
    FORESEED_BAD(check_then_act), FORESEED_BAD(balance_overdrawn), FORESEED_BAD(seen_in_the_middle),
    FORESEED_BAD(seen_three_times), FORESEED_BAD(store_buffer_under_sc), FORESEED_BAD(two_in_the_critical_section),
    FORESEED_BAD(tickets_drawn_twice), FORESEED_BAD(signal_without_the_lock), FORESEED_BAD(counted_down_twice),
    FORESEED_BAD(freed_while_used), FORESEED_BAD(torn_pair), FORESEED_BAD(seqlock_without_a_second_look),
    FORESEED_BAD(ring_overrun), FORESEED_BAD(pop_of_an_empty_queue), FORESEED_BAD(aba), FORESEED_BAD(woken_too_early),
    FORESEED_BAD(race_behind_a_flag), FORESEED_BAD(race_of_late_readers)};
#undef FORESEED_BAD

}  // namespace foreseed::testing
