// What stands between a caller and a dependency, small enough that `explore` runs every interleaving: two or three threads,
// a few operations, complete without a bound (docs/explored.md).

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include "breaker/circuit_breaker.h"
#include "bulkhead/bulkhead.h"
#include "pool/pool.h"
#include "retry/budget.h"
#include "shared_breaker/shared_breaker.h"
#include "together.h"

namespace {

using namespace std::chrono_literals;
using common::Error;
using common::mono_now;
using smallest::together;

/// Two failures of two open it for 10 s; a single probe decides.
breaker::Config small_breaker() {
  breaker::Config config;
  config.window_calls = config.min_calls = 2;
  config.failure_percent = 100;
  config.probe_successes = config.probe_concurrency = 1;
  config.open_wait_base = config.open_wait_cap = 10s;
  config.jitter_percent = 0;
  config.jitter_seed = 1;
  return config;
}

bool balanced(const breaker::Metrics& m) {
  return m.admitted == m.ok + m.fail + m.slow + m.ignored + m.stale + m.in_flight;
}

}  // namespace

// CB1, CB2, CB7, CB8; S1-23, S1-24, S3-05
FORESEED_SCENARIO(smallest_breaker_trips, "two calls fail while a third looks: it opens with the second, and is never seen half changed (holds)") {
  breaker::CircuitBreaker breaker(small_breaker());
  const auto fail = [&] {
    auto admission = breaker.acquire();
    if (auto* ticket = std::get_if<breaker::Ticket>(&admission)) ticket->fail();
  };
  const auto look = [&] {
    const auto seen = breaker.snapshot();
    FORESEED_CHECK((seen.mode == breaker::Mode::open) == seen.opened_at.has_value());
    FORESEED_CHECK((seen.mode == breaker::Mode::open) == (seen.generation == 2));
    FORESEED_CHECK(balanced(breaker.metrics()));
  };
  together(fail, fail, look);
  const auto m = breaker.metrics();
  FORESEED_CHECK(breaker.snapshot().mode == breaker::Mode::open && m.fail == 2 && m.transitions == 1 && balanced(m));
}

// CB3, CB4, CB5; S3-01, S3-06
FORESEED_SCENARIO(smallest_breaker_probes, "half open, two callers and one that is late: one probe at a time, and the late one decides nothing (holds)") {
  breaker::CircuitBreaker breaker(small_breaker());
  auto late = std::move(std::get<breaker::Ticket>(breaker.acquire()));
  for (int i = 0; i < 2; ++i) std::get<breaker::Ticket>(breaker.acquire()).fail();
  std::this_thread::sleep_for(10s);
  std::atomic<int> probing{0};
  const auto probe = [&] {
    auto admission = breaker.acquire();
    auto* ticket = std::get_if<breaker::Ticket>(&admission);
    if (ticket == nullptr) return;
    const bool is_probe = ticket->generation() == 3;  // closed, open, half open
    if (is_probe) FORESEED_CHECK(++probing == 1);
    if (is_probe) --probing;
    ticket->ok();
  };
  together(probe, probe, [&] { FORESEED_CHECK(late.fail() == breaker::ReportResult::stale); });
  const auto m = breaker.metrics();
  FORESEED_CHECK(breaker.snapshot().mode == breaker::Mode::closed && m.stale == 1 && m.transitions == 3 && balanced(m));
}

// CB3 of the fleet; S2-09, S3-02
FORESEED_SCENARIO(smallest_shared_breaker, "two processes come to probe at once: one of them does (holds)") {
  store::MemoryStore store;
  shared_breaker::SharedConfig config;
  config.breaker = small_breaker();
  shared_breaker::SharedBreaker one(config, store), two(config, store);
  for (int i = 0; i < 2; ++i) std::get<shared_breaker::Ticket>(one.acquire()).report(breaker::Outcome::fail);
  std::this_thread::sleep_for(10s);
  std::atomic<int> probing{0};
  const auto probe = [&](shared_breaker::SharedBreaker& breaker) {
    auto admission = breaker.acquire();
    auto* ticket = std::get_if<shared_breaker::Ticket>(&admission);
    if (ticket == nullptr) return;
    const bool is_probe = ticket->generation() == 3;
    if (is_probe) FORESEED_CHECK(++probing == 1);
    if (is_probe) --probing;
    ticket->report(breaker::Outcome::ok);
  };
  together([&] { probe(one); }, [&] { probe(two); });
  std::this_thread::sleep_for(1s);
  FORESEED_CHECK(std::holds_alternative<shared_breaker::Ticket>(two.acquire()) && two.state().generation == 4);
  FORESEED_CHECK(one.metrics().in_flight + two.metrics().in_flight == 0);
}

