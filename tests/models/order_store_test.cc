#include "services/order_store.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

namespace services {
namespace {

TEST(OrderStore, IdsAreSequential) {
  OrderStore store(10);
  for (std::uint64_t id = 1; id <= 3; ++id) {
    const auto result = store.place("alice", "tea", 1, "");
    EXPECT_EQ(std::get<PlacedOrder>(result).order.id, id);
  }
  EXPECT_EQ(store.find(2), (Order{2, "alice", "tea", 1}));
  EXPECT_FALSE(store.find(0));
  EXPECT_FALSE(store.find(4));
}

TEST(OrderStore, IdempotencyKeyPlacesOnce) {  // SV2
  OrderStore store(10);
  const auto first = std::get<PlacedOrder>(store.place("alice", "tea", 1, "k"));
  const auto again = std::get<PlacedOrder>(store.place("alice", "tea", 1, "k"));
  EXPECT_FALSE(first.replayed);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.order, first.order);
  EXPECT_EQ(std::get<OrderError>(store.place("alice", "tea", 2, "k")), OrderError::key_conflict);
  const auto others = std::get<PlacedOrder>(store.place("bob", "tea", 1, "k"));
  EXPECT_FALSE(others.replayed) << "a key belongs to its owner";
  EXPECT_EQ(store.size(), 2U);
}

TEST(OrderStore, IsBounded) {
  OrderStore store(1);
  store.place("alice", "tea", 1, "k");
  EXPECT_EQ(std::get<OrderError>(store.place("alice", "tea", 1, "")), OrderError::store_full);
  EXPECT_TRUE(std::get<PlacedOrder>(store.place("alice", "tea", 1, "k")).replayed);
}

TEST(OrderStore, ConcurrentOrdersGetDifferentIds) {
  OrderStore store(10'000);
  std::vector<std::set<std::uint64_t>> ids(4);
  std::vector<std::thread> threads;
  for (auto& mine : ids) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        mine.insert(std::get<PlacedOrder>(store.place("alice", "tea", 1, "")).order.id);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const auto& mine : ids) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 2000U);
  EXPECT_EQ(*all.rbegin(), 2000U);
}

}  // namespace
}  // namespace services
