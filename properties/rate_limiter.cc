#include "properties/rate_limiter.h"

namespace properties {

FORESEED_PROPERTY(rate_limiter, "tries, promises and cancellations of several scopes: as catalogue 4.2 says", limiter_cases(),
                  const LimiterCase& c) {
  check_limiter<rate_limiter::RateLimiter>(c);
}

FORESEED_PROPERTY(rate_limiter_waits, "those who wait for their turn get it, within the limits", limiter_cases(),
                  const LimiterCase& c) {
  check_limiter_waits<rate_limiter::RateLimiter>(c);
}

}  // namespace properties
