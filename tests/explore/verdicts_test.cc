// What a complete search says of programs that wait in different ways.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <semaphore>
#include <thread>

#include "explore/explore.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

explore::ExploreResult search(void (*body)(), const char* strategy = "dpor", MemoryModel memory = MemoryModel::sc) {
  explore::ExploreOptions options;
  options.strategy = strategy;
  options.memory = memory;
  options.executions_max = 20'000;
  return explore::explore(scenario_of(body), options);
}

void spin_without_yield() {
  std::atomic<bool> ready{false};
  int data = 0;
  std::thread other([&] {
    data = 1;
    ready = true;
  });
  while (!ready) {
  }
  FORESEED_CHECK(data == 1);
  other.join();
}

TEST(Search, a_spin_loop_waits_for_a_write) {
  const explore::ExploreResult result = search(spin_without_yield);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.failed, 0u);
  EXPECT_LE(result.counts.complete, 8u);
}

/// The other thread may have ended when an atomic that it knows nothing of is first used.
template <int at_first>
void race_beside_a_first_use() {
  std::atomic<int> unrelated{at_first};
  int data = 0;
  std::thread other([&] { data = 1; });
  data = 2 + unrelated;
  other.join();
}

/// The same, where another atomic has been.
template <int at_first>
void race_beside_a_first_use_at_an_old_place() {
  alignas(std::atomic<int>) unsigned char room[sizeof(std::atomic<int>)];
  new (room) std::atomic<int>(0);
  std::launder(reinterpret_cast<std::atomic<int>*>(room))->store(5);
  int data = 0;
  std::thread other([&] { data = 1; });
  new (room) std::atomic<int>(at_first);
  data = 2 + *std::launder(reinterpret_cast<std::atomic<int>*>(room));
  other.join();
}

TEST(Search, the_first_use_of_an_atomic_hides_no_data_race) {
  for (const MemoryModel memory : {MemoryModel::sc, MemoryModel::tso, MemoryModel::c11}) {
    for (const char* const strategy : {"dpor", "dfs"}) {
      EXPECT_EQ(search(race_beside_a_first_use<0>, strategy, memory).failed, 1u) << strategy << to_string(memory);
      EXPECT_EQ(search(race_beside_a_first_use<1>, strategy, memory).failed, 1u) << strategy << to_string(memory);
      EXPECT_EQ(search(race_beside_a_first_use_at_an_old_place<0>, strategy, memory).failed, 1u) << strategy << to_string(memory);
      EXPECT_EQ(search(race_beside_a_first_use_at_an_old_place<1>, strategy, memory).failed, 1u) << strategy << to_string(memory);
    }
  }
}

void notification_forgotten() {
  std::atomic<int> ready{0};
  std::thread other([&] { ready.wait(0); });
  ready = 1;
  other.join();
}

TEST(Search, what_sleeps_after_spinning_for_a_while_is_a_deadlock) {
  EXPECT_EQ(search(notification_forgotten).failed, 1u);
}

template <bool lost>
void wake_up() {
  std::mutex mutex;
  std::condition_variable condition;
  std::atomic<bool> ready{false};
  std::thread other([&] {
    if (!lost) mutex.lock();
    ready = true;
    if (!lost) mutex.unlock();
    condition.notify_one();
  });
  {
    std::unique_lock lock(mutex);
    while (!ready) condition.wait(lock);
  }
  other.join();
}

TEST(Search, a_lost_wake_up_is_found_and_its_repaired_twin_holds) {
  const explore::ExploreResult found = search(wake_up<true>);
  ASSERT_EQ(found.failed, 1u);
  RunOptions options;
  options.replaying = options.search = true;
  options.replay = found.failing.front().choices;
  const Execution replayed = run_once(scenario_of(wake_up<true>), options);
  EXPECT_FALSE(replayed.diverged);
  ASSERT_TRUE(replayed.finding.has_value());
  EXPECT_EQ(replayed.finding->message, found.failing.front().message);
  const explore::ExploreResult repaired = search(wake_up<false>);
  EXPECT_TRUE(repaired.finished);
  EXPECT_EQ(repaired.failed, 0u);
  EXPECT_GT(repaired.counts.complete, 1u);
}

void timed_wait_and_semaphore() {
  std::counting_semaphore<1> semaphore{0};
  std::mutex mutex;
  std::condition_variable condition;
  std::thread other([&] { semaphore.release(); });
  semaphore.acquire();
  std::unique_lock lock(mutex);
  FORESEED_CHECK(condition.wait_for(lock, std::chrono::hours(1)) == std::cv_status::timeout);
  other.join();
}

TEST(Search, a_timed_wait_ends_and_is_no_deadlock) {
  const explore::ExploreResult result = search(timed_wait_and_semaphore);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.failed, 0u);
}

void drawn_value() {
  std::atomic<int> x{0};
  std::thread other([&] { x = 1; });
  const auto drawn = choose(3);
  FORESEED_CHECK(!(drawn == 2 && x == 1));
  other.join();
}

TEST(Search, drawn_values_are_gone_through_along_with_schedules) {
  EXPECT_EQ(search(drawn_value).failed, 1u);
  EXPECT_EQ(search(drawn_value, "dfs").failed, 1u);
}

}  // namespace
}  // namespace foreseed::testing
