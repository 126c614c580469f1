// pthread_*, sem_*, sched_yield: arguments and results translated, nothing else.

#include <cerrno>
#include <csetjmp>
#include <cstring>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <unwind.h>

#include "intercept/real.h"
#include "kernel/stacks.h"
#include "sync/mutex.h"

using namespace foreseed;

namespace {

bool valid(const timespec* time) { return time->tv_nsec >= 0 && time->tv_nsec < 1'000'000'000; }

}  // namespace

// The general shape: outside a simulation the real function, inside it the room's.
#define FORWARD(name, parameters, arguments, simulated)            \
  FORESEED_EXPORT int name parameters {                            \
    if (!simulated_code()) return REAL(name) arguments;            \
    const Entry entry;                                             \
    return simulated;                                              \
  }
// pthread_cond_* has an old version that dlsym would find first.
#define FORWARD_COND(name, parameters, arguments, simulated)                   \
  FORESEED_EXPORT int name parameters {                                        \
    if (!simulated_code()) return REAL_VERSION(name, "GLIBC_2.3.2") arguments; \
    const Entry entry;                                                         \
    return simulated;                                                          \
  }
#define TIMED(time, call) (!valid(time) ? EINVAL : (call))
#define CLOCKED(clock, time, call) (!sync::is_wait_clock(clock) ? EINVAL : TIMED(time, call))

// --- mutexes

FORWARD(pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex), sync::mutex_lock(mutex))
FORWARD(pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex), sync::mutex_trylock(mutex))
FORWARD(pthread_mutex_unlock, (pthread_mutex_t * mutex), (mutex), sync::mutex_unlock(mutex))
FORWARD(pthread_mutex_timedlock, (pthread_mutex_t * mutex, const timespec* time), (mutex, time),
        TIMED(time, sync::mutex_lock(mutex, sync::deadline_of(CLOCK_REALTIME, *time))))
FORWARD(pthread_mutex_clocklock, (pthread_mutex_t * mutex, clockid_t clock, const timespec* time), (mutex, clock, time),
        CLOCKED(clock, time, sync::mutex_lock(mutex, sync::deadline_of(clock, *time))))

FORESEED_EXPORT int pthread_mutex_init(pthread_mutex_t* mutex, const pthread_mutexattr_t* attributes) {
  const int result = REAL(pthread_mutex_init)(mutex, attributes);
  if (simulated_code()) {
    const Entry entry;
    ObjectTable::get().forget(mutex);
  }
  return result;
}

FORESEED_EXPORT int pthread_mutex_destroy(pthread_mutex_t* mutex) {
  if (simulated_code()) {
    const Entry entry;
    return sync::mutex_destroy(mutex);
  }
  return REAL(pthread_mutex_destroy)(mutex);
}

FORWARD(pthread_spin_lock, (pthread_spinlock_t * lock), (lock), sync::spin_lock(const_cast<int*>(lock)))
FORWARD(pthread_spin_trylock, (pthread_spinlock_t * lock), (lock), sync::spin_trylock(const_cast<int*>(lock)))
FORWARD(pthread_spin_unlock, (pthread_spinlock_t * lock), (lock), sync::spin_unlock(const_cast<int*>(lock)))

FORESEED_EXPORT int pthread_spin_init(pthread_spinlock_t* lock, int shared) {
  const int result = REAL(pthread_spin_init)(lock, shared);
  if (simulated_code()) {
    const Entry entry;
    ObjectTable::get().forget(const_cast<int*>(lock));
  }
  return result;
}

FORESEED_EXPORT int pthread_spin_destroy(pthread_spinlock_t* lock) { return pthread_spin_init(lock, 0); }

// --- condition variables

FORWARD_COND(pthread_cond_wait, (pthread_cond_t * cond, pthread_mutex_t* mutex), (cond, mutex),
             sync::cond_wait(cond, mutex))
FORWARD_COND(pthread_cond_signal, (pthread_cond_t * cond), (cond), sync::cond_signal(cond))
FORWARD_COND(pthread_cond_broadcast, (pthread_cond_t * cond), (cond), sync::cond_broadcast(cond))
FORWARD_COND(pthread_cond_timedwait, (pthread_cond_t * cond, pthread_mutex_t* mutex, const timespec* time),
             (cond, mutex, time),
             TIMED(time, sync::cond_wait(cond, mutex, sync::deadline_of(sync::cond_clock(cond), *time))))
