#include "properties/retry.h"

namespace properties {

FORESEED_PROPERTY(retry_budget_spec, "requests, reservations, retries of several callers: as catalogue 4.5 says", retry_cases(),
                  const RetryCase& c) {
  check_budget<retry::RetryBudget>(c);
}

FORESEED_PROPERTY(retry, "each attempt was called for: none too many, too early, too late or after a stop", retry_cases(),
                  const RetryCase& c) {
  check_retry<retry::Retrier>(c);
}

}  // namespace properties
