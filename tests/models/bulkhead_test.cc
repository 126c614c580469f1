#include "bulkhead/bulkhead.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace bulkhead {
namespace {

using namespace std::chrono_literals;
using common::mono_now;

static_assert(!std::is_copy_constructible_v<Permit> && std::is_nothrow_move_constructible_v<Permit>);

Permit must(Bulkhead& bulkhead) { return std::move(std::get<Permit>(bulkhead.acquire(mono_now() + 1h))); }

TEST(Bulkhead, PermitsComeBackOnceHoweverTheyEnd) {  // BH1, B-95
  Bulkhead bulkhead({2, 0});
  {
    Permit a = must(bulkhead);
    Permit b = std::move(a);
    b.release();
    b.release();
    EXPECT_EQ(bulkhead.running(), 0U);
    Permit c = must(bulkhead);
    c = must(bulkhead);
    EXPECT_EQ(bulkhead.running(), 1U);
  }
  EXPECT_EQ(bulkhead.running(), 0U);
}

TEST(Bulkhead, RefusesAtOnceWhereItsLineIsFullOrNobodyWaits) {  // S1-21
  Bulkhead none({1, 0});
  const Permit held = must(none);
  EXPECT_EQ(std::get<Error>(none.acquire(MonoTime::max())), Error::overloaded);
  Bulkhead some({1, 5});
  const Permit other = must(some);
  EXPECT_EQ(std::get<Error>(some.acquire(mono_now())), Error::overloaded);
  EXPECT_EQ(std::get<Error>(some.acquire(mono_now() + 1us)), Error::deadline_exceeded);
  EXPECT_EQ(some.waiting(), 0U);
}

TEST(Bulkhead, ServesInOrderOfArrival) {  // BH2
  Bulkhead bulkhead({1, 10});
  Permit held = must(bulkhead);
  std::vector<std::thread> threads;
  std::vector<int> order;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const Permit permit = must(bulkhead);
      order.push_back(i);  // one at a time: the bulkhead's own promise
    });
    while (bulkhead.waiting() != static_cast<std::size_t>(i) + 1) std::this_thread::yield();
  }
  held.release();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST(Bulkhead, StopAndCloseEndAWait) {  // BH5
  Bulkhead bulkhead({1, 10});
  const Permit held = must(bulkhead);
  std::stop_source stop;
  std::optional<Error> stopped, closed;
  std::thread a([&] { stopped = std::get<Error>(bulkhead.acquire(MonoTime::max(), stop.get_token())); });
  std::thread b([&] { closed = std::get<Error>(bulkhead.acquire(MonoTime::max())); });
  stop.request_stop();
  a.join();
  bulkhead.close();
  b.join();
  EXPECT_EQ(stopped, Error::cancelled);
  EXPECT_EQ(closed, Error::closed);
}

TEST(Bulkhead, ShrinksAsPermitsComeBackAndGrowsAtOnce) {  // BH4
  Bulkhead bulkhead({2, 10});
  Permit a = must(bulkhead), b = must(bulkhead);
  bulkhead.resize({1, 10});
  a.release();
  EXPECT_EQ(std::get<Error>(bulkhead.acquire(mono_now())), Error::overloaded);
  bulkhead.resize({2, 10});
  EXPECT_TRUE(std::holds_alternative<Permit>(bulkhead.acquire(mono_now())));
  EXPECT_THROW(bulkhead.resize({0, 0}), std::invalid_argument);
}

TEST(Bulkhead, NeverRunsMoreThanItsLimitUnderThreads) {
  Bulkhead bulkhead({3, 100});
  std::atomic<int> running{0}, most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const Permit permit = must(bulkhead);
        const int now = ++running;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        --running;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 3);
  EXPECT_EQ(bulkhead.running(), 0U);
}

}  // namespace
}  // namespace bulkhead
