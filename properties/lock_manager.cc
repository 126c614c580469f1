#include "properties/lock_manager.h"

namespace properties {

FORESEED_PROPERTY(lock_table, "tries, renewals, releases in four modes: as catalogue 4.3 says", lock_cases(), const LockCase& c) {
  check_lock_table<lock_manager::LockServer>(c);
}

FORESEED_PROPERTY(lock_manager, "holders that wait, write and stall, a server that is replaced: fenced", lock_cases(), const LockCase& c) {
  check_lock_manager<lock_manager::LockServer, lock_manager::FencedStore>(c);
}

}  // namespace properties
