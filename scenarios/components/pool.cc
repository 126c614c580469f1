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
    bool reset(common::MonoTime) override {
      dirty = false;
      return true;
    }
    Server& server;
    std::atomic<bool> used{false};
    bool dirty = false, broken = false;
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
  FORESEED_CHECK(!session.broken && !session.dirty);  // whoever had it before
  session.dirty = true;
  std::this_thread::sleep_for(hold);
  session.used = false;
}

/// S1-12: 30 run at once, the others in line for at most 30 s; and when they are gone nothing is left of it (S1-15).
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
  // Without delay what comes back meets the hasty one's deadline, and what is closed the next one's connect.
  pool::Pool pool(config(1, 0), server.connect(foreseed::choose(2) * 100ms));
  std::atomic<int> served{0};
  const auto call = [&](common::Duration patience, bool breaks) {
    const auto deadline = mono_now() + patience;
    auto result = pool.checkout(deadline);
    if (auto* lease = std::get_if<pool::Lease>(&result)) {
      use(*lease, 1s);
      static_cast<Server::Session&>(**lease).broken = breaks;
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
  const auto start = mono_now();
  std::thread a(call), b(call), c(call);
  FORESEED_CHECK(pool.close(mono_now() + 10s));
  FORESEED_CHECK(server.open == 0);
  a.join();
  b.join();
  c.join();
  FORESEED_CHECK(server.open == 0 && mono_now() - start <= 2s);
}

FORESEED_SCENARIO(pool_line, "first come, first served; who gives up leaves the line, and takes nothing along (holds)") {
  Server server{.open = 0, .most = 1, .failures = 0};
  pool::Pool pool(config(1, 0), server.connect(0s));
  const auto start = mono_now();
  auto first = pool.checkout(start + 1s);
  std::atomic<int> turn{0};
  const auto wait = [&](int place) {
    std::this_thread::sleep_for(place * 1s);
    auto lease = pool.checkout(start + 60s);
    FORESEED_CHECK(std::holds_alternative<pool::Lease>(lease) && ++turn == place);
    FORESEED_CHECK(mono_now() == start + 10s + (place - 1) * 1s);
    use(std::get<pool::Lease>(lease), 1s);
  };
  std::stop_source stop;
  std::thread stopped([&] {
    std::this_thread::sleep_for(500ms);
    const auto result = pool.checkout(start + 60s, {}, stop.get_token());
    if (std::holds_alternative<Error>(result)) FORESEED_CHECK(std::get<Error>(result) == Error::cancelled);
  });
  std::thread one(wait, 1), two(wait, 2);
  std::this_thread::sleep_for(10s);
  std::thread stopping([&] { stop.request_stop(); });
  if (foreseed::choose(2) == 0) stopping.join();
  std::get<pool::Lease>(first).give_back();
  std::get<pool::Lease>(first).give_back();  // said again
  if (stopping.joinable()) stopping.join();
  stopped.join();
  one.join();
  two.join();
  const auto s = pool.snapshot();
  FORESEED_CHECK(s.leased + s.waiting + s.connecting + s.closing == 0 && s.idle == 1);
}

FORESEED_SCENARIO(pool_late_connect, "a connection that comes after its caller's time is kept for the next, not lost (holds)") {
  Server server{.open = 0, .most = 1, .failures = 0};
  pool::Pool pool(config(1, 0), server.connect(2s));
  const auto start = mono_now();
  std::thread hasty([&] {
    const auto result = pool.checkout(start + 1s);
    FORESEED_CHECK(std::get<Error>(result) == Error::pool_timeout);
  });
  std::thread patient([&] {
    std::this_thread::sleep_for(500ms);
    const auto result = pool.checkout(start + 60s);
    FORESEED_CHECK(std::holds_alternative<pool::Lease>(result) && mono_now() == start + 2s);
  });
  hasty.join();
  patient.join();
  FORESEED_CHECK(pool.snapshot().leased == 0 && pool.snapshot().idle == 1 && server.open == 1);
}

FORESEED_SCENARIO(pool_age, "old and long idle connections are replaced, long leases reported once, overflow is closed (holds)") {
  Server server{.open = 0, .most = 2, .failures = 0};
  pool::Config settings = config(1, 1);
  settings.lifetime_max = 100s;
  settings.idle_max = 40s;
  settings.jitter_percent = 0;
  settings.leak_after = 10s;
  pool::Pool pool(settings, server.connect(0s));
  {
    auto one = pool.checkout(mono_now(), "one"), two = pool.checkout(mono_now(), "two");
    std::this_thread::sleep_for(10s);
    FORESEED_CHECK(pool.new_leaks().size() == 2);
    std::this_thread::sleep_for(10s);
    FORESEED_CHECK(pool.new_leaks().empty());
  }
  FORESEED_CHECK(pool.snapshot().leaks_returned == 2 && server.open == 1);
  std::this_thread::sleep_for(39s);
  pool.maintain();
  FORESEED_CHECK(server.open == 1);
  std::this_thread::sleep_for(1s);
  pool.maintain();
  FORESEED_CHECK(server.open == 0);
  for (int i = 0; i < 5; ++i) {
    auto lease = pool.checkout(mono_now());
    FORESEED_CHECK(std::holds_alternative<pool::Lease>(lease));
    std::get<pool::Lease>(lease).give_back();
    std::this_thread::sleep_for(25s);
  }
  // One for the two leases, one for the first 100 s, one that replaced it.
  FORESEED_CHECK(pool.snapshot().opened == 4);
}

FORESEED_SCENARIO(pool_jitter, "connections opened together do not end together, and none after its time (CP12, holds)") {
  Server server{.open = 0, .most = 20, .failures = 0};
  pool::Config settings = config(20, 0);
  settings.lifetime_max = 100s;
  settings.jitter_percent = 20;
  pool::Pool pool(settings, server.connect(0s));
  {
    std::vector<common::Result<pool::Lease>> leases;
    for (int i = 0; i < 20; ++i) leases.push_back(pool.checkout(mono_now()));
  }
  const auto left_after = [&](common::Duration more) {
    std::this_thread::sleep_for(more);
    pool.maintain();
    return server.open.load();
  };
  FORESEED_CHECK(left_after(79s) == 20);
  int before = 20;
  for (int tenth = 1; tenth <= 10; ++tenth) {
    const int left = left_after(2s);
    FORESEED_CHECK(left <= before && before - left <= 5);  // two of ten in each, if they were spread evenly
    before = left;
  }
  FORESEED_CHECK(left_after(1s) == 0);
}

FORESEED_SCENARIO(pool_callbacks, "connecting and resetting run under no lock: they may use the pool, and run side by side (holds)") {
  Server server{.open = 0, .most = 2, .failures = 0};
  pool::Pool* self = nullptr;
  pool::Pool pool(config(2, 0), [&](common::MonoTime deadline) {
    FORESEED_CHECK(self->snapshot().connecting >= 1);
    return server.connect(1s)(deadline);
  });
  self = &pool;
  const auto start = mono_now();
  const auto call = [&] {
    auto lease = pool.checkout(start + 60s);
    FORESEED_CHECK(std::holds_alternative<pool::Lease>(lease) && mono_now() == start + 1s);
  };
  std::thread a(call), b(call);
  a.join();
  b.join();
}

FORESEED_SCENARIO(pool_20_10_100,
                  "100 callers of 20 + 10 connections, 30 s of patience: 0, 10, 40, 70 time out by hold time (holds)") {
  // Computed for first come, first served: up to 10 s of holding, 15 s, 30 s, and more. At these themselves a connection comes
  // back as a caller's patience ends: who is first is a matter of the schedule.
  struct Case {
    std::chrono::seconds hold;
    int least;
    int most;
  };
  const Case cases[] = {{9s, 0, 0},    {10s, 0, 10},  {11s, 10, 10}, {14s, 10, 10}, {15s, 10, 40},
                        {16s, 40, 40}, {29s, 40, 40}, {30s, 40, 70}, {31s, 70, 70}};
  const auto& [hold, least, most] = cases[foreseed::choose(std::size(cases))];
  const int timeouts = timeouts_of_100(hold);
  FORESEED_CHECK(least <= timeouts && timeouts <= most);
}
