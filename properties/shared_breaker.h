#pragma once
// A breaker shared over a store: every state that any process writes follows from the one before along catalogue 4.1, read
// from the record by hand; the store fails now and then, also after it has written.

#include <atomic>
#include <map>
#include <mutex>
#include <sstream>

#include "common/time.h"
#include "properties/breaker.h"
#include "shared_breaker/shared_breaker.h"

namespace properties {

struct SharedCase {
  breaker::Config config;
  int staleness_ms = 0;
  std::vector<BreakerStep> one, two;          ///< of one process
  std::vector<BreakerStep> three;             ///< of the other
  std::vector<std::pair<int, int>> outages;   ///< of the store: from, for so many ms
  bool late = false;                          ///< it fails after it has written
  ClockFaults faults;
};
inline void showValue(const SharedCase& c, std::ostream& out) {
  rc::show(BreakerCase{c.config, c.one, c.two, c.three, c.faults}, out);
  out << "; staleness " << c.staleness_ms << " ms, store fails" << (c.late ? " late" : "") << " (from, for ms) ";
  rc::show(c.outages, out);
}
inline rc::Gen<SharedCase> shared_cases() {
  const auto outage = rc::gen::pair(between(0, 20), between(1, 8));
  const auto rest = rc::gen::tuple(between(0, 5), up_to(3, outage), rc::gen::arbitrary<bool>());
  return rc::gen::map(rc::gen::pair(breaker_cases(), rest), [](const auto& drawn) {
    const BreakerCase& b = drawn.first;
    SharedCase c{b.config, std::get<0>(drawn.second), b.one, b.three, b.two, std::get<1>(drawn.second), std::get<2>(drawn.second), b.faults};
    // Breaking is worth nothing in these two modes, and no operator is there to leave them in the end.
    for (auto* steps : {&c.one, &c.two, &c.three}) {
      for (BreakerStep& step : *steps) step.order = step.order == 0 ? 0 : 3;
    }
    return c;
  });
}

/// What the record says, in its order: mode generation since open_wait reopens successes last_probe probes {id end}.
struct SharedRecord {
  int mode = 0;
  std::uint64_t gen = 1;
  std::int64_t since = 0, wait = 0;
  std::uint64_t reopens = 0, successes = 0, last_probe = 0, probes = 0;
  static SharedRecord read(const std::string& text) {
    SharedRecord r;
    std::istringstream in(text);
    in >> r.mode >> r.gen >> r.since >> r.wait >> r.reopens >> r.successes >> r.last_probe >> r.probes;
    FORESEED_CHECK(static_cast<bool>(in));
    return r;
  }
};

/// Judges each step of the record, CB1, CB3, CB4 and CB6, at the time it is written. Whose process it was does not matter.
inline void check_step(const breaker::Config& config, const SharedRecord& was, const SharedRecord& is, std::int64_t now, bool jumps) {
  enum { closed, open, half_open, forced };
  FORESEED_CHECK(is.probes <= config.probe_concurrency && is.probes + is.successes <= config.probe_successes);
  if (jumps) return;  // what a process did while the store was away comes at once
  if (is.gen == was.gen) {
    FORESEED_CHECK(is.mode == was.mode && is.since == was.since && is.wait == was.wait && is.last_probe >= was.last_probe);
    FORESEED_CHECK(is.successes <= was.successes + 1);
    return;
  }
  const bool by_operator = is.mode == forced || is.mode == closed;
  // One call may find that the wait is over, and that its own probe ends the era: two steps at once.
  FORESEED_CHECK(is.gen > was.gen && is.gen <= was.gen + 2);
  if (was.mode == open && is.mode == half_open) FORESEED_CHECK(now >= was.since + was.wait);
  if (was.mode == open && !by_operator) FORESEED_CHECK(is.mode == half_open);
  if (was.mode == closed && !by_operator) FORESEED_CHECK(is.mode == open && is.gen == was.gen + 1);
  if (was.mode == half_open && !by_operator) FORESEED_CHECK(is.mode == open || is.mode == half_open);
  FORESEED_CHECK(was.mode != forced || by_operator);
}

class WatchedStore final : public store::VersionedStore {
 public:
  explicit WatchedStore(const SharedCase& c) : case_(c), start_(common::mono_now()) {}
  common::Result<store::Record> get(const std::string& key) override {
    if (down()) return common::Error::unavailable;
    return store_.get(key);
  }
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override {
    const bool fails = down();
    if (fails && !case_.late) return common::Error::unavailable;
    const std::lock_guard lock(mutex_);  // who reads what is written here, and then asks, is told of it
    const auto written = store_.put(key, expected, value);
    if (const auto* version = std::get_if<std::uint64_t>(&written)) {
      records_[*version] = {SharedRecord::read(value), common::mono_now().time_since_epoch().count()};
    }
    return fails ? common::Result<std::uint64_t>(common::Error::unavailable) : written;
  }
  bool down() {
    const auto now = common::mono_now() - start_;
    for (const auto& [from, length] : case_.outages) {
      if (now < milliseconds(from) || now >= milliseconds(from + length)) continue;
      failed_ = true;
      return true;
    }
    return false;
  }
  void check() {
    SharedRecord was;
    for (const auto& [version, record] : records_) {
      check_step(case_.config, was, record.first, record.second, failed_);
      was = record.first;
    }
  }
  bool failed() const { return failed_; }
  /// The record as of now, where it has been written long enough ago for everybody to know.
  bool surely_open(std::int64_t now) {
    const std::lock_guard lock(mutex_);
    if (records_.empty() || failed_) return false;
    const auto& [record, at] = records_.rbegin()->second;
    return record.mode == 1 && at + case_.staleness_ms * 1'000'000 < now && now < record.since + record.wait;
  }

