// The generator, the event queue, the ready set and vector clocks, by themselves.

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "choice/prng.h"
#include "kernel/event_queue.h"
#include "kernel/ready_set.h"
#include "kernel/vector_clock.h"

namespace foreseed {
namespace {

TEST(Prng, a_seed_gives_the_published_numbers) {
  // xoshiro256** seeded by splitmix64(0): computed from the reference implementations.
  std::uint64_t state = 0;
  EXPECT_EQ(splitmix64(state), 0xe220a8397b1dcdafull);
  EXPECT_EQ(splitmix64(state), 0x6e789e6aa1b965f4ull);
  Prng prng(0);
  EXPECT_EQ(prng.next(), 0x99ec5f36cb75f2b4ull);
  EXPECT_EQ(prng.next(), 0xbf6e1f784956452aull);
}

TEST(Prng, below_reaches_every_value_about_equally_often) {
  Prng prng(7);
  int counts[5] = {};
  for (int i = 0; i < 50'000; ++i) ++counts[prng.below(5)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

bool fires(void* context, std::uint64_t argument, bool dry) {
  if (dry) return argument % 2 == 0;
  static_cast<std::vector<std::uint64_t>*>(context)->push_back(argument);
  return true;
}

TEST(EventQueue, pops_by_time_then_by_order_of_scheduling) {
  EventQueue queue;
  Prng prng(1);
  std::multiset<std::pair<std::uint64_t, std::uint64_t>> expected;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const std::uint64_t time = prng.below(100);
    queue.push(time, fires, nullptr, i);
    expected.emplace(time, i);
  }
  for (const auto& [time, order] : expected) {
    ASSERT_EQ(queue.top().time_ns, time);
    ASSERT_EQ(queue.top().argument, order);
    queue.pop();
  }
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, keeps_the_order_while_events_come_and_go) {
  EventQueue queue;
  Prng prng(3);
  std::set<std::pair<std::uint64_t, std::uint64_t>> expected;
  std::uint64_t scheduled = 0;
  std::uint64_t now = 0;
  for (int i = 0; i < 100'000; ++i) {
    // Few different times, so that many are equal; up to some thousands pending.
    if (queue.empty() || prng.below(100) < (i < 50'000 ? 53u : 47u)) {
      const std::uint64_t time = now + prng.below(20);
      queue.push(time, fires, nullptr, ++scheduled);
      expected.emplace(time, scheduled);
      continue;
    }
    ASSERT_EQ(std::pair(queue.next_time(), queue.top().argument), *expected.begin());
    now = queue.next_time();
    queue.pop();
    expected.erase(expected.begin());
    ASSERT_EQ(queue.size(), expected.size());
  }
}

TEST(EventQueue, keeps_the_order_of_times_near_and_far) {
  for (const std::uint32_t bits : {8u, 20u, 40u, 64u}) {
    EventQueue queue;
    Prng prng(bits);
    std::set<std::pair<std::uint64_t, std::uint64_t>> expected;
    std::uint64_t now = 0;
    for (std::uint64_t i = 0; i < 60'000; ++i) {
      if (queue.empty() || prng.below(100) < (i < 30'000 ? 60u : 40u)) {
        // Each order of magnitude is as likely, up to the last time there is; now and then, very many at one time.
        const std::uint64_t wait = (~std::uint64_t{0} >> (64 - bits)) >> prng.below(bits);
        const std::uint64_t time = i % 5000 < 500 ? now + 100 : now + std::min(prng.below(wait + 1 == 0 ? wait : wait + 1), ~now);
        queue.push(time, fires, nullptr, i);
        expected.emplace(time, i);
        continue;
      }
      ASSERT_EQ(std::pair(queue.next_time(), queue.top().argument), *expected.begin()) << bits << " " << i;
      if (queue.next_time() < ~std::uint64_t{0} / 2) now = queue.next_time();
      queue.pop();
      expected.erase(expected.begin());
      ASSERT_EQ(queue.size(), expected.size());
    }
  }
}

TEST(EventQueue, compacting_drops_the_stale_and_keeps_the_order) {
  EventQueue queue;
  Prng prng(2);
  for (std::uint64_t i = 0; i < 1000; ++i) queue.push(prng.below(50), fires, nullptr, i);
  queue.compact();
  EXPECT_EQ(queue.size(), 500u);
  std::pair<std::uint64_t, std::uint64_t> last{0, 0};
  for (; !queue.empty(); queue.pop()) {
    EXPECT_EQ(queue.top().argument % 2, 0u);
    const std::pair next(queue.next_time(), queue.top().argument + 1);
    EXPECT_GT(next, last);
    last = next;
  }
}

TEST(ReadySet, counts_members_in_cyclic_order_from_any_start) {
  for (const std::uint32_t tasks : {5u, 64u, 65u, 300u}) {
    ReadySet set;
    std::vector<std::uint32_t> members;
    for (std::uint32_t i = 0; i < tasks; i += 1 + i % 3) {
      set.insert(i);
      members.push_back(i);
    }
    ASSERT_EQ(set.count(), members.size());
    for (std::uint32_t start = 0; start < tasks; ++start) {
      std::size_t first = 0;
      while (first < members.size() && members[first] < start) ++first;
      for (std::uint32_t k = 0; k < members.size(); ++k) {
        ASSERT_EQ(set.nth_from(start, k), members[(first + k) % members.size()]) << tasks << " " << start << " " << k;
      }
    }
  }
}

TEST(ReadySet, finds_few_among_many) {
  ReadySet set;
  std::set<std::uint32_t> members;
  Prng prng(4);
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    const auto task = static_cast<std::uint32_t>(prng.below(10'000));
    if (prng.below(members.size() + 20) < 20) {
      set.insert(task);
      members.insert(task);
    } else {
      set.erase(task);
      members.erase(task);
    }
    ASSERT_EQ(set.count(), members.size());
    if (members.empty()) continue;
    const auto start = static_cast<std::uint32_t>(prng.below(10'001));
    auto at = members.lower_bound(start);
    if (at == members.end()) at = members.begin();
    ASSERT_EQ(set.nth_from(start, 0), *at);
    ASSERT_EQ(set.nth_from(start, set.count() - 1), at == members.begin() ? *members.rbegin() : *std::prev(at));
  }
}

TEST(ReadySet, takes_and_drops_several_at_once) {
  ReadySet set;
  set.insert_low(0b1011);
  set.insert(70);
  set.insert_low(0b0110);
  EXPECT_EQ(set.count(), 5u);
  set.erase_low(0b11010);
  EXPECT_EQ(set.count(), 3u);
  EXPECT_EQ(set.nth_from(1, 0), 2u);
  EXPECT_EQ(set.nth_from(3, 0), 70u);
  EXPECT_EQ(set.nth_from(3, 1), 0u);
  EXPECT_FALSE(set.contains(500));
}

TEST(ReadySet, a_copy_is_a_set_of_its_own) {
  ReadySet set;
  for (const std::uint32_t task : {3u, 70u, 5000u}) set.insert(task);
  ReadySet copy = set, small;
  small.insert(1);
  copy.erase(70);
  copy.insert(6000);
  EXPECT_EQ(set.count(), 3u);
  EXPECT_TRUE(set.contains(70) && !set.contains(6000));
  EXPECT_EQ(copy.nth_from(6, 1), 6000u);
  copy = small;  // few in place of many, and back
  EXPECT_EQ(copy.count(), 1u);
  EXPECT_EQ(copy.nth_from(2, 0), 1u);
  EXPECT_FALSE(copy.contains(5000));
  copy = set;
  EXPECT_EQ(copy.nth_from(4, 1), 5000u);
  copy.clear();
  copy.insert(64);
  EXPECT_EQ(copy.count(), 1u);
  EXPECT_EQ(copy.nth_from(0, 0), 64u);
  EXPECT_EQ(set.nth_from(4, 0), 70u);
}

/// Clocks as they are used, each with a plain vector beside it: tasks release and learn, objects keep what they are told.
void compare_with_vectors(std::uint32_t tasks, std::uint32_t steps) {
  constexpr std::uint32_t objects = 5;
  std::vector<VectorClock> clocks(tasks + objects);
  std::vector<std::vector<std::uint32_t>> vectors(tasks + objects, std::vector<std::uint32_t>(tasks));
  const auto check = [&](std::uint32_t who) {
    for (std::uint32_t i = 0; i < tasks; ++i) ASSERT_EQ(clocks[who].get(i), vectors[who][i]) << who << " of " << i;
  };
  const auto join = [&](std::uint32_t to, std::uint32_t from) {
    clocks[to].join(clocks[from]);
    for (std::uint32_t i = 0; i < tasks; ++i) vectors[to][i] = std::max(vectors[to][i], vectors[from][i]);
  };
  const auto release = [&](std::uint32_t task) {
    clocks[task].increment(task);
    ++vectors[task][task];
  };
  Prng prng(tasks);
  for (std::uint32_t i = 0; i < tasks; ++i) {
    if (i != 0) {
      clocks[i].assign(clocks[i / 2]);
      vectors[i] = vectors[i / 2];
      release(i / 2);
    }
    release(i);
  }
  for (std::uint32_t i = 0; i < steps; ++i) {
    const auto task = static_cast<std::uint32_t>(prng.below(tasks));
    const auto object = tasks + static_cast<std::uint32_t>(prng.below(objects));
    switch (prng.below(5)) {
      case 0:
      case 1: join(task, object); break;
      case 2: join(object, task); release(task); break;
      case 3:
        clocks[object].assign(clocks[task]);
        vectors[object] = vectors[task];
        release(task);
        break;
      default:
        if (prng.below(10) != 0) break;
        clocks[object].clear();
        vectors[object].assign(tasks, 0);
    }
    check(task);
    check(object);
  }
  for (std::uint32_t who = 0; who < clocks.size(); ++who) check(who);
}

TEST(VectorClock, does_what_a_vector_does) {
  for (const std::uint32_t tasks : {1u, 11u, 12u, 13u, 14u, 33u, 100u, 128u, 129u, 1025u}) compare_with_vectors(tasks, 2000);
  compare_with_vectors(3000, 300);
}

}  // namespace
}  // namespace foreseed
