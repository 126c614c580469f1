#include "pool/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace pool {
namespace {

using namespace std::chrono_literals;
using common::mono_now;

static_assert(!std::is_copy_constructible_v<Lease> && std::is_nothrow_move_constructible_v<Lease>);

/// What a server would count.
struct Server {
  std::atomic<int> open{0}, most{0}, resets{0};
  std::atomic<bool> up{true}, resets_work{true};

  struct Session : Connection {
    explicit Session(Server& s) : server(s) {
      const int now = ++server.open;
      for (int seen = server.most; now > seen && !server.most.compare_exchange_weak(seen, now);) {
      }
    }
    ~Session() override { --server.open; }
    bool reset(MonoTime) override { return ++server.resets, server.resets_work.load(); }
    Server& server;
  };

  Connect connect() {
    return [this](MonoTime) -> Result<std::unique_ptr<Connection>> {
      if (!up) return Error::unavailable;
      return std::make_unique<Session>(*this);
    };
  }
};

Config small_config() {
  Config config;
  config.size = 2;
  config.overflow = 1;
  return config;
}

Lease must(Pool& pool) { return std::move(std::get<Lease>(pool.checkout(mono_now() + 1h))); }

TEST(Pool, OverflowIsOpenedUnderLoadAndClosedAfterIt) {  // CP1, CP11, S4-21
  Server server;
  Pool pool(small_config(), server.connect());
  {
    const Lease a = must(pool), b = must(pool), c = must(pool);
    EXPECT_EQ(server.open, 3);
    EXPECT_EQ(std::get<Error>(pool.checkout(mono_now())), Error::pool_timeout);
    EXPECT_EQ(std::get<Error>(pool.checkout(mono_now() + 1us)), Error::pool_timeout);
  }
  EXPECT_EQ(server.open, 2);
  const Snapshot s = pool.snapshot();
  EXPECT_EQ(s.idle, 2U);
  EXPECT_EQ(s.leased + s.waiting + s.connecting + s.closing, 0U);
  EXPECT_EQ(s.timeouts, 2U);
}

TEST(Pool, ResetsBeforeReuseAndDropsWhatIsBroken) {  // CP8
  Server server;
  Pool pool(small_config(), server.connect());
  must(pool);
  EXPECT_EQ(server.resets, 1);
  EXPECT_EQ(server.open, 1);
  must(pool).mark_broken();
  EXPECT_EQ(server.open, 0);
  EXPECT_EQ(server.resets, 1) << "a broken one is not talked to";
  server.resets_work = false;
  must(pool);
  EXPECT_EQ(server.open, 0);
  EXPECT_EQ(pool.snapshot().total(), 0U);
}

TEST(Pool, ABrokenConnectionsPlaceGoesToTheFirstInLine) {  // CP4, B-85
  Server server;
  Config config = small_config();
  config.size = 1;
  config.overflow = 0;
  Pool pool(config, server.connect());
  Lease held = must(pool);
  std::thread waiter([&] { EXPECT_TRUE(std::holds_alternative<Lease>(pool.checkout(mono_now() + 1h))); });
  while (pool.snapshot().waiting == 0) std::this_thread::yield();
  held.mark_broken();
  held.give_back();
  waiter.join();
  EXPECT_EQ(pool.snapshot().opened, 2U);
}

TEST(Pool, AFailedConnectKeepsNoPlace) {  // B-93, CP10
  Server server;
  server.up = false;
  Pool pool(small_config(), server.connect());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(std::get<Error>(pool.checkout(mono_now() + 1h)), Error::unavailable);
  EXPECT_EQ(pool.snapshot().total(), 0U);
  Pool broken(small_config(), [](MonoTime) -> Result<std::unique_ptr<Connection>> { throw std::runtime_error("no"); });
  EXPECT_EQ(std::get<Error>(broken.checkout(mono_now() + 1h)), Error::internal);
  Pool empty(small_config(), [](MonoTime) -> Result<std::unique_ptr<Connection>> { return nullptr; });
  EXPECT_EQ(std::get<Error>(empty.checkout(mono_now() + 1h)), Error::internal);
  EXPECT_EQ(broken.snapshot().total() + empty.snapshot().total(), 0U);
}

TEST(Pool, ServesInOrderOfArrival) {  // CP5, B-86
  Server server;
  Config config = small_config();
  config.size = 1;
  config.overflow = 0;
  Pool pool(config, server.connect());
  Lease held = must(pool);
  std::vector<std::thread> threads;
  std::vector<int> order;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const Lease lease = must(pool);
      order.push_back(i);
    });
    while (pool.snapshot().waiting != static_cast<std::size_t>(i) + 1) std::this_thread::yield();
  }
  held.give_back();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST(Pool, ReportsALeakOnceAndTakesNothing) {  // CP7, S1-17
  Server server;
  Config config = small_config();
  config.leak_after = 1ms;
  Pool pool(config, server.connect());
  auto result = pool.checkout(mono_now() + 1h, "report job");
  std::vector<Leak> leaks;
  while ((leaks = pool.new_leaks()).empty()) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(leaks.at(0).owner, "report job");
  EXPECT_GE(leaks.at(0).held, 1ms);
  EXPECT_TRUE(pool.new_leaks().empty());
  EXPECT_EQ(server.open, 1);
  std::get<Lease>(result).give_back();
  EXPECT_EQ(pool.snapshot().leaks_returned, 1U);
}

TEST(Pool, CloseDrainsAndRefuses) {  // CP9
  Server server;
  Pool pool(small_config(), server.connect());
  Lease held = must(pool);
  must(pool);
  EXPECT_FALSE(pool.close(mono_now()));
  EXPECT_EQ(server.open, 1) << "what is in use stays so";
  EXPECT_EQ(std::get<Error>(pool.checkout(MonoTime::max())), Error::closed);
  held.give_back();
  EXPECT_EQ(server.open, 0);
  EXPECT_TRUE(pool.close(mono_now()));
}

TEST(Pool, StopEndsAWait) {
  Server server;
  Config config = small_config();
  config.size = 1;
  config.overflow = 0;
  Pool pool(config, server.connect());
  const Lease held = must(pool);
  std::stop_source stop;
  std::thread waiter(
      [&] { EXPECT_EQ(std::get<Error>(pool.checkout(MonoTime::max(), {}, stop.get_token())), Error::cancelled); });
  stop.request_stop();
  waiter.join();
  EXPECT_EQ(pool.snapshot().waiting, 0U);
}

TEST(Pool, NeverOpensMoreThanItMayUnderThreads) {  // CP1, S1-16
  Server server;
  Pool pool(small_config(), server.connect());
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 300; ++i) {
        Lease lease = must(pool);
        if ((i + t) % 5 == 0) lease.mark_broken();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(server.most, 3);
  EXPECT_EQ(pool.snapshot().leased, 0U);
  EXPECT_EQ(pool.snapshot().total(), static_cast<std::size_t>(server.open));
}

TEST(PoolConfig, IsJudgedAtTheStart) {  // S2-06
  Server server;
  const auto refused = [&](auto change) {
    Config config;
    change(config);
    EXPECT_THROW(Pool(config, server.connect()), std::invalid_argument);
  };
  refused([](Config& c) { c.size = 0; });
  refused([](Config& c) { c.server_max = c.size + c.overflow - 1; });
  refused([](Config& c) { c.lifetime_max = 0s; });
  refused([](Config& c) { c.leak_after = 0s; });
}

}  // namespace
}  // namespace pool