FORWARD(pthread_cond_clockwait, (pthread_cond_t * cond, pthread_mutex_t* mutex, clockid_t clock, const timespec* time),
        (cond, mutex, clock, time), CLOCKED(clock, time, sync::cond_wait(cond, mutex, sync::deadline_of(clock, *time))))

FORESEED_EXPORT int pthread_cond_init(pthread_cond_t* cond, const pthread_condattr_t* attributes) {
  const int result = REAL_VERSION(pthread_cond_init, "GLIBC_2.3.2")(cond, attributes);
  if (simulated_code()) {
    const Entry entry;
    clockid_t clock = CLOCK_REALTIME;
    if (attributes != nullptr) pthread_condattr_getclock(attributes, &clock);
    sync::cond_init(cond, clock);
  }
  return result;
}

FORESEED_EXPORT int pthread_cond_destroy(pthread_cond_t* cond) {
  if (!simulated_code()) return REAL_VERSION(pthread_cond_destroy, "GLIBC_2.3.2")(cond);
  const Entry entry;
  sync::cond_destroy(cond);
  return 0;
}

// --- read-write locks

FORWARD(pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock), sync::rwlock_read(lock))
FORWARD(pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock), sync::rwlock_write(lock))
FORWARD(pthread_rwlock_tryrdlock, (pthread_rwlock_t * lock), (lock), sync::rwlock_try_read(lock))
FORWARD(pthread_rwlock_trywrlock, (pthread_rwlock_t * lock), (lock), sync::rwlock_try_write(lock))
FORWARD(pthread_rwlock_unlock, (pthread_rwlock_t * lock), (lock), sync::rwlock_unlock(lock))
FORWARD(pthread_rwlock_timedrdlock, (pthread_rwlock_t * lock, const timespec* time), (lock, time),
        TIMED(time, sync::rwlock_read(lock, sync::deadline_of(CLOCK_REALTIME, *time))))
FORWARD(pthread_rwlock_timedwrlock, (pthread_rwlock_t * lock, const timespec* time), (lock, time),
        TIMED(time, sync::rwlock_write(lock, sync::deadline_of(CLOCK_REALTIME, *time))))
FORWARD(pthread_rwlock_clockrdlock, (pthread_rwlock_t * lock, clockid_t clock, const timespec* time),
        (lock, clock, time), CLOCKED(clock, time, sync::rwlock_read(lock, sync::deadline_of(clock, *time))))
FORWARD(pthread_rwlock_clockwrlock, (pthread_rwlock_t * lock, clockid_t clock, const timespec* time),
        (lock, clock, time), CLOCKED(clock, time, sync::rwlock_write(lock, sync::deadline_of(clock, *time))))

FORESEED_EXPORT int pthread_rwlock_init(pthread_rwlock_t* lock, const pthread_rwlockattr_t* attributes) {
  const int result = REAL(pthread_rwlock_init)(lock, attributes);
  if (simulated_code()) {
    const Entry entry;
    ObjectTable::get().forget(lock);
  }
  return result;
}

FORESEED_EXPORT int pthread_rwlock_destroy(pthread_rwlock_t* lock) {
  if (!simulated_code()) return REAL(pthread_rwlock_destroy)(lock);
  const Entry entry;
  sync::rwlock_destroy(lock);
  return 0;
}

// --- semaphores, barriers

FORWARD(sem_wait, (sem_t * semaphore), (semaphore), sync::semaphore_wait(semaphore))
FORWARD(sem_trywait, (sem_t * semaphore), (semaphore), error_through_errno(sync::semaphore_trywait(semaphore)))
FORWARD(sem_post, (sem_t * semaphore), (semaphore), error_through_errno(sync::semaphore_post(semaphore)))
FORWARD(sem_timedwait, (sem_t * semaphore, const timespec* time), (semaphore, time),
        error_through_errno(TIMED(time, sync::semaphore_wait(semaphore, sync::deadline_of(CLOCK_REALTIME, *time)))))
FORWARD(sem_clockwait, (sem_t * semaphore, clockid_t clock, const timespec* time), (semaphore, clock, time),
        error_through_errno(CLOCKED(clock, time, sync::semaphore_wait(semaphore, sync::deadline_of(clock, *time)))))
FORWARD(sem_getvalue, (sem_t * semaphore, int* value), (semaphore, value),
        (*value = sync::semaphore_value(semaphore), 0))

