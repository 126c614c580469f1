// The programs in C, as programs.
#include <stdexcept>
#include <string>

#include "posix_c.h"
#include "programs.h"

namespace programs {

#define FORESEED_POSIX_PROGRAM(name)                                                                   \
  void posix_##name() {                                                                                \
    if (const char* wrong = posix_c_##name()) throw std::runtime_error(std::string("posix_" #name ": ") + wrong); \
  }

FORESEED_POSIX_PROGRAM(create_join)
FORESEED_POSIX_PROGRAM(attributes)
FORESEED_POSIX_PROGRAM(detached)
FORESEED_POSIX_PROGRAM(exit)
FORESEED_POSIX_PROGRAM(identity)
FORESEED_POSIX_PROGRAM(names)
FORESEED_POSIX_PROGRAM(mutex_normal)
FORESEED_POSIX_PROGRAM(mutex_recursive)
FORESEED_POSIX_PROGRAM(mutex_errorcheck)
FORESEED_POSIX_PROGRAM(mutex_timed)
FORESEED_POSIX_PROGRAM(mutex_clocklock)
FORESEED_POSIX_PROGRAM(condition)
FORESEED_POSIX_PROGRAM(condition_monotonic)
FORESEED_POSIX_PROGRAM(condition_clockwait)
FORESEED_POSIX_PROGRAM(condition_static)
FORESEED_POSIX_PROGRAM(rwlock)
FORESEED_POSIX_PROGRAM(rwlock_timed)
FORESEED_POSIX_PROGRAM(barrier)
FORESEED_POSIX_PROGRAM(spin)
FORESEED_POSIX_PROGRAM(once)
FORESEED_POSIX_PROGRAM(keys)
FORESEED_POSIX_PROGRAM(key_rounds)
FORESEED_POSIX_PROGRAM(semaphore)
FORESEED_POSIX_PROGRAM(semaphore_timed)
FORESEED_POSIX_PROGRAM(semaphore_queue)
FORESEED_POSIX_PROGRAM(clocks)
FORESEED_POSIX_PROGRAM(sleeps)
FORESEED_POSIX_PROGRAM(yield)
FORESEED_POSIX_PROGRAM(errno)
FORESEED_POSIX_PROGRAM(c11_threads)
FORESEED_POSIX_PROGRAM(scheduling)
FORESEED_POSIX_PROGRAM(system_calls)
FORESEED_POSIX_PROGRAM(inline_calls)
FORESEED_POSIX_PROGRAM(sleep_an_hour)

}  // namespace programs
