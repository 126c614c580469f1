#pragma once
// The bulkhead against catalogue 4.5: the line computed by hand, and never more at once than it allows.

#include <atomic>

#include "bulkhead/bulkhead.h"
#include "properties/line.h"

namespace properties {

/// A counting semaphore: what callers of one instant may come to, in any order.
struct SemaphoreSpec {
  struct Call {
    bool acquire;
  };
  using Return = bool;
  std::size_t free = 0;
  bool apply(const Call& call, const Return* returned) {
    if (!call.acquire) return ++free, true;
    if (returned == nullptr || !*returned) return true;  // may have left for many reasons
    return free-- > 0;
  }
  bool operator==(const SemaphoreSpec&) const = default;
  static std::string text(const Call& call, const Return* r) {
    return std::string(call.acquire ? "acquire" : "release") + (r == nullptr ? "" : *r ? " -> yes" : " -> no");
  }
};

/// Covers: BH1, BH2, BH3, S0-43
template <typename Bulkhead>
void check_bulkhead(const LineCase& c) {
  Bulkhead bulkhead({c.at_once, c.in_line});
  foreseed::History<SemaphoreSpec> history(SemaphoreSpec{c.at_once});
  std::atomic<std::size_t> running{0};
  c.faults.start();
  check_line(c, [&](const Caller& caller, common::MonoTime deadline, std::stop_token stop, const auto& now_us) -> End {
    common::Result<bulkhead::Permit> result = common::Error::internal;
    history.record({true}, [&] {
      result = bulkhead.acquire(deadline, stop);
      return result.index() == 0;
    });
    const int at = now_us();
    if (const auto* error = std::get_if<common::Error>(&result)) {
      FORESEED_CHECK(*error == common::Error::overloaded || *error == common::Error::cancelled ||
                     *error == common::Error::deadline_exceeded);
      return {*error == common::Error::overloaded ? Fate::refused : *error == common::Error::cancelled ? Fate::stopped : Fate::timed_out, at};
    }
    FORESEED_CHECK(++running <= c.at_once);
    FORESEED_CHECK(bulkhead.running() <= c.at_once && bulkhead.waiting() <= c.in_line);
    if (caller.holds_us != 0) std::this_thread::sleep_for(std::chrono::microseconds(caller.holds_us));
    --running;
    history.record({false}, [&] {
      std::get<bulkhead::Permit>(result).release();
      return true;
    });
    return {Fate::served, at};
  });
  FORESEED_CHECK_LINEARIZABLE(history);
  FORESEED_CHECK(bulkhead.running() == 0 && bulkhead.waiting() == 0);
}

/// While callers are in line C changes and the door closes: those let in before it shrank may finish, nobody is let in
/// above it or after it closed, everybody in line is told.
/// Covers: BH4, BH5
template <typename Bulkhead>
void check_bulkhead_changes(const LineCase& c) {
  Bulkhead bulkhead({c.at_once, c.in_line});
  std::atomic<bool> closed{false};
  const auto start = common::mono_now();
  c.faults.start();
  std::vector<std::thread> threads;
  for (const Caller& caller : c.callers) {
    threads.emplace_back([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(caller.arrives_us));
      const bool before = closed;
      auto result = bulkhead.acquire(common::mono_now() + 1h);
      if (const auto* error = std::get_if<common::Error>(&result)) {
        FORESEED_CHECK(*error == common::Error::overloaded || (*error == common::Error::closed && common::mono_now() - start >= 3ms));
        return;
      }
      FORESEED_CHECK(!before && bulkhead.running() <= std::max<std::size_t>(c.at_once, 2));
      std::this_thread::sleep_for(std::chrono::microseconds(caller.holds_us));
    });
  }
  std::this_thread::sleep_for(1ms);
  bulkhead.resize({2, c.in_line});
  std::this_thread::sleep_for(2ms);
  bulkhead.close();
  closed = true;
  for (std::thread& thread : threads) thread.join();
  FORESEED_CHECK(bulkhead.running() == 0 && bulkhead.waiting() == 0);
}

}  // namespace properties
