#pragma once
// A rate limit shared over a store: every decision against catalogue 4.2 by definition, at the time that the store gave; the
// store is slow, its clock runs at another rate than the processes', and it fails now and then, also after it has written.

#include <map>
#include <utility>

#include "properties/rate_limiter.h"
#include "shared_limiter/shared_limiter.h"

namespace properties {

struct SharedLimitStep {
  int pause_us = 0;  ///< before it
  int key = 0;
  std::uint64_t permits = 1;
};
inline void showValue(const SharedLimitStep& s, std::ostream& out) {
  out << "after " << s.pause_us << " us " << s.permits << " of key " << s.key;
}

struct SharedLimitCase {
  rate_limiter::Limit limit, local;
  std::uint32_t records = 1;
  shared_limiter::WithoutStore without_store{};
  int ask_again_ms = 1;
  int clock_percent = 100;  ///< how fast the store's clock runs
  int latency_us = 0;       ///< of the store, each way
  std::vector<std::pair<int, int>> outages;  ///< of the store: from, for so many ms
  bool late = false;                         ///< it fails after it has written
  std::vector<SharedLimitStep> one, two;     ///< of one process
  std::vector<SharedLimitStep> three;        ///< of the other
  ClockFaults faults;
  shared_limiter::SharedLimitConfig config() const {
    shared_limiter::SharedLimitConfig config;
    config.limit = limit;
    config.local = local;
    config.records = records;
    config.without_store = without_store;
    config.ask_again = milliseconds(ask_again_ms);
    return config;
  }
};
inline void showValue(const SharedLimitCase& c, std::ostream& out) {
  for (const auto& [name, limit] : {std::pair{"shared", c.limit}, {"alone", c.local}}) {
    out << name << ": " << limit.permits << " per " << ms_text(limit.per) << ", burst " << limit.burst << "; ";
  }
  static constexpr const char* policies[] = {"admit", "refuse", "local"};
  out << c.records << " records, without store " << policies[static_cast<int>(c.without_store)] << ", asked again after "
      << c.ask_again_ms << " ms; the store's clock at " << c.clock_percent << " %, latency " << c.latency_us << " us, fails"
      << (c.late ? " late" : "") << " (from, for ms) ";
  rc::show(c.outages, out);
  out << "; threads: ";
  show_threads(c, out);
  out << "; ";
  rc::show(c.faults, out);
}
inline rc::Gen<SharedLimitCase> shared_limit_cases() {
  using rc::gen::set;
  const auto limit = rc::gen::map(limits(), [](rate_limiter::Limit limit) {
    limit.algorithm = rate_limiter::Algorithm::gcra;
    return limit;
  });
  const auto step = rc::gen::build<SharedLimitStep>(set(&SharedLimitStep::pause_us, rc::gen::element(0, 0, 1, 500, 1000, 1700, 5000)),
                                                    set(&SharedLimitStep::key, between(0, 2)),
                                                    set(&SharedLimitStep::permits, between<std::uint64_t>(0, 3)));
  using Case = SharedLimitCase;
  return rc::gen::build<Case>(
      set(&Case::limit, limit), set(&Case::local, limit), set(&Case::records, between<std::uint32_t>(1, 2)),
      set(&Case::without_store, one_of(shared_limiter::WithoutStore::admit, shared_limiter::WithoutStore::local)),
      set(&Case::ask_again_ms, between(1, 5)), set(&Case::clock_percent, rc::gen::element(100, 100, 20, 500)),
      set(&Case::latency_us, rc::gen::element(0, 0, 300)),
      set(&Case::outages, up_to(3, rc::gen::pair(between(0, 20), between(1, 8)))), set(&Case::late, rc::gen::arbitrary<bool>()),
      set(&Case::one, up_to(6, step)), set(&Case::two, up_to(6, step)), set(&Case::three, up_to(6, step)),
      set(&Case::faults, clock_faults()));
}

/// What the calling thread's call has seen of the store.
struct Asked {
  std::int64_t at = -1;  ///< when, by the store's clock; -1: it was not asked, or did not answer
  bool failed = false;
  bool written = false;
};
inline thread_local Asked asked;

/// A store with a clock of its own.
class ClockedStore final : public store::VersionedStore {
 public:
  explicit ClockedStore(const SharedLimitCase& c) : case_(c), start_(common::mono_now()) {}
  common::Result<store::Record> get(const std::string& key) override {
    wait();
    if (down()) return common::Error::unavailable;
    auto read = store_.get(key);
    auto& record = std::get<store::Record>(read);
    record.at = common::MonoTime(1000s) + (common::mono_now() - start_) * case_.clock_percent / 100;
    asked.at = record.at.time_since_epoch().count();
    return read;
  }
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override {
    wait();
    const bool fails = down();
    if (fails && !case_.late) return common::Error::unavailable;
    const auto written = store_.put(key, expected, value);
    asked.written = std::holds_alternative<std::uint64_t>(written);
    return fails ? common::Result<std::uint64_t>(common::Error::unavailable) : written;
  }
  /// Keys in a record: each is a line, as those of the property have no line's end in them.
  std::ptrdiff_t keys(std::uint32_t record) {
    const auto read = store_.get("limit/" + std::to_string(record));
    const std::string& text = std::get<store::Record>(read).value;
    return std::count(text.begin(), text.end(), '\n');
  }

 private:
  void wait() const {
    if (case_.latency_us != 0) std::this_thread::sleep_for(std::chrono::microseconds(case_.latency_us));
  }
  bool down() const {
    const auto now = common::mono_now() - start_;
    for (const auto& [from, length] : case_.outages) {
      if (now >= milliseconds(from) && now < milliseconds(from + length)) return asked.failed = true;
    }
    return false;
  }

