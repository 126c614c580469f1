// Calls again what failed, as long as that makes sense.
//
// An attempt answers with a value or an Error. It is made again iff the error is retryable (the error taxonomy's own
// judgement: a circuit that is open is not), the call is safe to repeat (idempotent, or it carries an idempotency key;
// RB4), attempts are left, the back-off and the attempt fit before the deadline (RB3), and the budget grants it (RB2).
// Where it ends without a value the last attempt's error is returned, except that a stop request during a back-off is
// `cancelled`. Time between attempts is spent in one interruptible timed wait; no attempt follows a stop (RB5).
// Any thread may run any number of calls; attempts run on the caller's thread, under no lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <random>
#include <stop_token>
#include <variant>

#include "common/error.h"
#include "retry/backoff.h"
#include "retry/budget.h"

namespace retry {

using common::Error;

struct Policy {
  BackoffConfig backoff;
  std::uint32_t attempts_max = 3;  ///< 1 .. 1,000, the first included
  /// Whether first attempts count as fresh requests. False in an inner layer, whose first attempts are its caller's:
  /// layers that share a budget then retry as often together as one would (S1-13).
  bool outermost = true;
};

/// Throws std::invalid_argument.
void validate(const Policy& policy);

enum class Repeatable : std::uint8_t {
  no,                  ///< a second time is not the same as once
  idempotent,          ///< it is
  by_idempotency_key,  ///< the callee tells by a key that it is the same call
};

/// Sleeps until `until`; false where stopped before.
bool sleep_until(MonoTime until, const std::stop_token& stop);

class Retrier {
 public:
  /// `seed` drives the jitter. REQUIRES: `budget` outlives it. Throws std::invalid_argument.
  Retrier(const Policy& policy, RetryBudget& budget, std::uint64_t seed)
      : policy_((validate(policy), policy)), budget_(budget), draws_(seed) {}

  /// `attempt`: std::variant<T, Error>(MonoTime deadline).
  template <class Attempt>
  auto run(Attempt&& attempt, Repeatable repeatable, MonoTime deadline, std::stop_token stop = {})
      -> std::invoke_result_t<Attempt&, MonoTime> {
    if (stop.stop_requested()) return Error::cancelled;
    if (common::mono_now() >= deadline) return Error::deadline_exceeded;
    if (policy_.outermost) budget_.request();
    for (std::uint32_t made = 1;; ++made) {
      auto result = attempt(deadline);
      const Error* error = std::get_if<Error>(&result);
      if (error == nullptr || !may_repeat(*error, made, repeatable)) return result;
      const MonoTime next = common::later(common::mono_now(), draw_delay(made - 1));
      if (next >= deadline) return result;
      auto reservation = budget_.reserve();
      if (!reservation) return result;
      if (!sleep_until(next, stop)) return Error::cancelled;  // the reservation goes back
      if (common::mono_now() >= deadline) return result;
      reservation->spend();
    }
  }

 private:
  bool may_repeat(Error error, std::uint32_t made, Repeatable repeatable) const {
    return made < policy_.attempts_max && repeatable != Repeatable::no && common::traits(error).retryable;
  }
  Duration draw_delay(std::uint32_t k);

  const Policy policy_;
  RetryBudget& budget_;
  std::atomic<std::uint64_t> draws_;
};

}  // namespace retry
