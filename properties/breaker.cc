#include "properties/breaker.h"

namespace properties {

FORESEED_PROPERTY(breaker, "concurrent calls, operators and clocks that are set: as catalogue 4.1 says", breaker_cases(),
                  const BreakerCase& c) {
  check_breaker<breaker::CircuitBreaker>(c);
}

}  // namespace properties
