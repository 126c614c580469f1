// Classes, priorities and processors of threads, as an unprivileged process has them: kept as they are set, without any
// effect on the schedule, which is the simulator's.

#include <cerrno>
#include <cstring>
#include <ctime>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "intercept/process.h"
#include "intercept/real.h"
#include "sync/sync.h"

using namespace foreseed;

namespace {

/// The task that a system call means by `id`; null if there is none.
Task* task_by_id(pid_t id) {
  World& world = World::get();
  if (id == 0) return &world.current();
  const auto number = static_cast<std::uint32_t>(id - process_id);
  return number < world.task_count() ? &world.task(number) : nullptr;
}

int set_class(Task* task, int of, int priority) {
  if (task == nullptr) return ESRCH;
  switch (of) {
    case SCHED_FIFO:
    case SCHED_RR: return priority < 1 || priority > 99 ? EINVAL : EPERM;
    case SCHED_OTHER:
    case SCHED_BATCH:
    case SCHED_IDLE: break;
    default: return EINVAL;
  }
  if (priority != 0) return EINVAL;
  task->scheduling_class = static_cast<std::uint8_t>(of);
  return 0;
}

int set_processors(Task* task, std::size_t size, const cpu_set_t* set) {
  if (task == nullptr) return ESRCH;
  std::uint8_t wanted = 0;
  for (unsigned i = 0; i < processors && i / 8 < size; ++i) wanted |= static_cast<std::uint8_t>((CPU_ISSET_S(i, size, set) != 0) << i);
  if (wanted == 0) return EINVAL;
  task->processors = wanted;
  return 0;
}

int get_processors(const Task* task, std::size_t size, cpu_set_t* set) {
  if (task == nullptr) return ESRCH;
  if (size < sizeof(long)) return EINVAL;
  std::memset(set, 0, size);
  for (unsigned i = 0; i < processors; ++i) {
    if (task->processors == 0 || (task->processors >> i & 1) != 0) CPU_SET_S(i, size, set);
  }
  return 0;
}

int set_nice(Task& task, int wanted) {
  wanted = wanted < -20 ? -20 : wanted > 19 ? 19 : wanted;
  if (wanted < task.nice) return EACCES;
  task.nice = static_cast<std::int8_t>(wanted);
  return 0;
}

}  // namespace

#define FORWARD(name, parameters, arguments, simulated)        \
  FORESEED_EXPORT int name parameters noexcept {               \
    if (!simulated_code()) return REAL(name) arguments;        \
    return simulated;                                          \
  }

FORESEED_EXPORT int pthread_getschedparam(pthread_t thread, int* of, sched_param* parameters) noexcept {
  if (!simulated_code()) return REAL(pthread_getschedparam)(thread, of, parameters);
  const Task* const task = sync::task_of(thread);
  if (task == nullptr) return ESRCH;
  *of = task->scheduling_class;
  parameters->sched_priority = 0;
  return 0;
}
FORWARD(pthread_setschedparam, (pthread_t thread, int of, const sched_param* parameters), (thread, of, parameters),
        set_class(sync::task_of(thread), of, parameters->sched_priority))
FORWARD(pthread_setschedprio, (pthread_t thread, int priority), (thread, priority),
        sync::task_of(thread) == nullptr ? ESRCH : priority == 0 ? 0 : EINVAL)
FORWARD(sched_setscheduler, (pid_t id, int of, const sched_param* parameters), (id, of, parameters),
        error_through_errno(set_class(task_by_id(id), of & ~SCHED_RESET_ON_FORK, parameters->sched_priority)))
FORWARD(sched_setparam, (pid_t id, const sched_param* parameters), (id, parameters),
        error_through_errno(task_by_id(id) == nullptr ? ESRCH : parameters->sched_priority == 0 ? 0 : EINVAL))
FORWARD(sched_getscheduler, (pid_t id), (id),
        task_by_id(id) == nullptr ? error_through_errno(ESRCH) : task_by_id(id)->scheduling_class)
FORESEED_EXPORT int sched_getparam(pid_t id, sched_param* parameters) noexcept {
  if (!simulated_code()) return REAL(sched_getparam)(id, parameters);
  if (task_by_id(id) == nullptr) return error_through_errno(ESRCH);
  parameters->sched_priority = 0;
  return 0;
}
FORESEED_EXPORT int sched_rr_get_interval(pid_t id, timespec* interval) noexcept {
  if (!simulated_code()) return REAL(sched_rr_get_interval)(id, interval);
  if (task_by_id(id) == nullptr) return error_through_errno(ESRCH);
  *interval = {0, 4'000'000};
  return 0;
}

FORWARD(pthread_setaffinity_np, (pthread_t thread, size_t size, const cpu_set_t* set), (thread, size, set),
        set_processors(sync::task_of(thread), size, set))
FORWARD(pthread_getaffinity_np, (pthread_t thread, size_t size, cpu_set_t* set), (thread, size, set),
        get_processors(sync::task_of(thread), size, set))
FORWARD(sched_setaffinity, (pid_t id, size_t size, const cpu_set_t* set), (id, size, set),
        error_through_errno(set_processors(task_by_id(id), size, set)))
FORWARD(sched_getaffinity, (pid_t id, size_t size, cpu_set_t* set), (id, size, set),
        error_through_errno(get_processors(task_by_id(id), size, set)))

FORESEED_EXPORT int nice(int by) noexcept {
  if (!simulated_code()) return REAL(nice)(by);
  Task& self = World::get().current();
  if (set_nice(self, self.nice + by) != 0) return error_through_errno(EPERM);
  return self.nice;
}
FORESEED_EXPORT int getpriority(__priority_which_t which, id_t who) noexcept {
  if (!simulated_code()) return REAL(getpriority)(which, who);
  const Task* const task = which == PRIO_PROCESS ? task_by_id(static_cast<pid_t>(who)) : &World::get().current();
  return task == nullptr ? error_through_errno(ESRCH) : task->nice;
}
FORESEED_EXPORT int setpriority(__priority_which_t which, id_t who, int wanted) noexcept {
  if (!simulated_code()) return REAL(setpriority)(which, who, wanted);
  Task* const task = which == PRIO_PROCESS ? task_by_id(static_cast<pid_t>(who)) : &World::get().current();
  return error_through_errno(task == nullptr ? ESRCH : set_nice(*task, wanted));
}

// Processor time is virtual time, for each thread and for the process.
FORESEED_EXPORT int pthread_getcpuclockid(pthread_t thread, clockid_t* clock) noexcept {
  if (!simulated_code()) return REAL(pthread_getcpuclockid)(thread, clock);
  if (sync::task_of(thread) == nullptr) return ESRCH;
  *clock = CLOCK_THREAD_CPUTIME_ID;
  return 0;
}
FORESEED_EXPORT int clock_getcpuclockid(pid_t id, clockid_t* clock) noexcept {
  if (!simulated_code()) return REAL(clock_getcpuclockid)(id, clock);
  if (task_by_id(id) == nullptr) return ESRCH;
  *clock = CLOCK_PROCESS_CPUTIME_ID;
  return 0;
}
