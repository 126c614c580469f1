#include "properties/pool.h"

namespace properties {

FORESEED_PROPERTY(pool, "callers in line, some hasty, some stopped: served as computed by hand", line_cases(), const LineCase& c) {
  check_pool<pool::Pool>(c);
}

FORESEED_PROPERTY(pool_faults, "connects that fail, connections that break, closing: nothing is lost or doubled", pool_cases(),
                  const PoolCase& c) {
  check_pool_faults<pool::Pool>(c);
}

}  // namespace properties
