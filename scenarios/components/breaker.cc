// The circuit breaker at its smallest: in one process, and shared by two.

#include <foreseed/scenario.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "breaker/circuit_breaker.h"
#include "shared_breaker/shared_breaker.h"

namespace {

using namespace std::chrono_literals;

breaker::Config small_breaker() {
  breaker::Config config;
  config.window_calls = config.min_calls = 2;
  config.failure_percent = 100;
  config.probe_successes = 2;
  config.probe_concurrency = 1;
  config.open_wait_base = config.open_wait_cap = 10s;
  config.jitter_percent = 0;
  config.jitter_seed = 1;
  return config;
}

}  // namespace

FORESEED_SCENARIO(breaker_probes, "two fail, it opens; probes one at a time close it; events in order (holds)") {
  std::atomic<int> transitions{0}, probing{0};
  std::atomic<std::uint64_t> last{0};
  breaker::CircuitBreaker breaker(small_breaker(), [&](const breaker::Event& event) {
    FORESEED_CHECK(event.generation > last.exchange(event.generation));
    ++transitions;
  });
  const auto fail = [&] {
    auto admission = breaker.acquire();
    if (auto* ticket = std::get_if<breaker::Ticket>(&admission)) ticket->fail();
  };
  std::thread a(fail), b(fail);
  a.join();
  b.join();
  FORESEED_CHECK(breaker.snapshot().mode == breaker::Mode::open);
  std::this_thread::sleep_for(10s);
  const auto probe = [&] {
    auto admission = breaker.acquire();
    if (auto* ticket = std::get_if<breaker::Ticket>(&admission)) {
      const bool probe = ticket->generation() == 3;  // closed, open, half open
      if (probe) FORESEED_CHECK(++probing == 1);
      std::this_thread::sleep_for(1s);
      if (probe) --probing;
      ticket->ok();
    }
  };
  std::thread c(probe), d(probe);
  c.join();
  d.join();
  probe();
  const auto m = breaker.metrics();
  FORESEED_CHECK(breaker.snapshot().mode == breaker::Mode::closed && transitions == 3);
  FORESEED_CHECK(m.admitted == m.ok + m.fail + m.slow + m.ignored + m.stale + m.in_flight && m.in_flight == 0);
}

FORESEED_SCENARIO(shared_breaker,
                  "two processes share a breaker: never more than one probe out, no report lost (holds)") {
  store::MemoryStore store;
  shared_breaker::SharedConfig config;
  config.breaker = small_breaker();
  config.staleness = 1s;
  shared_breaker::SharedBreaker one(config, store), two(config, store);
  std::atomic<int> probing{0};
  const auto pod = [&](shared_breaker::SharedBreaker& breaker) {
    for (int i = 0; i < 2; ++i) {
      auto admission = breaker.acquire();
      if (auto* ticket = std::get_if<shared_breaker::Ticket>(&admission)) ticket->report(breaker::Outcome::fail);
    }
    std::this_thread::sleep_for(12s);
    for (int i = 0; i < 3; ++i) {
      auto admission = breaker.acquire();
      if (auto* ticket = std::get_if<shared_breaker::Ticket>(&admission)) {
        const bool probe = ticket->generation() == 3;  // closed, open, half open
        if (probe) FORESEED_CHECK(++probing == 1);
        std::this_thread::sleep_for(1s);
        if (probe) --probing;
        ticket->report(breaker::Outcome::ok);
      } else {
        std::this_thread::sleep_for(1500ms);
      }
    }
    const auto m = breaker.metrics();
    FORESEED_CHECK(m.store_errors == 0 && m.in_flight == 0);
    FORESEED_CHECK(m.admitted == m.counted + m.ignored + m.stale);
  };
  std::thread a([&] { pod(one); }), b([&] { pod(two); });
  a.join();
  b.join();
  FORESEED_CHECK(std::holds_alternative<shared_breaker::Ticket>(one.acquire()));
  FORESEED_CHECK(one.state().mode == breaker::Mode::closed && one.state().generation == 4);
}
