// sleep, yield, the clocks, random_device; and the virtual-only programs.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "checks.h"
#include "programs.h"

namespace programs {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
using Wall = std::chrono::system_clock;

void sleep_for_at_least() {
  Checks check("sleep_for_at_least");
  std::vector<std::thread> threads;
  for (int i = 1; i <= 3; ++i) {
    threads.emplace_back([&check, i] {
      const auto start = Steady::now();
      std::this_thread::sleep_for(i * 400us);
      check(Steady::now() - start >= i * 400us, "sleep_for() returned early");
    });
  }
  const auto start = Steady::now();
  for (auto& thread : threads) thread.join();
  check(Steady::now() - start >= 0ns, "the steady clock went back");
  std::this_thread::sleep_for(0s);
  std::this_thread::sleep_for(-1h);
  check.done();
}

void sleep_until_both_clocks() {
  Checks check("sleep_until_both_clocks");
  const auto steady = Steady::now() + 1ms;
  std::this_thread::sleep_until(steady);
  check(Steady::now() >= steady, "sleep_until(steady_clock) returned early");
  const auto wall = Wall::now() + 1ms;
  std::this_thread::sleep_until(wall);
  check(Wall::now() >= wall, "sleep_until(system_clock) returned early");
  std::this_thread::sleep_until(Steady::now() - 1h);
  check.done();
}

void clocks_agree() {
  Checks check("clocks_agree");
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&check] {
      auto last = Steady::now();
      for (int j = 0; j < 10; ++j) {
        const auto now = Steady::now();
        check(now >= last, "the steady clock went back");
        last = now;
        if (j % 4 == 0) std::this_thread::yield();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  // 2020-01-01T00:00:00Z
  check(Wall::now() >= Wall::time_point(std::chrono::seconds(1577836800)), "the system clock is before 2020");
  const auto before = Steady::now();
  Steady::time_point inside;
  std::thread([&inside] { inside = Steady::now(); }).join();
  check(before <= inside && inside <= Steady::now(), "the clocks of two threads are out of order");
  const auto high = std::chrono::high_resolution_clock::now();
  check(std::chrono::high_resolution_clock::now() >= high, "the high resolution clock went back");
  check.done();
}

// Sleepers in order of their spans: each wakes no earlier than it asked for.
void sleep_sort() {
  Checks check("sleep_sort");
  const auto start = Steady::now();
  std::array<Steady::duration, 3> woke{};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < woke.size(); ++i) {
    threads.emplace_back([&, i] {
      std::this_thread::sleep_until(start + static_cast<int>(3 - i) * 300us);
      woke[i] = Steady::now() - start;
    });
  }
  for (auto& thread : threads) thread.join();
  for (std::size_t i = 0; i < woke.size(); ++i) check(woke[i] >= static_cast<int>(3 - i) * 300us, "a sleeper woke early");
  check.done();
}

void yield_many() {
  Checks check("yield_many");
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&done] {
      for (int j = 0; j < 10; ++j) std::this_thread::yield();
      ++done;
    });
  }
  for (auto& thread : threads) thread.join();
  check(done == 3, "a thread that yields did not end");
  check.done();
}

void random_device_draws() {
  Checks check("random_device_draws");
  std::random_device device;
  const auto first = device();
  const auto second = device();
  check(first >= std::random_device::min() && first <= std::random_device::max(), "a draw is out of range");
  std::mt19937 engine(first);
  std::mt19937 same(first);
  check(engine() == same(), "one seed gives two sequences");
  // 32 draws of 32 bits that are all equal: not by chance.
  bool all_equal = first == second;
  for (int i = 0; i < 30; ++i) all_equal = device() == first && all_equal;
  check(!all_equal, "the random device returns one value");
  std::vector<int> order{0, 1, 2, 3, 4, 5};
  for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[engine() % (i + 1)]);
  std::sort(order.begin(), order.end());
  check(order == std::vector<int>{0, 1, 2, 3, 4, 5}, "a shuffle lost an element");
  std::array<std::random_device::result_type, 2> drawn{};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    threads.emplace_back([&drawn, i] {
      std::random_device own;
      drawn[i] = own();
    });
  }
  for (auto& thread : threads) thread.join();
  check.done();
}

// Virtual time only, from here on.

void one_year_sleep() {
  Checks check("one_year_sleep");
  constexpr auto year = 365 * 24h;
  const auto steady = Steady::now();
  const auto wall = Wall::now();
  std::this_thread::sleep_for(year);
  check(Steady::now() - steady >= year, "the steady clock did not move by a year");
  check(Wall::now() - wall >= year, "the system clock did not move by a year");
  check.done();
}

// Daily and weekly work beside each other for four weeks.
void four_weeks_of_timers() {
  Checks check("four_weeks_of_timers");
  int days = 0;
  int weeks = 0;
  const auto start = Steady::now();
  std::thread daily([&] {
    for (int i = 1; i <= 28; ++i) {
      std::this_thread::sleep_until(start + i * 24h);
      ++days;
    }
  });
  std::thread weekly([&] {
    for (int i = 1; i <= 4; ++i) {
      std::this_thread::sleep_until(start + i * 7 * 24h);
      ++weeks;
    }
  });
  daily.join();
  weekly.join();
  check(days == 28 && weeks == 4, "a timer was lost");
  check(Steady::now() - start >= 28 * 24h, "the steady clock did not move by four weeks");
  check.done();
}

}  // namespace programs