  const SharedLimitCase& case_;
  const common::MonoTime start_;
  store::MemoryStore store_;
};

/// All that was ever admitted of each key, by the store and by each process alone.
struct SharedLimitSpec {
  struct Call {
    int process;
    int key;
    std::uint64_t n;
  };
  struct Return {
    Asked asked;
    std::int64_t now = 0;  ///< the process's time
    bool yes = false;
    common::Error error{};
    std::int64_t retry_after = -1;
  };
  rate_limiter::Limit limit, local;
  shared_limiter::WithoutStore without_store{};
  std::map<std::pair<int, int>, MeterSpec> meters{};  ///< by process, -1 for the store, and key

  MeterSpec& meter(int process, int key) {
    MeterSpec& meter = meters[{process, key}];
    meter.limit = process < 0 ? limit : local;
    return meter;
  }
  static bool judged(MeterSpec& meter, std::uint64_t n, std::int64_t t, const Return& r) {
    if (r.yes != meter.admits(n, t)) return false;
    if (r.yes) {
      meter.taken.emplace_back(t, n);
      return meter.within_bounds();
    }
    if (r.error != common::Error::rate_limited) return false;
    if (n > meter.limit.burst) return r.retry_after < 0;
    return r.retry_after > 0 && meter.admits(n, t + r.retry_after) && !meter.admits(n, t + r.retry_after - 1);
  }
  bool apply(const Call& c, const Return* returned) {
    if (returned == nullptr) return true;
    const Return& r = *returned;
    if (c.n == 0) return !r.yes && r.error == common::Error::invalid_argument;
    if (r.asked.at >= 0 && !r.asked.failed) return judged(meter(-1, c.key), c.n, r.asked.at, r);
    if (r.asked.written) {  // and then it failed: whatever the process makes of that, those permits are gone
      MeterSpec& shared = meter(-1, c.key);
      if (!shared.admits(c.n, r.asked.at)) return false;
      shared.taken.emplace_back(r.asked.at, c.n);
    }
    switch (without_store) {
      case shared_limiter::WithoutStore::admit: return r.yes;
      case shared_limiter::WithoutStore::refuse:
        return !r.yes && r.error == common::Error::unavailable && r.retry_after > 0;
      case shared_limiter::WithoutStore::local: break;
    }
    return judged(meter(c.process, c.key), c.n, r.now, r);
  }
  bool operator==(const SharedLimitSpec& o) const { return meters == o.meters; }
  static std::string text(const Call& c, const Return* r) {
    std::string t = "process " + std::to_string(c.process) + " takes " + std::to_string(c.n) + " of key " + std::to_string(c.key);
    if (r == nullptr) return t;
    t += r->yes ? " -> yes" : " -> " + std::string(common::to_string(r->error));
    if (r->retry_after >= 0) t += ", after " + ms_text(nanoseconds(r->retry_after));
    if (r->asked.at >= 0) t += ", at " + ms_text(nanoseconds(r->asked.at) - 1000s) + " of the store";
    return t + (r->asked.failed ? ", which failed" : r->asked.at < 0 ? ", not asked" : "");
  }
};

/// Covers: RL1, RL2, RL6, RL12, S0-08, S2-05, S3-10
template <typename Limiter>
void check_shared_limiter(const SharedLimitCase& c) {
  ClockedStore store(c);
  Limiter here(c.config(), store), there(c.config(), store);
  foreseed::History<SharedLimitSpec> history(SharedLimitSpec{c.limit, c.local, c.without_store});
  const auto take = [&](Limiter& limiter, int process, int key, std::uint64_t permits) {
    return history.record({process, key, permits}, [&] {
      asked = {};
      const auto rejected = limiter.try_acquire("key " + std::to_string(key), permits);
      SharedLimitSpec::Return r{asked, clock_ns(), !rejected};
      if (rejected) r.error = rejected->error;
      if (rejected && rejected->retry_after) r.retry_after = rejected->retry_after->count();
      return r;
    });
  };
  const auto run = [&](Limiter& limiter, int process, const std::vector<SharedLimitStep>& steps) {
    for (const SharedLimitStep& step : steps) {
      if (step.pause_us != 0) std::this_thread::sleep_for(std::chrono::microseconds(step.pause_us));
      take(limiter, process, step.key, step.permits);
    }
  };
  c.faults.start();
  together([&] { run(here, 0, c.one); }, [&] { run(here, 0, c.two); }, [&] { run(there, 1, c.three); });
  // The last outage is over, nobody has asked for long, and all is full again: each asks the store, which then knows of the
  // one who asked and of nobody else in that record.
  std::this_thread::sleep_for(30ms + milliseconds(c.ask_again_ms) + 5 * 5 * 7ms);
  for (const auto& [limiter, process] : {std::pair{&here, 0}, {&there, 1}}) {
    const auto last = take(*limiter, process, process, 1);
    FORESEED_CHECK(last.yes && last.asked.at >= 0 && !last.asked.failed && !limiter->without_store());
  }
  std::ptrdiff_t keys = 0;
  for (std::uint32_t record = 0; record < c.records; ++record) keys = std::max(keys, store.keys(record));
  FORESEED_CHECK(keys <= 2);
  for (const Limiter* limiter : {&here, &there}) {
    const auto counters = limiter->counters();
    FORESEED_CHECK(counters.store_errors <= counters.without_store);
  }
  FORESEED_CHECK_LINEARIZABLE(history);
}

}  // namespace properties