FORESEED_EXPORT int sem_init(sem_t* semaphore, int shared, unsigned value) {
  const int result = REAL(sem_init)(semaphore, shared, value);
  if (result == 0 && simulated_code()) {
    const Entry entry;
    sync::semaphore_init(semaphore, value);
  }
  return result;
}

FORESEED_EXPORT int sem_destroy(sem_t* semaphore) {
  if (!simulated_code()) return REAL(sem_destroy)(semaphore);
  const Entry entry;
  sync::semaphore_destroy(semaphore);
  return 0;
}

FORWARD(pthread_barrier_wait, (pthread_barrier_t * barrier), (barrier), sync::barrier_wait(barrier))

FORESEED_EXPORT int pthread_barrier_init(pthread_barrier_t* barrier, const pthread_barrierattr_t* attributes,
                                         unsigned count) {
  const int result = REAL(pthread_barrier_init)(barrier, attributes, count);
  if (result == 0 && simulated_code()) {
    const Entry entry;
    sync::barrier_init(barrier, count);
  }
  return result;
}

FORESEED_EXPORT int pthread_barrier_destroy(pthread_barrier_t* barrier) {
  if (!simulated_code()) return REAL(pthread_barrier_destroy)(barrier);
  const Entry entry;
  sync::barrier_destroy(barrier);
  return 0;
}

FORESEED_EXPORT int pthread_once(pthread_once_t* control, void (*routine)()) {
  if (!simulated_code()) return REAL(pthread_once)(control, routine);
  constexpr int done = 2;  // as glibc marks it
  {
    const Entry entry;
    if (!sync::once_claim(control, *control == done, Op::once)) return 0;
  }
  try {
    routine();
  } catch (...) {
    const Entry entry;
    sync::once_abandon(control, Op::once);
    throw;
  }
  const Entry entry;
  *control = done;
  sync::once_done(control, Op::once);
  return 0;
}

// --- threads

FORESEED_EXPORT int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*entry)(void*),
                                   void* argument) {
  if (!simulated_code()) return REAL(pthread_create)(thread, attributes, entry, argument);
  const Entry kernel;
  int state = PTHREAD_CREATE_JOINABLE;
  if (__builtin_expect(attributes != nullptr, 0)) pthread_attr_getdetachstate(attributes, &state);
  // The handle is stored before the new thread can run: nothing runs between the spawn and the return.
  *thread = sync::thread_create(entry, argument, state == PTHREAD_CREATE_DETACHED);
  return 0;
}

FORWARD(pthread_join, (pthread_t thread, void** result), (thread, result), sync::thread_join(thread, result))
FORWARD(pthread_tryjoin_np, (pthread_t thread, void** result), (thread, result),
        sync::thread_join(thread, result, never, true))
FORWARD(pthread_timedjoin_np, (pthread_t thread, void** result, const timespec* time), (thread, result, time),
        TIMED(time, sync::thread_join(thread, result, sync::deadline_of(CLOCK_REALTIME, *time))))
FORWARD(pthread_clockjoin_np, (pthread_t thread, void** result, clockid_t clock, const timespec* time),
        (thread, result, clock, time),
        CLOCKED(clock, time, sync::thread_join(thread, result, sync::deadline_of(clock, *time))))
FORWARD(pthread_detach, (pthread_t thread), (thread), sync::thread_detach(thread))

FORESEED_EXPORT pthread_t pthread_self() noexcept {
  if (!simulated_code()) return REAL(pthread_self)();
  return sync::handle_of(World::get().current());
}

// Cleanup handlers of C code (pthread_cleanup_push): each scope has a jump buffer on the stack of its frame.
FORESEED_EXPORT void __pthread_register_cancel(__pthread_unwind_buf_t* buffer) {
  using Function = void (*)(__pthread_unwind_buf_t*);
  if (!simulated_code()) return FORESEED_REAL_AS(Function, "__pthread_register_cancel", nullptr)(buffer);
  const Entry entry;
  World::get().current().cleanup_scopes.push_back(buffer);
}

FORESEED_EXPORT void __pthread_unregister_cancel(__pthread_unwind_buf_t* buffer) {
  using Function = void (*)(__pthread_unwind_buf_t*);
  if (!simulated_code()) return FORESEED_REAL_AS(Function, "__pthread_unregister_cancel", nullptr)(buffer);
  const Entry entry;
  World::get().current().cleanup_scopes.pop_back();
}

