// <threads.h>: under glibc, the types of C11 threads are those of pthreads by other names.

#include <cerrno>
#include <cstdint>
#include <pthread.h>
#include <sched.h>
#include <threads.h>
#include <time.h>

#include "intercept/real.h"

using namespace foreseed;

namespace {

int status_of(int error) {
  switch (error) {
    case 0: return thrd_success;
    case EBUSY: return thrd_busy;
    case ENOMEM: return thrd_nomem;
    case ETIMEDOUT: return thrd_timedout;
    default: return thrd_error;
  }
}

pthread_mutex_t* of(mtx_t* mutex) { return reinterpret_cast<pthread_mutex_t*>(mutex); }
pthread_cond_t* of(cnd_t* condition) { return reinterpret_cast<pthread_cond_t*>(condition); }

void* as_pointer(int value) { return reinterpret_cast<void*>(static_cast<std::intptr_t>(value)); }
int as_int(void* value) { return static_cast<int>(reinterpret_cast<std::intptr_t>(value)); }

}  // namespace

FORESEED_EXPORT int thrd_create(thrd_t* thread, thrd_start_t entry, void* argument) {
  if (!simulated_code()) return REAL(thrd_create)(thread, entry, argument);
  // What it returns is the lower half of what the other type returns.
  const auto as_other = reinterpret_cast<void* (*)(void*)>(reinterpret_cast<void (*)()>(entry));
  return status_of(pthread_create(thread, nullptr, as_other, argument));
}
FORESEED_EXPORT int thrd_join(thrd_t thread, int* result) {
  if (!simulated_code()) return REAL(thrd_join)(thread, result);
  void* value = nullptr;
  const int error = pthread_join(thread, &value);
  if (error == 0 && result != nullptr) *result = as_int(value);
  return status_of(error);
}
FORESEED_EXPORT void thrd_exit(int result) { pthread_exit(as_pointer(result)); }
FORESEED_EXPORT int thrd_detach(thrd_t thread) { return status_of(pthread_detach(thread)); }
FORESEED_EXPORT thrd_t thrd_current() { return pthread_self(); }
FORESEED_EXPORT void thrd_yield() { sched_yield(); }
FORESEED_EXPORT int thrd_sleep(const timespec* duration, timespec* remaining) {
  if (!simulated_code()) return REAL(thrd_sleep)(duration, remaining);
  const int error = clock_nanosleep(CLOCK_REALTIME, 0, duration, remaining);
  return error == 0 ? 0 : error == EINTR ? -1 : -2;
}

FORESEED_EXPORT int mtx_init(mtx_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
  return status_of(pthread_mutex_init(of(mutex), &attributes));
}
FORESEED_EXPORT int mtx_lock(mtx_t* mutex) { return status_of(pthread_mutex_lock(of(mutex))); }
FORESEED_EXPORT int mtx_trylock(mtx_t* mutex) { return status_of(pthread_mutex_trylock(of(mutex))); }
FORESEED_EXPORT int mtx_timedlock(mtx_t* mutex, const timespec* time) {
  return status_of(pthread_mutex_timedlock(of(mutex), time));
}
FORESEED_EXPORT int mtx_unlock(mtx_t* mutex) { return status_of(pthread_mutex_unlock(of(mutex))); }
FORESEED_EXPORT void mtx_destroy(mtx_t* mutex) { pthread_mutex_destroy(of(mutex)); }

FORESEED_EXPORT int cnd_init(cnd_t* condition) { return status_of(pthread_cond_init(of(condition), nullptr)); }
FORESEED_EXPORT int cnd_wait(cnd_t* condition, mtx_t* mutex) { return status_of(pthread_cond_wait(of(condition), of(mutex))); }
FORESEED_EXPORT int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* time) {
  return status_of(pthread_cond_timedwait(of(condition), of(mutex), time));
}
FORESEED_EXPORT int cnd_signal(cnd_t* condition) { return status_of(pthread_cond_signal(of(condition))); }
FORESEED_EXPORT int cnd_broadcast(cnd_t* condition) { return status_of(pthread_cond_broadcast(of(condition))); }
FORESEED_EXPORT void cnd_destroy(cnd_t* condition) { pthread_cond_destroy(of(condition)); }

FORESEED_EXPORT int tss_create(tss_t* key, tss_dtor_t destructor) { return status_of(pthread_key_create(key, destructor)); }
FORESEED_EXPORT void* tss_get(tss_t key) { return pthread_getspecific(key); }
FORESEED_EXPORT int tss_set(tss_t key, void* value) { return status_of(pthread_setspecific(key, value)); }
FORESEED_EXPORT void tss_delete(tss_t key) { pthread_key_delete(key); }

FORESEED_EXPORT void call_once(once_flag* flag, void (*function)()) {
  static_assert(sizeof(once_flag) == sizeof(pthread_once_t));
  pthread_once(reinterpret_cast<pthread_once_t*>(flag), function);
}
