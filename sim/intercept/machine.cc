// What a program can ask of the machine it runs on: the same answer everywhere.

#include <sched.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "intercept/process.h"
#include "intercept/real.h"
#include "kernel/world.h"

using namespace foreseed;

FORESEED_EXPORT int get_nprocs() noexcept { return simulated_code() ? processors : REAL(get_nprocs)(); }
FORESEED_EXPORT int get_nprocs_conf() noexcept { return simulated_code() ? processors : REAL(get_nprocs_conf)(); }

FORESEED_EXPORT long sysconf(int name) noexcept {
  if (simulated_code() && (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF)) return processors;
  return REAL(sysconf)(name);
}

FORESEED_EXPORT int sched_getcpu() noexcept { return simulated_code() ? 0 : REAL(sched_getcpu)(); }

FORESEED_EXPORT pid_t getpid() noexcept { return simulated_code() ? process_id : REAL(getpid)(); }
FORESEED_EXPORT pid_t gettid() noexcept {
  return simulated_code() ? thread_id(World::get().current()) : REAL(gettid)();
}
FORESEED_EXPORT pid_t getppid() noexcept { return simulated_code() ? 1 : REAL(getppid)(); }

FORESEED_EXPORT int getloadavg(double loads[], int count) noexcept {
  if (!simulated_code()) return REAL(getloadavg)(loads, count);
  for (int i = 0; i < count && i < 3; ++i) loads[i] = 0;
  return count < 3 ? count : 3;
}
