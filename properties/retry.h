#pragma once
// Retries and their budget against catalogue 4.5.

#include <atomic>
#include <mutex>

#include "properties/common.h"
#include "retry/retry.h"

namespace properties {

/// The budget by definition, with the slices that its header promises: a retry counts as long as any part of its slice is in
/// the window, a request only as long as all of it is.
struct BudgetSpec {
  struct Call {
    enum Op { request, reserve, spend, give_back } op;
    std::int64_t at;  ///< ns since the budget was made
  };
  using Return = bool;
  retry::BudgetConfig config;
  std::vector<std::int64_t> requests, retries;  ///< when
  std::uint64_t out = 0;

  bool apply(const Call& c, const Return* returned) {
    bool yes = true;
    switch (c.op) {
      case Call::request: requests.push_back(c.at); break;
      case Call::reserve: yes = allowed(c.at); out += yes; break;
      case Call::spend: --out; retries.push_back(c.at); break;
      case Call::give_back: --out; break;
    }
    return returned == nullptr || *returned == yes;
  }
  bool allowed(std::int64_t now) const {
    const std::int64_t width = config.window.count() / config.slices;
    std::uint64_t asked = 0, again = 0;
    for (const std::int64_t at : requests) asked += now / width - at / width < config.slices;
    for (const std::int64_t at : retries) again += now / width - at / width <= config.slices;
    // What catalogue 4.5 asks for is looser by less than a slice: never is more allowed than there.
    return again + out < std::max<std::uint64_t>(config.floor, asked * config.percent / 100);
  }
  bool operator==(const BudgetSpec& o) const { return requests == o.requests && retries == o.retries && out == o.out; }
  static std::string text(const Call& c, const Return* r) {
    static constexpr const char* names[] = {"request", "reserve", "spend", "give back"};
    return names[c.op] + (" at " + ms_text(nanoseconds(c.at))) + (r == nullptr || *r ? "" : " -> no");
  }
};

struct RetryCaller {
  std::vector<int> results;  ///< of its attempts: 0 a value, else an Error
  int attempt_ms = 0;
  int patience_ms = 0;
  int stops_ms = 0;          ///< 0: never
  retry::Repeatable repeatable{};
};
inline void showValue(const RetryCaller& c, std::ostream& out) {
  out << "attempts of " << c.attempt_ms << " ms come to ";
  rc::show(c.results, out);
  out << ", patience " << c.patience_ms << " ms, stopped at " << c.stops_ms << " ms, repeatable " << static_cast<int>(c.repeatable);
}

struct RetryCase {
  retry::BudgetConfig budget;
  retry::Policy policy;
  std::vector<RetryCaller> callers;
  std::uint64_t seed = 0;
  ClockFaults faults;
};
inline void showValue(const RetryCase& c, std::ostream& out) {
  out << "budget " << c.budget.percent << "%, floor " << c.budget.floor << " in " << ms_text(c.budget.window) << " of "
      << c.budget.slices << ", at most " << c.policy.attempts_max << " attempts, back-off " << ms_text(c.policy.backoff.base)
      << " .. " << ms_text(c.policy.backoff.cap) << "; ";
  rc::show(c.callers, out);
  out << "; ";
  rc::show(c.faults, out);
}

inline rc::Gen<RetryCase> retry_cases() {
  using rc::gen::set;
  const auto budget = rc::gen::build<retry::BudgetConfig>(
      set(&retry::BudgetConfig::window, some_ms<nanoseconds>(1, 30)), set(&retry::BudgetConfig::slices, rc::gen::element(1u, 2u, 4u, 5u)),
      set(&retry::BudgetConfig::percent, between(0u, 200u)), set(&retry::BudgetConfig::floor, between(0u, 3u)));
  const auto backoff = rc::gen::build<retry::BackoffConfig>(
      set(&retry::BackoffConfig::base, some_ms<nanoseconds>(1, 5)), set(&retry::BackoffConfig::cap, some_ms<nanoseconds>(5, 20)),
      set(&retry::BackoffConfig::factor_percent, between(100u, 300u)),
      set(&retry::BackoffConfig::jitter, one_of(retry::Jitter::none, retry::Jitter::full)));
  const auto policy = rc::gen::build<retry::Policy>(set(&retry::Policy::backoff, backoff), set(&retry::Policy::attempts_max, between(1u, 4u)),
                                                    set(&retry::Policy::outermost, rc::gen::arbitrary<bool>()));
  const auto caller = rc::gen::build<RetryCaller>(
      set(&RetryCaller::results, up_to(5, rc::gen::map(between(-6, common::error_count), [](int n) { return n < -4 ? 0 : n < 1 ? static_cast<int>(common::Error::unavailable) : n; }))),
      set(&RetryCaller::attempt_ms, between(0, 4)), set(&RetryCaller::patience_ms, between(0, 40)),
      set(&RetryCaller::stops_ms, rc::gen::map(between(0, 60), [](int n) { return n <= 20 ? n : 0; })),
      set(&RetryCaller::repeatable, one_of(retry::Repeatable::no, retry::Repeatable::by_idempotency_key)));
  return rc::gen::build<RetryCase>(set(&RetryCase::budget, budget), set(&RetryCase::policy, policy), set(&RetryCase::callers, up_to(5, caller)),
                                   set(&RetryCase::seed, rc::gen::arbitrary<std::uint64_t>()), set(&RetryCase::faults, clock_faults()));
}

/// Requests, reservations, spending and giving back, by several at once.
/// Covers: RB2
template <typename Budget>
void check_budget(const RetryCase& c) {
  Budget budget(c.budget);
  const auto start = common::mono_now();
  const auto now = [start] { return (common::mono_now() - start).count(); };
  foreseed::History<BudgetSpec> history(BudgetSpec{c.budget, {}, {}, 0});
  using Call = BudgetSpec::Call;
  std::vector<std::thread> threads;
  c.faults.start();
  for (const RetryCaller& caller : c.callers) {
    threads.emplace_back([&] {
      for (const int result : caller.results) {
        history.record({Call::request, now()}, [&] { return budget.request(), true; });
        if (result == 0) continue;
        auto reservation = decltype(budget.reserve()){};
        if (!history.record({Call::reserve, now()}, [&] {
              auto granted = budget.reserve();
              if (granted) reservation.emplace(std::move(*granted));
              return granted.has_value();
            })) {
          continue;
        }
        std::this_thread::sleep_for(milliseconds(caller.attempt_ms));
        if (result % 2 == 0) history.record({Call::spend, now()}, [&] { return reservation->spend(), true; });
        else history.record({Call::give_back, now()}, [&] { return reservation.reset(), true; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  FORESEED_CHECK_LINEARIZABLE(history);
}

/// Whole calls: each attempt was called for, none too many, too early, too late or after a stop.
/// Covers: RB1, RB2, RB3, RB4, RB5, RB6, S0-44
template <typename Retrier>
void check_retry(const RetryCase& c) {
  retry::RetryBudget budget(c.budget);
  Retrier retrier(c.policy, budget, c.seed);
  const auto start = common::mono_now();
  std::mutex mutex;
  std::vector<nanoseconds> requests, retries;  // guarded by mutex
  std::vector<std::thread> threads;
  c.faults.start();
  for (const RetryCaller& caller : c.callers) {
    threads.emplace_back([&] {
      const auto began = common::mono_now();
      const auto deadline = began + milliseconds(caller.patience_ms);
      std::stop_source stop;
      std::thread stopper;
      if (caller.stops_ms != 0) {
        stopper = std::thread([&] {
          std::this_thread::sleep_for(milliseconds(caller.stops_ms));
          stop.request_stop();
        });
      }
      std::uint32_t made = 0;
      common::MonoTime ended = began;
      int last = 0;
      const auto attempt = [&](common::MonoTime) -> std::variant<int, common::Error> {
        const auto now = common::mono_now();
        FORESEED_CHECK(now < deadline && made < c.policy.attempts_max);
        if (made != 0) {
          const auto error = static_cast<common::Error>(last);
          FORESEED_CHECK(common::traits(error).retryable && caller.repeatable != retry::Repeatable::no);
          FORESEED_CHECK(now - ended <= c.policy.backoff.cap);
          FORESEED_CHECK(caller.stops_ms == 0 || now <= began + milliseconds(caller.stops_ms));  // at that instant, either first
          if (c.policy.backoff.jitter == retry::Jitter::none) FORESEED_CHECK(now - ended >= c.policy.backoff.base);
        }
        {
          const std::lock_guard lock(mutex);
          (made == 0 ? requests : retries).push_back(now - start);
        }
        last = made < caller.results.size() ? caller.results[made] : 0;
        ++made;
        if (caller.attempt_ms != 0) std::this_thread::sleep_for(milliseconds(caller.attempt_ms));
        ended = common::mono_now();
        if (last == 0) return 1;
        return static_cast<common::Error>(last);
      };
      const auto result = retrier.run(attempt, caller.repeatable, deadline, stop.get_token());
      const auto* error = std::get_if<common::Error>(&result);
      FORESEED_CHECK((error == nullptr) == (made != 0 && last == 0));
      if (error != nullptr && made != 0) FORESEED_CHECK(*error == static_cast<common::Error>(last) || *error == common::Error::cancelled);
      FORESEED_CHECK(common::mono_now() <= deadline + milliseconds(caller.attempt_ms));
      if (stopper.joinable()) stopper.join();
    });
  }
  for (std::thread& thread : threads) thread.join();
  // RB2, in every window that ends with a retry, that one included.
  for (const nanoseconds t : retries) {
    const auto in_window = [&](nanoseconds at) { return at <= t && at > t - c.budget.window; };
    // Requests may have left the window between a retry's reservation and its sending, which a back-off separates.
    const auto asked = std::count_if(requests.begin(), requests.end(), [&](nanoseconds at) { return at <= t && at > t - c.budget.window - c.policy.backoff.cap; });
    const auto again = std::count_if(retries.begin(), retries.end(), in_window);
    FORESEED_CHECK(again <= std::max<std::int64_t>(c.budget.floor, c.policy.outermost ? asked * c.budget.percent / 100 : 0));
  }
}

}  // namespace properties
