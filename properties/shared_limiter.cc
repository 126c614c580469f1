#include "properties/shared_limiter.h"

namespace properties {

FORESEED_PROPERTY(shared_limiter, "two processes share a limit over a store with a clock of its own that fails now and then",
                  shared_limit_cases(), const SharedLimitCase& c) {
  check_shared_limiter<shared_limiter::SharedLimiter>(c);
}

}  // namespace properties