 private:
  const SharedCase& case_;
  const common::MonoTime start_;
  store::MemoryStore store_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::map<std::uint64_t, std::pair<SharedRecord, std::int64_t>> records_;  // guarded by mutex_; by version
};

/// Covers: CB1, CB3, CB4, CB6, CB8, CB12, S0-08, S2-10
template <typename Breaker>
void check_shared_breaker(const SharedCase& c) {
  WatchedStore store(c);
  shared_breaker::SharedConfig config;
  config.breaker = c.config;
  config.staleness = milliseconds(c.staleness_ms);
  Breaker here(config, store), there(config, store);
  c.faults.start();
  const auto run = [&](Breaker& breaker, const std::vector<BreakerStep>& steps) {
    for (const BreakerStep& step : steps) {
      if (step.pause_ms != 0) std::this_thread::sleep_for(milliseconds(step.pause_ms));
      if (step.op == BreakerStep::operate) {
        breaker.set(step.order == 0 ? breaker::Mode::forced_open : breaker::Mode::closed);
      } else {
        const std::int64_t now = common::mono_now().time_since_epoch().count();
        const bool open = store.surely_open(now);
        auto admission = breaker.acquire();
        if (auto* ticket = std::get_if<shared_breaker::Ticket>(&admission)) {
          // CB6, unless somebody has changed it since.
          FORESEED_CHECK(!open || !store.surely_open(now));
          if (step.takes_ms != 0) std::this_thread::sleep_for(milliseconds(step.takes_ms));
          ticket->report(step.outcome);
          FORESEED_CHECK(!ticket->report(step.outcome));
        }
      }
      const auto m = breaker.metrics();
      FORESEED_CHECK(m.admitted == m.counted + m.ignored + m.stale + m.in_flight);
    }
  };
  together([&] { run(here, c.one); }, [&] { run(here, c.two); }, [&] { run(there, c.three); });
  store.check();
  std::this_thread::sleep_for(30ms);  // the last outage is over
  // Each hears of the other before an operator says that all is well: of two states the one of more changes wins, so an
  // order from before, to a process that was alone, would else come after it.
  for (Breaker* breaker : {&there, &here}) static_cast<void>(breaker->acquire());
  here.set(breaker::Mode::closed);
  const auto calls = [&](Breaker& breaker) {
    for (std::uint32_t n = 0; n < c.config.probe_successes; ++n) {
      auto admission = breaker.acquire();
      if (auto* ticket = std::get_if<shared_breaker::Ticket>(&admission)) ticket->report(breaker::Outcome::ok);
    }
    return breaker.state().mode == breaker::Mode::closed && !breaker.alone();
  };
  FORESEED_EVENTUALLY(calls(here) && calls(there) && here.state().generation == there.state().generation,
                      config.staleness + 2 * (nanoseconds(c.config.open_wait_cap) + c.config.half_open_max) + 1s);
}

}  // namespace properties