// RB2; S3-32
FORESEED_SCENARIO(smallest_retry_budget, "three want the one retry there is, one of them does not send it: never two at once (holds)") {
  retry::BudgetConfig config;
  config.percent = 0;
  config.floor = 1;
  retry::RetryBudget budget(config);
  std::atomic<int> out{0}, sent{0};
  const auto retry = [&](bool send) {
    auto leave = budget.reserve();
    if (!leave) return;
    FORESEED_CHECK(++out == 1);
    if (send) {
      ++sent;
      leave->spend();
    } else {
      --out;
    }
  };
  together([&] { retry(true); }, [&] { retry(true); }, [&] { retry(false); });
  FORESEED_CHECK(sent <= 1 && budget.reserve().has_value() == (sent == 0));
}

// BH1, BH2; S3-34
FORESEED_SCENARIO(smallest_bulkhead, "two callers for one permit, the second waits in line: both run, one at a time (holds)") {
  bulkhead::Bulkhead bulkhead({1, 1});
  std::atomic<int> running{0};
  const auto call = [&] {
    const auto permit = bulkhead.acquire(mono_now() + 1s);
    FORESEED_CHECK(std::holds_alternative<bulkhead::Permit>(permit) && ++running == 1);
    --running;
  };
  together(call, call);
  FORESEED_CHECK(bulkhead.running() == 0 && bulkhead.waiting() == 0);
}

// BH5; S0-47, S2-14, S3-04
FORESEED_SCENARIO(smallest_bulkhead_close, "closed while one waits in line: it is told, at once, and who ran gives back (holds)") {
  bulkhead::Bulkhead bulkhead({1, 1});
  auto first = bulkhead.acquire(mono_now());
  const auto start = mono_now();
  const auto wait = [&] {
    const auto permit = bulkhead.acquire(start + 1s);
    FORESEED_CHECK(std::holds_alternative<bulkhead::Permit>(permit) || std::get<Error>(permit) == Error::closed);
    FORESEED_CHECK(mono_now() == start);
  };
  together(wait, [&] { std::get<bulkhead::Permit>(first).release(); }, [&] { bulkhead.close(); });
  FORESEED_CHECK(bulkhead.running() == 0 && bulkhead.waiting() == 0);
}

namespace {

/// A server that allows so many connections, of which the first ones cannot be made.
class Server {
 public:
  Server(int most, int failures) : most_(most), failures_(failures) {}

  pool::Connect connect() {
    return [this](common::MonoTime) -> common::Result<std::unique_ptr<pool::Connection>> {
      if (failures_ > 0 && failures_-- > 0) return Error::unavailable;
      return std::make_unique<Session>(*this);
    };
  }
  int open() const { return open_; }

 private:
  struct Session final : pool::Connection {
    explicit Session(Server& s) : server(s) { FORESEED_CHECK(++server.open_ <= server.most_); }
    ~Session() override { --server.open_; }
    bool reset(common::MonoTime) override { return true; }
    Server& server;
  };
  const int most_;
  std::atomic<int> failures_;
  std::atomic<int> open_{0};
};

pool::Config one_connection() {
  pool::Config config;
  config.size = 1;
  config.overflow = 0;
  return config;
}

bool at_rest(const pool::Snapshot& s) { return s.connecting + s.leased + s.closing + s.waiting == 0; }

}  // namespace

// CP1, CP2, CP5, CP10
FORESEED_SCENARIO(smallest_pool, "two callers of one connection: it is opened once, and passes from one to the other (holds)") {
  Server server(1, 0);
  pool::Pool pool(one_connection(), server.connect());
  const auto call = [&] {
    const auto lease = pool.checkout(mono_now() + 1s);
    FORESEED_CHECK(std::holds_alternative<pool::Lease>(lease));
  };
  together(call, call);
  const auto s = pool.snapshot();
  FORESEED_CHECK(at_rest(s) && s.idle == 1 && s.opened == 1 && server.open() == 1);
}

// CP3, CP4; S0-43
FORESEED_SCENARIO(smallest_pool_connect_fails, "the first connection cannot be made: its place is the other's, at once (holds)") {
  Server server(1, 1);
  pool::Pool pool(one_connection(), server.connect());
  const auto start = mono_now();
  std::atomic<int> failed{0};
  const auto call = [&] {
    const auto lease = pool.checkout(start + 1s);
    if (const auto* error = std::get_if<Error>(&lease)) {
      FORESEED_CHECK(*error == Error::unavailable && ++failed == 1);
    }
  };
  together(call, call);
  FORESEED_CHECK(failed == 1 && mono_now() == start && at_rest(pool.snapshot()) && server.open() == 1);
}

// CP9
FORESEED_SCENARIO(smallest_pool_close, "closed while one comes for a connection: it has one or is told, and none stays open (holds)") {
  Server server(1, 0);
  pool::Pool pool(one_connection(), server.connect());
  const auto start = mono_now();
  const auto call = [&] {
    const auto lease = pool.checkout(start + 1s);
    if (const auto* error = std::get_if<Error>(&lease)) FORESEED_CHECK(*error == Error::closed);
  };
  together(call, [&] { FORESEED_CHECK(pool.close(start + 1s)); });
  FORESEED_CHECK(mono_now() == start && at_rest(pool.snapshot()) && server.open() == 0);
}
