// The generator, the event queue, the ready set and vector clocks, by themselves.

#include <gtest/gtest.h>

#include <set>

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

TEST(EventQueue, compacting_drops_the_stale_and_keeps_the_order) {
  EventQueue queue;
  Prng prng(2);
  for (std::uint64_t i = 0; i < 1000; ++i) queue.push(prng.below(50), fires, nullptr, i);
  queue.compact();
  EXPECT_EQ(queue.size(), 500u);
  std::uint64_t last = 0;
  for (; !queue.empty(); queue.pop()) {
    EXPECT_EQ(queue.top().argument % 2, 0u);
    EXPECT_GE(queue.top().time_ns, last);
    last = queue.top().time_ns;
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

TEST(VectorClock, join_is_the_maximum_and_grows) {
  VectorClock a;
  VectorClock b;
  for (std::uint32_t i = 0; i < 40; ++i) (i % 2 == 0 ? a : b).set(i, i + 1);
  a.join(b);
  for (std::uint32_t i = 0; i < 40; ++i) EXPECT_EQ(a.get(i), i + 1);
  EXPECT_EQ(a.get(40), 0u);
  b.assign(a);
  EXPECT_EQ(b.get(39), 40u);
}

}  // namespace
}  // namespace foreseed
