// The connection pool at its smallest, and at its size: 20 + 10 connections, 100 callers, 30 s of patience.

#include "pool/pool.h"

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using common::Error;
using common::mono_now;

/// A server that counts who is connected, and who uses a connection.
struct Server {
  std::atomic<int> open{0};
  int most;
  std::atomic<int> failures{0};  // this many connects fail first

  struct Session : pool::Connection {
    explicit Session(Server& s) : server(s) { FORESEED_CHECK(++server.open <= server.most); }
    ~Session() override { --server.open; }
    bool reset(common::MonoTime) override { return true; }
    Server& server;
    std::atomic<bool> used{false};
  };

  pool::Connect connect(common::Duration takes) {
    return [this, takes](common::MonoTime) -> common::Result<std::unique_ptr<pool::Connection>> {
      if (takes.count() > 0) std::this_thread::sleep_for(takes);
      if (failures > 0 && failures-- > 0) return Error::unavailable;
      return std::make_unique<Session>(*this);
    };
  }
};

pool::Config config(std::size_t size, std::size_t overflow) {
  pool::Config config;
  config.size = size;
  config.overflow = overflow;
  return config;
}

void use(pool::Lease& lease, common::Duration hold) {
  auto& session = static_cast<Server::Session&>(*lease);
  FORESEED_CHECK(!session.used.exchange(true));
  std::this_thread::sleep_for(hold);
  session.used = false;
}

/// S1-12: 30 run at once, the others in line for at most 30 s.
int timeouts_of_100(common::Duration hold) {
  Server server{.open = 0, .most = 30, .failures = 0};
  pool::Pool pool(config(20, 10), server.connect(0s));
  std::atomic<int> timeouts{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 100; ++i) {
    callers.emplace_back([&] {
      auto result = pool.checkout(mono_now() + 30s);
      if (auto* lease = std::get_if<pool::Lease>(&result)) return use(*lease, hold);
      FORESEED_CHECK(std::get<Error>(result) == Error::pool_timeout);
      ++timeouts;
    });
  }
  for (auto& caller : callers) caller.join();
  FORESEED_CHECK(pool.snapshot().total() <= 20 && pool.snapshot().leased == 0);
  return timeouts;
}

}  // namespace

FORESEED_SCENARIO(pool_handoff,
                  "one connection, three callers, one breaks it, one is hasty: no lease lost or doubled (holds)") {
  Server server{.open = 0, .most = 1, .failures = 0};
  pool::Pool pool(config(1, 0), server.connect(100ms));
  std::atomic<int> served{0};
  const auto call = [&](common::Duration patience, bool breaks) {
    const auto deadline = mono_now() + patience;
    auto result = pool.checkout(deadline);
    if (auto* lease = std::get_if<pool::Lease>(&result)) {
      use(*lease, 1s);
      if (breaks) lease->mark_broken();
      ++served;
    } else {
      FORESEED_CHECK(std::get<Error>(result) == Error::pool_timeout && mono_now() >= deadline);
    }
  };
  std::thread a(call, 60s, true), b(call, 60s, false), hasty(call, 1s, false);
  a.join();
  b.join();
  hasty.join();
  FORESEED_CHECK(served >= 2);
  const auto s = pool.snapshot();
  FORESEED_CHECK(s.leased + s.waiting + s.connecting + s.closing == 0);
  FORESEED_CHECK(static_cast<int>(s.idle) == server.open);
}

FORESEED_SCENARIO(pool_connect_fails, "the first connect fails: whoever waits for its place is served (holds)") {
  Server server{.open = 0, .most = 1, .failures = 1};
  pool::Pool pool(config(1, 0), server.connect(1s));
  std::atomic<int> served{0}, failed{0};
  const auto call = [&] {
    auto result = pool.checkout(mono_now() + 60s);
    if (auto* lease = std::get_if<pool::Lease>(&result)) {
      use(*lease, 1s);
      ++served;
    } else {
      FORESEED_CHECK(std::get<Error>(result) == Error::unavailable);
      ++failed;
    }
  };
  const auto start = mono_now();
  std::thread a(call), b(call), c(call);
  a.join();
  b.join();
  c.join();
  FORESEED_CHECK(served == 2 && failed == 1 && mono_now() - start == 4s);
}

FORESEED_SCENARIO(pool_close, "closing against checkouts: all connections are closed, nobody waits for ever (holds)") {
  Server server{.open = 0, .most = 2, .failures = 0};
  pool::Pool pool(config(1, 1), server.connect(100ms));
  const auto call = [&] {
    auto result = pool.checkout(mono_now() + 60s);
    if (auto* lease = std::get_if<pool::Lease>(&result)) {
      use(*lease, 1s);
    } else {
      FORESEED_CHECK(std::get<Error>(result) == Error::closed);
    }
  };
  std::thread a(call), b(call), c(call);
  FORESEED_CHECK(pool.close(mono_now() + 10s));
  a.join();
  b.join();
  c.join();
  FORESEED_CHECK(server.open == 0);
}

FORESEED_SCENARIO(pool_20_10_100,
                  "100 callers of 20 + 10 connections, 30 s of patience: 0, 10, 40, 70 time out by hold time (holds)") {
  // Computed for first come, first served: at most 10 s, 15 s, 30 s of holding, and more.
  const std::pair<std::chrono::seconds, int> cases[] = {{9s, 0}, {14s, 10}, {29s, 40}, {31s, 70}};
  const auto& [hold, timeouts] = cases[foreseed::choose(4)];
  FORESEED_CHECK(timeouts_of_100(hold) == timeouts);
}
