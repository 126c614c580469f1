#include "properties/shared_breaker.h"

namespace properties {

FORESEED_PROPERTY(shared_breaker, "two processes share a breaker over a store that fails now and then", shared_cases(), const SharedCase& c) {
  check_shared_breaker<shared_breaker::SharedBreaker>(c);
}

}  // namespace properties