namespace {

/// As in glibc: unwinds the stack, running destructors and the cleanup scopes of C frames; a catch (...) has to rethrow.
[[noreturn]] void unwind_thread() {
  static const auto stop = [](int, _Unwind_Action actions, _Unwind_Exception_Class, _Unwind_Exception*,
                              _Unwind_Context* context, void*) -> _Unwind_Reason_Code {
    Task& task = World::get().current();
    const bool at_end = (actions & _UA_END_OF_STACK) != 0;
    if (!task.cleanup_scopes.empty()) {
      void* const scope = task.cleanup_scopes.back();
      if (at_end || reinterpret_cast<std::uintptr_t>(scope) < _Unwind_GetCFA(context)) {
        task.cleanup_scopes.pop_back();
        siglongjmp(static_cast<__jmp_buf_tag*>(scope), 1);
      }
    }
    if (at_end) {
      active_thread = 0;
      World::get().finish_current();
    }
    return _URC_NO_REASON;
  };
  static _Unwind_Exception exceptions[64];
  _Unwind_Exception& exception = exceptions[World::get().current().id % 64];
  std::memset(&exception, 0, sizeof exception);
  _Unwind_ForcedUnwind(&exception, stop, nullptr);
  __builtin_trap();
}

}  // namespace

FORESEED_EXPORT void __pthread_unwind_next(__pthread_unwind_buf_t* buffer) {
  using Function = void (*)(__pthread_unwind_buf_t*);
  if (!simulated_code()) FORESEED_REAL_AS(Function, "__pthread_unwind_next", nullptr)(buffer);
  unwind_thread();
}

FORESEED_EXPORT void pthread_exit(void* result) {
  if (!simulated_code()) {
    REAL(pthread_exit)(result);
    __builtin_unreachable();
  }
  World::get().current().result = result;
  unwind_thread();
}

FORESEED_EXPORT int pthread_getattr_np(pthread_t thread, pthread_attr_t* attributes) noexcept {
  if (!simulated_code()) return REAL(pthread_getattr_np)(thread, attributes);
  const Task* const task = sync::task_of(thread);
  if (task == nullptr) return ESRCH;
  const StackRange stack = stack_of(task->id);
  pthread_attr_init(attributes);
  pthread_attr_setstack(attributes, stack.low, static_cast<std::size_t>(stack.high - stack.low));
  return pthread_attr_setdetachstate(attributes, task->detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
}

FORESEED_EXPORT int sched_yield() noexcept {
  if (!simulated_code()) return REAL(sched_yield)();
  const Entry entry;
  sync::yield();
  return 0;
}

FORESEED_EXPORT int pthread_setname_np(pthread_t thread, const char* name) noexcept {
  if (!simulated_code()) return REAL(pthread_setname_np)(thread, name);
  Task* const task = sync::task_of(thread);
  if (task == nullptr) return ESRCH;
  if (std::strlen(name) >= sizeof task->name) return ERANGE;
  std::strcpy(task->name, name);
  return 0;
}

FORESEED_EXPORT int pthread_getname_np(pthread_t thread, char* name, size_t size) noexcept {
  if (!simulated_code()) return REAL(pthread_getname_np)(thread, name, size);
  const Task* const task = sync::task_of(thread);
  if (task == nullptr) return ESRCH;
  if (size <= std::strlen(task->name)) return ERANGE;
  std::strcpy(name, task->name);
  return 0;
}

// --- thread-specific data

FORESEED_EXPORT int pthread_key_create(pthread_key_t* key, void (*destructor)(void*)) noexcept {
  if (simulated_code()) {
    const Entry entry;
    return sync::key_create(key, destructor);
  }
  const int result = REAL(pthread_key_create)(key, destructor);
  if (result == 0 && !run_active) sync::key_create(key, destructor);
  return result;
}

FORESEED_EXPORT int pthread_key_delete(pthread_key_t key) noexcept {
  if (simulated_code()) {
    const Entry entry;
    return sync::key_delete(key);
  }
  if (!run_active) sync::key_delete(key);
  return REAL(pthread_key_delete)(key);
}

FORESEED_EXPORT void* pthread_getspecific(pthread_key_t key) noexcept {
  if (!simulated_code()) return REAL(pthread_getspecific)(key);
  return sync::key_get(key);
}

FORESEED_EXPORT int pthread_setspecific(pthread_key_t key, const void* value) noexcept {
  if (!simulated_code()) return REAL(pthread_setspecific)(key, value);
  const Entry entry;
  return sync::key_set(key, value);
}
