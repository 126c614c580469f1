#include "properties/bulkhead.h"

namespace properties {

FORESEED_PROPERTY(bulkhead, "callers in line, some hasty, some stopped: served as computed by hand", line_cases(), const LineCase& c) {
  check_bulkhead<bulkhead::Bulkhead>(c);
}

FORESEED_PROPERTY(bulkhead_changes, "resized and closed while callers are in line", line_cases(), const LineCase& c) {
  check_bulkhead_changes<bulkhead::Bulkhead>(c);
}

}  // namespace properties
