/* The POSIX threads, semaphores and clocks, used from C. */
#define _GNU_SOURCE

#include "posix_c.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

/* The first check that failed in the program now running. A check that holds
   touches nothing that threads share. */
static _Atomic(const char*) first_wrong;

static void check(int right, const char* what) {
  if (!right) {
    const char* none = NULL;
    atomic_compare_exchange_strong(&first_wrong, &none, what);
  }
}

static const char* done(void) { return atomic_exchange(&first_wrong, NULL); }

enum { ms = 1000000 }; /* in nanoseconds */

static struct timespec now(clockid_t clock) {
  struct timespec time = {0, 0};
  check(clock_gettime(clock, &time) == 0, "clock_gettime() failed");
  return time;
}

static struct timespec after(struct timespec time, long nanoseconds) {
  time.tv_sec += nanoseconds / 1000000000;
  time.tv_nsec += nanoseconds % 1000000000;
  if (time.tv_nsec >= 1000000000) {
    time.tv_nsec -= 1000000000;
    ++time.tv_sec;
  }
  return time;
}

static int not_before(struct timespec a, struct timespec b) {
  return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec >= b.tv_nsec);
}

static pthread_t start(void* (*run)(void*), void* argument) {
  pthread_t thread;
  check(pthread_create(&thread, NULL, run, argument) == 0, "pthread_create() failed");
  return thread;
}

static void join(pthread_t thread) { check(pthread_join(thread, NULL) == 0, "pthread_join() failed"); }

/* A gate: closed until opened. */
struct gate {
  pthread_mutex_t mutex;
  pthread_cond_t opened;
  int is_open;
};

#define GATE_CLOSED {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}

static void gate_open(struct gate* gate) {
  pthread_mutex_lock(&gate->mutex);
  gate->is_open = 1;
  pthread_cond_broadcast(&gate->opened);
  pthread_mutex_unlock(&gate->mutex);
}

static void gate_wait(struct gate* gate) {
  pthread_mutex_lock(&gate->mutex);
  while (!gate->is_open) pthread_cond_wait(&gate->opened, &gate->mutex);
  pthread_mutex_unlock(&gate->mutex);
}

static void gate_destroy(struct gate* gate) {
  check(pthread_cond_destroy(&gate->opened) == 0, "pthread_cond_destroy() failed");
  check(pthread_mutex_destroy(&gate->mutex) == 0, "pthread_mutex_destroy() failed");
}

/* ---- threads ---- */

static void* twice(void* argument) {
  int* value = argument;
  *value *= 2;
  return value;
}

const char* posix_c_create_join(void) {
  int values[3] = {1, 2, 3};
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) threads[i] = start(twice, &values[i]);
  for (int i = 0; i < 3; ++i) {
    void* result = NULL;
    check(pthread_join(threads[i], &result) == 0, "pthread_join() failed");
    check(result == &values[i] && values[i] == 2 * (i + 1), "a thread returned another value");
  }
  return done();
}

static void* uses_stack(void* argument) {
  volatile char room[64 * 1024];
  memset((char*)(uintptr_t)room, 7, sizeof room);
  check(room[0] == 7 && room[sizeof room - 1] == 7, "the stack does not hold what was written");
  size_t size = 0;
  pthread_attr_t attributes;
  check(pthread_getattr_np(pthread_self(), &attributes) == 0, "pthread_getattr_np() failed");
  check(pthread_attr_getstacksize(&attributes, &size) == 0 && size >= 256 * 1024, "the stack is smaller than asked for");
  check(pthread_attr_destroy(&attributes) == 0, "pthread_attr_destroy() failed");
  *(int*)argument = 1;
  return NULL;
}

const char* posix_c_attributes(void) {
  pthread_attr_t attributes;
  size_t size = 0;
  int state = -1;
  int ran = 0;
  pthread_t thread;
  check(pthread_attr_init(&attributes) == 0, "pthread_attr_init() failed");
  check(pthread_attr_getdetachstate(&attributes, &state) == 0 && state == PTHREAD_CREATE_JOINABLE, "not joinable at first");
  check(pthread_attr_setstacksize(&attributes, 1) == EINVAL, "a stack of one byte is not refused");
  check(pthread_attr_setstacksize(&attributes, 256 * 1024) == 0, "pthread_attr_setstacksize() failed");
  check(pthread_attr_getstacksize(&attributes, &size) == 0 && size == 256 * 1024, "another stack size");
  check(pthread_create(&thread, &attributes, uses_stack, &ran) == 0, "pthread_create() with a stack size failed");
  join(thread);
  check(ran == 1, "the thread did not run");
  check(pthread_attr_destroy(&attributes) == 0, "pthread_attr_destroy() failed");
  return done();
}

/* In static storage, as a detached thread may touch it a moment after it has
   signalled. */
static struct {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int ended;
} detached = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void* signals_its_end(void* argument) {
  usleep(300);
  pthread_mutex_lock(&detached.mutex);
  if (argument != NULL) pthread_detach(pthread_self());
  ++detached.ended;
  pthread_cond_signal(&detached.changed);
  pthread_mutex_unlock(&detached.mutex);
  return NULL;
}

const char* posix_c_detached(void) {
  pthread_attr_t attributes;
  int state = -1;
  pthread_t by_attribute;
  pthread_t by_call;
  pthread_t by_itself;
  pthread_mutex_lock(&detached.mutex);
  detached.ended = 0;
  pthread_mutex_unlock(&detached.mutex);
  check(pthread_attr_init(&attributes) == 0, "pthread_attr_init() failed");
  check(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0, "pthread_attr_setdetachstate() failed");
  check(pthread_attr_getdetachstate(&attributes, &state) == 0 && state == PTHREAD_CREATE_DETACHED, "not detached");
  check(pthread_create(&by_attribute, &attributes, signals_its_end, NULL) == 0, "pthread_create() of a detached thread failed");
  check(pthread_attr_destroy(&attributes) == 0, "pthread_attr_destroy() failed");
  by_call = start(signals_its_end, NULL);
  check(pthread_detach(by_call) == 0, "pthread_detach() failed");
  by_itself = start(signals_its_end, &attributes);
  (void)by_itself;
  pthread_mutex_lock(&detached.mutex);
  while (detached.ended < 3) pthread_cond_wait(&detached.changed, &detached.mutex);
  pthread_mutex_unlock(&detached.mutex);
  return done();
}

static void cleanup(void* argument) { *(int*)argument += 1; }

static void leave(int* cleaned) {
  pthread_cleanup_push(cleanup, cleaned);
  pthread_cleanup_push(cleanup, cleaned);
  pthread_exit(cleaned);
  pthread_cleanup_pop(0);
  pthread_cleanup_pop(0);
}

static void* exits(void* argument) {
  int* cleaned = argument;
  pthread_cleanup_push(cleanup, cleaned);
  pthread_cleanup_pop(0);
  leave(cleaned);
  *cleaned = -100; /* not reached */
  return NULL;
}

const char* posix_c_exit(void) {
  int cleaned[2] = {0, 0};
  pthread_t a = start(exits, &cleaned[0]);
  pthread_t b = start(exits, &cleaned[1]);
  void* result = NULL;
  check(pthread_join(a, &result) == 0 && result == &cleaned[0], "pthread_exit() returned another value");
  check(pthread_join(b, &result) == 0 && result == &cleaned[1], "pthread_exit() returned another value");
  check(cleaned[0] == 2 && cleaned[1] == 2, "not every cleanup handler was run once");
  return done();
}

struct identity {
  pthread_t self;
  pthread_t creator;
  struct gate* gate;
};

static void* identifies(void* argument) {
  struct identity* own = argument;
  own->self = pthread_self();
  check(!pthread_equal(own->self, own->creator), "a thread is equal to its creator");
  gate_wait(own->gate);
  check(pthread_equal(own->self, pthread_self()), "pthread_self() changed");
  return NULL;
}

const char* posix_c_identity(void) {
  struct gate gate = GATE_CLOSED;
  struct identity a = {pthread_self(), pthread_self(), &gate};
  struct identity b = a;
  pthread_t thread_a = start(identifies, &a);
  pthread_t thread_b = start(identifies, &b);
  check(!pthread_equal(thread_a, thread_b), "two threads alive are equal");
  check(!pthread_equal(thread_a, pthread_self()), "a thread is equal to its creator");
  gate_open(&gate);
  join(thread_a);
  join(thread_b);
  check(pthread_equal(thread_a, a.self) && pthread_equal(thread_b, b.self), "pthread_self() differs from pthread_create()'s");
  gate_destroy(&gate);
  return done();
}

static void* names_itself(void* argument) {
  char name[16] = "";
  check(pthread_setname_np(pthread_self(), argument) == 0, "pthread_setname_np() failed");
  sched_yield();
  check(pthread_getname_np(pthread_self(), name, sizeof name) == 0, "pthread_getname_np() failed");
  check(strcmp(name, argument) == 0, "a thread has another name");
  check(pthread_setname_np(pthread_self(), "a name of many letters") == ERANGE, "a long name is not refused");
  return NULL;
}

const char* posix_c_names(void) {
  char first[] = "first";
  char second[] = "second-15-chars";
  pthread_t a = start(names_itself, first);
  pthread_t b = start(names_itself, second);
  join(a);
  join(b);
  return done();
}

/* ---- mutexes ---- */

static void initialise(pthread_mutex_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  int got = -1;
  check(pthread_mutexattr_init(&attributes) == 0, "pthread_mutexattr_init() failed");
  check(pthread_mutexattr_settype(&attributes, type) == 0, "pthread_mutexattr_settype() failed");
  check(pthread_mutexattr_gettype(&attributes, &got) == 0 && got == type, "another mutex type");
  check(pthread_mutex_init(mutex, &attributes) == 0, "pthread_mutex_init() failed");
  check(pthread_mutexattr_destroy(&attributes) == 0, "pthread_mutexattr_destroy() failed");
}

struct counted {
  pthread_mutex_t mutex;
  int depth;
  int count;
  int inside;
};

static void* counts(void* argument) {
  struct counted* counted = argument;
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < counted->depth; ++j) check(pthread_mutex_lock(&counted->mutex) == 0, "pthread_mutex_lock() failed");
    check(++counted->inside == 1, "two threads hold the mutex");
    ++counted->count;
    if (i % 2 == 0) sched_yield();
    --counted->inside;
    for (int j = 0; j < counted->depth; ++j) check(pthread_mutex_unlock(&counted->mutex) == 0, "pthread_mutex_unlock() failed");
  }
  return NULL;
}

static void count_with(struct counted* counted) {
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) threads[i] = start(counts, counted);
  for (int i = 0; i < 3; ++i) join(threads[i]);
  check(counted->count == 12, "an increment under the mutex was lost");
}

static void* finds_busy(void* argument) {
  check(pthread_mutex_trylock(argument) == EBUSY, "pthread_mutex_trylock() of a held mutex");
  return NULL;
}

static void* finds_free(void* argument) {
  check(pthread_mutex_trylock(argument) == 0, "pthread_mutex_trylock() of a free mutex");
  check(pthread_mutex_unlock(argument) == 0, "pthread_mutex_unlock() failed");
  return NULL;
}

static void* is_not_owner(void* argument) {
  check(pthread_mutex_unlock(argument) == EPERM, "an unlock by another thread is not refused");
  return NULL;
}

const char* posix_c_mutex_normal(void) {
  struct counted counted = {.depth = 1};
  initialise(&counted.mutex, PTHREAD_MUTEX_NORMAL);
  count_with(&counted);
  check(pthread_mutex_lock(&counted.mutex) == 0, "pthread_mutex_lock() failed");
  check(pthread_mutex_trylock(&counted.mutex) == EBUSY, "the owner took a normal mutex twice");
  join(start(finds_busy, &counted.mutex));
  check(pthread_mutex_unlock(&counted.mutex) == 0, "pthread_mutex_unlock() failed");
  join(start(finds_free, &counted.mutex));
  check(pthread_mutex_destroy(&counted.mutex) == 0, "pthread_mutex_destroy() failed");
  return done();
}

const char* posix_c_mutex_recursive(void) {
  struct counted counted = {.depth = 3};
  initialise(&counted.mutex, PTHREAD_MUTEX_RECURSIVE);
  count_with(&counted);
  check(pthread_mutex_lock(&counted.mutex) == 0, "pthread_mutex_lock() failed");
  check(pthread_mutex_trylock(&counted.mutex) == 0, "the owner's trylock failed");
  join(start(is_not_owner, &counted.mutex));
  check(pthread_mutex_unlock(&counted.mutex) == 0, "pthread_mutex_unlock() failed");
  join(start(finds_busy, &counted.mutex));
  check(pthread_mutex_unlock(&counted.mutex) == 0, "pthread_mutex_unlock() failed");
  check(pthread_mutex_unlock(&counted.mutex) == EPERM, "an unlock too many is not refused");
  join(start(finds_free, &counted.mutex));
  check(pthread_mutex_destroy(&counted.mutex) == 0, "pthread_mutex_destroy() failed");
  return done();
}

const char* posix_c_mutex_errorcheck(void) {
  struct counted counted = {.depth = 1};
  struct timespec soon;
  initialise(&counted.mutex, PTHREAD_MUTEX_ERRORCHECK);
  count_with(&counted);
  check(pthread_mutex_unlock(&counted.mutex) == EPERM, "an unlock of a free mutex is not refused");
  check(pthread_mutex_lock(&counted.mutex) == 0, "pthread_mutex_lock() failed");
  check(pthread_mutex_lock(&counted.mutex) == EDEADLK, "a second lock is not refused");
  check(pthread_mutex_trylock(&counted.mutex) == EBUSY, "the owner took an errorcheck mutex twice");
  soon = after(now(CLOCK_REALTIME), ms);
  check(pthread_mutex_timedlock(&counted.mutex, &soon) == EDEADLK, "a second timed lock is not refused");
  join(start(is_not_owner, &counted.mutex));
  join(start(finds_busy, &counted.mutex));
  check(pthread_mutex_unlock(&counted.mutex) == 0, "pthread_mutex_unlock() failed");
  join(start(finds_free, &counted.mutex));
  check(pthread_mutex_destroy(&counted.mutex) == 0, "pthread_mutex_destroy() failed");
  return done();
}

struct timed {
  pthread_mutex_t mutex;
  struct gate held;
  struct gate release;
  int written;
};

static void* holds(void* argument) {
  struct timed* timed = argument;
  check(pthread_mutex_lock(&timed->mutex) == 0, "pthread_mutex_lock() failed");
  gate_open(&timed->held);
  gate_wait(&timed->release);
  usleep(300);
  timed->written = 1;
  check(pthread_mutex_unlock(&timed->mutex) == 0, "pthread_mutex_unlock() failed");
  return NULL;
}

const char* posix_c_mutex_timed(void) {
  struct timed timed = {PTHREAD_MUTEX_INITIALIZER, GATE_CLOSED, GATE_CLOSED, 0};
  pthread_t holder = start(holds, &timed);
  struct timespec deadline;
  int error;
  gate_wait(&timed.held);
  deadline = after(now(CLOCK_REALTIME), ms);
  check(pthread_mutex_timedlock(&timed.mutex, &deadline) == ETIMEDOUT, "pthread_mutex_timedlock() of a held mutex");
  check(not_before(now(CLOCK_REALTIME), deadline), "pthread_mutex_timedlock() gave up early");
  deadline.tv_nsec = 1000000000;
  check(pthread_mutex_timedlock(&timed.mutex, &deadline) == EINVAL, "a second of nanoseconds is not refused");
  gate_open(&timed.release);
  deadline = after(now(CLOCK_REALTIME), 60000L * ms);
  error = pthread_mutex_timedlock(&timed.mutex, &deadline);
  check(error == 0 || (error == ETIMEDOUT && not_before(now(CLOCK_REALTIME), deadline)), "pthread_mutex_timedlock() gave up early");
  if (error == 0) {
    check(timed.written == 1, "the mutex was taken before its holder let go");
    check(pthread_mutex_unlock(&timed.mutex) == 0, "pthread_mutex_unlock() failed");
  }
  join(holder);
  deadline.tv_sec = 0;
  deadline.tv_nsec = 0;
  check(pthread_mutex_timedlock(&timed.mutex, &deadline) == 0, "a free mutex was not taken because of a deadline in the past");
  check(pthread_mutex_unlock(&timed.mutex) == 0, "pthread_mutex_unlock() failed");
  check(pthread_mutex_destroy(&timed.mutex) == 0, "pthread_mutex_destroy() failed");
  gate_destroy(&timed.held);
  gate_destroy(&timed.release);
  return done();
}

const char* posix_c_mutex_clocklock(void) {
  struct timed timed = {PTHREAD_MUTEX_INITIALIZER, GATE_CLOSED, GATE_CLOSED, 0};
  static const clockid_t clocks[2] = {CLOCK_MONOTONIC, CLOCK_REALTIME};
  pthread_t holder = start(holds, &timed);
  struct timespec deadline;
  gate_wait(&timed.held);
  for (int i = 0; i < 2; ++i) {
    deadline = after(now(clocks[i]), ms / 2);
    check(pthread_mutex_clocklock(&timed.mutex, clocks[i], &deadline) == ETIMEDOUT, "pthread_mutex_clocklock() of a held mutex");
    check(not_before(now(clocks[i]), deadline), "pthread_mutex_clocklock() gave up early");
  }
  check(pthread_mutex_clocklock(&timed.mutex, CLOCK_PROCESS_CPUTIME_ID, &deadline) == EINVAL, "a processor clock is not refused");
  gate_open(&timed.release);
  join(holder);
  deadline = after(now(CLOCK_MONOTONIC), ms);
  check(pthread_mutex_clocklock(&timed.mutex, CLOCK_MONOTONIC, &deadline) == 0, "pthread_mutex_clocklock() of a free mutex");
  check(timed.written == 1, "what the holder wrote is not seen");
  check(pthread_mutex_unlock(&timed.mutex) == 0, "pthread_mutex_unlock() failed");
  check(pthread_mutex_destroy(&timed.mutex) == 0, "pthread_mutex_destroy() failed");
  gate_destroy(&timed.held);
  gate_destroy(&timed.release);
  return done();
}

/* ---- condition variables ---- */

struct queue {
  pthread_mutex_t mutex;
  pthread_cond_t not_empty;
  pthread_cond_t not_full;
  int values[2];
  int count;
  int sum;
};

static void* produces(void* argument) {
  struct queue* queue = argument;
  for (int i = 1; i <= 6; ++i) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == 2) pthread_cond_wait(&queue->not_full, &queue->mutex);
    queue->values[queue->count++] = i;
    pthread_cond_signal(&queue->not_empty);
    pthread_mutex_unlock(&queue->mutex);
  }
  return NULL;
}

static void* consumes(void* argument) {
  struct queue* queue = argument;
  for (int i = 1; i <= 6; ++i) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == 0) pthread_cond_wait(&queue->not_empty, &queue->mutex);
    queue->sum += queue->values[--queue->count];
    pthread_mutex_unlock(&queue->mutex);
    pthread_cond_signal(&queue->not_full);
  }
  return NULL;
}

const char* posix_c_condition(void) {
  struct queue queue = {.count = 0};
  pthread_t threads[4];
  check(pthread_mutex_init(&queue.mutex, NULL) == 0, "pthread_mutex_init() failed");
  check(pthread_cond_init(&queue.not_empty, NULL) == 0, "pthread_cond_init() failed");
  check(pthread_cond_init(&queue.not_full, NULL) == 0, "pthread_cond_init() failed");
  threads[0] = start(produces, &queue);
  threads[1] = start(consumes, &queue);
  threads[2] = start(produces, &queue);
  threads[3] = start(consumes, &queue);
  for (int i = 0; i < 4; ++i) join(threads[i]);
  check(queue.sum == 42 && queue.count == 0, "a value was lost");
  check(pthread_cond_destroy(&queue.not_empty) == 0, "pthread_cond_destroy() failed");
  check(pthread_cond_destroy(&queue.not_full) == 0, "pthread_cond_destroy() failed");
  check(pthread_mutex_destroy(&queue.mutex) == 0, "pthread_mutex_destroy() failed");
  return done();
}

struct signalled {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int ready;
};

static void* makes_ready(void* argument) {
  struct signalled* signalled = argument;
  usleep(300);
  pthread_mutex_lock(&signalled->mutex);
  signalled->ready = 1;
  pthread_cond_signal(&signalled->changed);
  pthread_mutex_unlock(&signalled->mutex);
  return NULL;
}

const char* posix_c_condition_monotonic(void) {
  struct signalled signalled = {.ready = 0};
  pthread_condattr_t attributes;
  clockid_t clock = CLOCK_REALTIME;
  struct timespec deadline;
  pthread_t thread;
  int error = 0;
  check(pthread_condattr_init(&attributes) == 0, "pthread_condattr_init() failed");
  check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0, "pthread_condattr_setclock() failed");
  check(pthread_condattr_getclock(&attributes, &clock) == 0 && clock == CLOCK_MONOTONIC, "another clock");
  check(pthread_cond_init(&signalled.changed, &attributes) == 0, "pthread_cond_init() failed");
  check(pthread_condattr_destroy(&attributes) == 0, "pthread_condattr_destroy() failed");
  check(pthread_mutex_init(&signalled.mutex, NULL) == 0, "pthread_mutex_init() failed");
  pthread_mutex_lock(&signalled.mutex);
  deadline = after(now(CLOCK_MONOTONIC), ms);
  while (error == 0) error = pthread_cond_timedwait(&signalled.changed, &signalled.mutex, &deadline);
  check(error == ETIMEDOUT, "pthread_cond_timedwait() failed");
  check(not_before(now(CLOCK_MONOTONIC), deadline), "pthread_cond_timedwait() gave up early");
  pthread_mutex_unlock(&signalled.mutex);
  thread = start(makes_ready, &signalled);
  pthread_mutex_lock(&signalled.mutex);
  deadline = after(now(CLOCK_MONOTONIC), 60000L * ms);
  error = 0;
  while (error == 0 && !signalled.ready) error = pthread_cond_timedwait(&signalled.changed, &signalled.mutex, &deadline);
  check(error == 0 || not_before(now(CLOCK_MONOTONIC), deadline), "pthread_cond_timedwait() gave up early");
  pthread_mutex_unlock(&signalled.mutex);
  join(thread);
  check(signalled.ready == 1, "the thread did not run");
  check(pthread_cond_destroy(&signalled.changed) == 0, "pthread_cond_destroy() failed");
  check(pthread_mutex_destroy(&signalled.mutex) == 0, "pthread_mutex_destroy() failed");
  return done();
}

const char* posix_c_condition_clockwait(void) {
  struct signalled signalled = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
  static const clockid_t clocks[2] = {CLOCK_MONOTONIC, CLOCK_REALTIME};
  struct timespec deadline;
  pthread_t thread;
  int error;
  pthread_mutex_lock(&signalled.mutex);
  for (int i = 0; i < 2; ++i) {
    deadline = after(now(clocks[i]), ms / 2);
    do error = pthread_cond_clockwait(&signalled.changed, &signalled.mutex, clocks[i], &deadline);
    while (error == 0);
    check(error == ETIMEDOUT, "pthread_cond_clockwait() failed");
    check(not_before(now(clocks[i]), deadline), "pthread_cond_clockwait() gave up early");
  }
  thread = start(makes_ready, &signalled);
  deadline = after(now(CLOCK_MONOTONIC), 60000L * ms);
  error = 0;
  while (error == 0 && !signalled.ready) error = pthread_cond_clockwait(&signalled.changed, &signalled.mutex, CLOCK_MONOTONIC, &deadline);
  check(error == 0 || not_before(now(CLOCK_MONOTONIC), deadline), "pthread_cond_clockwait() gave up early");
  pthread_mutex_unlock(&signalled.mutex);
  join(thread);
  check(pthread_cond_destroy(&signalled.changed) == 0, "pthread_cond_destroy() failed");
  check(pthread_mutex_destroy(&signalled.mutex) == 0, "pthread_mutex_destroy() failed");
  return done();
}

static pthread_mutex_t static_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t static_condition = PTHREAD_COND_INITIALIZER;
static int static_turn;

static void* takes_turns(void* argument) {
  int own = *(int*)argument;
  for (int i = 0; i < 4; ++i) {
    pthread_mutex_lock(&static_mutex);
    while (static_turn % 3 != own) pthread_cond_wait(&static_condition, &static_mutex);
    ++static_turn;
    pthread_cond_broadcast(&static_condition);
    pthread_mutex_unlock(&static_mutex);
  }
  return NULL;
}

const char* posix_c_condition_static(void) {
  int numbers[3] = {0, 1, 2};
  pthread_t threads[3];
  static_turn = 0;
  for (int i = 0; i < 3; ++i) threads[i] = start(takes_turns, &numbers[i]);
  for (int i = 0; i < 3; ++i) join(threads[i]);
  check(static_turn == 12, "a turn was lost");
  return done();
}

/* ---- read-write locks, barriers, spin locks ---- */

struct shared {
  pthread_rwlock_t lock;
  int pair[2];
};

static void* reads(void* argument) {
  struct shared* shared = argument;
  for (int i = 0; i < 3; ++i) {
    check(pthread_rwlock_rdlock(&shared->lock) == 0, "pthread_rwlock_rdlock() failed");
    int first = shared->pair[0];
    sched_yield();
    check(first == shared->pair[1], "a reader saw half of what a writer wrote");
    check(pthread_rwlock_unlock(&shared->lock) == 0, "pthread_rwlock_unlock() failed");
  }
  return NULL;
}

static void* writes(void* argument) {
  struct shared* shared = argument;
  for (int i = 0; i < 3; ++i) {
    check(pthread_rwlock_wrlock(&shared->lock) == 0, "pthread_rwlock_wrlock() failed");
    ++shared->pair[0];
    sched_yield();
    ++shared->pair[1];
    check(pthread_rwlock_unlock(&shared->lock) == 0, "pthread_rwlock_unlock() failed");
  }
  return NULL;
}

static void* tries_beside_reader(void* argument) {
  check(pthread_rwlock_tryrdlock(argument) == 0, "a second reader was kept out");
  check(pthread_rwlock_unlock(argument) == 0, "pthread_rwlock_unlock() failed");
  check(pthread_rwlock_trywrlock(argument) == EBUSY, "a writer came in beside a reader");
  return NULL;
}

static void* tries_beside_writer(void* argument) {
  check(pthread_rwlock_tryrdlock(argument) == EBUSY, "a reader came in beside a writer");
  check(pthread_rwlock_trywrlock(argument) == EBUSY, "a writer came in beside a writer");
  return NULL;
}

const char* posix_c_rwlock(void) {
  struct shared shared = {PTHREAD_RWLOCK_INITIALIZER, {0, 0}};
  pthread_rwlock_t other;
  pthread_t threads[4];
  threads[0] = start(reads, &shared);
  threads[1] = start(writes, &shared);
  threads[2] = start(reads, &shared);
  threads[3] = start(writes, &shared);
  for (int i = 0; i < 4; ++i) join(threads[i]);
  check(shared.pair[0] == 6 && shared.pair[1] == 6, "a write was lost");
  check(pthread_rwlock_destroy(&shared.lock) == 0, "pthread_rwlock_destroy() failed");
  check(pthread_rwlock_init(&other, NULL) == 0, "pthread_rwlock_init() failed");
  check(pthread_rwlock_rdlock(&other) == 0, "pthread_rwlock_rdlock() failed");
  join(start(tries_beside_reader, &other));
  check(pthread_rwlock_unlock(&other) == 0, "pthread_rwlock_unlock() failed");
  check(pthread_rwlock_trywrlock(&other) == 0, "a free lock was not taken");
  join(start(tries_beside_writer, &other));
  check(pthread_rwlock_unlock(&other) == 0, "pthread_rwlock_unlock() failed");
  check(pthread_rwlock_destroy(&other) == 0, "pthread_rwlock_destroy() failed");
  return done();
}

static void* times_out_beside_writer(void* argument) {
  struct timespec deadline = after(now(CLOCK_REALTIME), ms / 2);
  check(pthread_rwlock_timedrdlock(argument, &deadline) == ETIMEDOUT, "a reader came in beside a writer");
  check(not_before(now(CLOCK_REALTIME), deadline), "pthread_rwlock_timedrdlock() gave up early");
  deadline = after(now(CLOCK_REALTIME), ms / 2);
  check(pthread_rwlock_timedwrlock(argument, &deadline) == ETIMEDOUT, "a writer came in beside a writer");
  check(not_before(now(CLOCK_REALTIME), deadline), "pthread_rwlock_timedwrlock() gave up early");
  deadline = after(now(CLOCK_MONOTONIC), ms / 2);
  check(pthread_rwlock_clockrdlock(argument, CLOCK_MONOTONIC, &deadline) == ETIMEDOUT, "a reader came in beside a writer");
  check(not_before(now(CLOCK_MONOTONIC), deadline), "pthread_rwlock_clockrdlock() gave up early");
  deadline = after(now(CLOCK_MONOTONIC), ms / 2);
  check(pthread_rwlock_clockwrlock(argument, CLOCK_MONOTONIC, &deadline) == ETIMEDOUT, "a writer came in beside a writer");
  check(not_before(now(CLOCK_MONOTONIC), deadline), "pthread_rwlock_clockwrlock() gave up early");
  return NULL;
}

static void* times_out_beside_reader(void* argument) {
  struct timespec deadline = after(now(CLOCK_REALTIME), ms / 2);
  check(pthread_rwlock_timedrdlock(argument, &deadline) == 0, "a second reader was kept out");
  check(pthread_rwlock_unlock(argument) == 0, "pthread_rwlock_unlock() failed");
  check(pthread_rwlock_timedwrlock(argument, &deadline) == ETIMEDOUT, "a writer came in beside a reader");
  check(not_before(now(CLOCK_REALTIME), deadline), "pthread_rwlock_timedwrlock() gave up early");
  return NULL;
}

const char* posix_c_rwlock_timed(void) {
  pthread_rwlock_t lock;
  struct timespec past = {0, 0};
  check(pthread_rwlock_init(&lock, NULL) == 0, "pthread_rwlock_init() failed");
  check(pthread_rwlock_wrlock(&lock) == 0, "pthread_rwlock_wrlock() failed");
  join(start(times_out_beside_writer, &lock));
  check(pthread_rwlock_unlock(&lock) == 0, "pthread_rwlock_unlock() failed");
  check(pthread_rwlock_rdlock(&lock) == 0, "pthread_rwlock_rdlock() failed");
  join(start(times_out_beside_reader, &lock));
  check(pthread_rwlock_unlock(&lock) == 0, "pthread_rwlock_unlock() failed");
  check(pthread_rwlock_timedwrlock(&lock, &past) == 0, "a free lock was not taken because of a deadline in the past");
  check(pthread_rwlock_unlock(&lock) == 0, "pthread_rwlock_unlock() failed");
  check(pthread_rwlock_destroy(&lock) == 0, "pthread_rwlock_destroy() failed");
  return done();
}

struct meeting {
  pthread_barrier_t barrier;
  int arrived[3];
  atomic_int serial;
};

struct attendant {
  struct meeting* meeting;
  int own;
};

static void* meets(void* argument) {
  struct attendant* attendant = argument;
  struct meeting* meeting = attendant->meeting;
  for (int round = 1; round <= 3; ++round) {
    int result;
    meeting->arrived[attendant->own] = round;
    result = pthread_barrier_wait(&meeting->barrier);
    check(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD, "pthread_barrier_wait() failed");
    if (result == PTHREAD_BARRIER_SERIAL_THREAD) atomic_fetch_add(&meeting->serial, 1);
    for (int i = 0; i < 3; ++i) check(meeting->arrived[i] == round, "a thread passed before all had arrived");
    pthread_barrier_wait(&meeting->barrier);
    check(atomic_load(&meeting->serial) == round, "not exactly one thread was the serial thread");
    pthread_barrier_wait(&meeting->barrier);
  }
  return NULL;
}

const char* posix_c_barrier(void) {
  struct meeting meeting = {.arrived = {0, 0, 0}};
  struct attendant attendants[3];
  pthread_t threads[3];
  pthread_barrier_t alone;
  check(pthread_barrier_init(&meeting.barrier, NULL, 0) == EINVAL, "a barrier of none is not refused");
  check(pthread_barrier_init(&meeting.barrier, NULL, 3) == 0, "pthread_barrier_init() failed");
  for (int i = 0; i < 3; ++i) {
    attendants[i].meeting = &meeting;
    attendants[i].own = i;
    threads[i] = start(meets, &attendants[i]);
  }
  for (int i = 0; i < 3; ++i) join(threads[i]);
  check(pthread_barrier_destroy(&meeting.barrier) == 0, "pthread_barrier_destroy() failed");
  check(pthread_barrier_init(&alone, NULL, 1) == 0, "pthread_barrier_init() failed");
  check(pthread_barrier_wait(&alone) == PTHREAD_BARRIER_SERIAL_THREAD, "one alone is not the serial thread");
  check(pthread_barrier_destroy(&alone) == 0, "pthread_barrier_destroy() failed");
  return done();
}

struct spun {
  pthread_spinlock_t lock;
  int count;
};

static void* spins(void* argument) {
  struct spun* spun = argument;
  for (int i = 0; i < 4; ++i) {
    check(pthread_spin_lock(&spun->lock) == 0, "pthread_spin_lock() failed");
    ++spun->count;
    check(pthread_spin_unlock(&spun->lock) == 0, "pthread_spin_unlock() failed");
  }
  return NULL;
}

static void* finds_spin_busy(void* argument) {
  struct spun* spun = argument;
  check(pthread_spin_trylock(&spun->lock) == EBUSY, "pthread_spin_trylock() of a held lock");
  return NULL;
}

const char* posix_c_spin(void) {
  struct spun spun = {.count = 0};
  pthread_t threads[3];
  check(pthread_spin_init(&spun.lock, PTHREAD_PROCESS_PRIVATE) == 0, "pthread_spin_init() failed");
  for (int i = 0; i < 3; ++i) threads[i] = start(spins, &spun);
  for (int i = 0; i < 3; ++i) join(threads[i]);
  check(spun.count == 12, "an increment under the spin lock was lost");
  check(pthread_spin_trylock(&spun.lock) == 0, "pthread_spin_trylock() of a free lock");
  join(start(finds_spin_busy, &spun));
  check(pthread_spin_unlock(&spun.lock) == 0, "pthread_spin_unlock() failed");
  check(pthread_spin_destroy(&spun.lock) == 0, "pthread_spin_destroy() failed");
  return done();
}

/* ---- once, keys ---- */

static pthread_once_t once;
static int once_calls;

static void called_once(void) {
  ++once_calls;
  sched_yield();
  usleep(200);
  once_calls += 10;
}

static void* calls_once(void* argument) {
  (void)argument;
  for (int i = 0; i < 2; ++i) {
    check(pthread_once(&once, called_once) == 0, "pthread_once() failed");
    check(once_calls == 11, "pthread_once() returned before the function had ended");
  }
  return NULL;
}

const char* posix_c_once(void) {
  static const pthread_once_t fresh = PTHREAD_ONCE_INIT;
  pthread_t threads[3];
  once = fresh;
  once_calls = 0;
  for (int i = 0; i < 3; ++i) threads[i] = start(calls_once, NULL);
  for (int i = 0; i < 3; ++i) join(threads[i]);
  check(once_calls == 11, "the function was not called exactly once");
  return done();
}

static pthread_key_t first_key;
static pthread_key_t second_key;

/* What a thread's destructors did. */
struct record {
  int own;
  int first;
  int second;
};

static void first_destructor(void* value) {
  struct record* record = value;
  check(pthread_getspecific(first_key) == NULL, "a value is still set in its destructor");
  sched_yield();
  ++record->first;
}

static void second_destructor(void* value) {
  struct record* record = value;
  ++record->second;
}

static void* uses_keys(void* argument) {
  struct record* record = argument;
  check(pthread_getspecific(first_key) == NULL, "a key has a value in a new thread");
  check(pthread_setspecific(first_key, record) == 0, "pthread_setspecific() failed");
  sched_yield();
  check(pthread_getspecific(first_key) == record, "a value was changed by another thread");
  if (record->own > 0) check(pthread_setspecific(second_key, record) == 0, "pthread_setspecific() failed");
  if (record->own > 1) check(pthread_setspecific(first_key, NULL) == 0, "pthread_setspecific() failed");
  if (record->own == 1) pthread_exit(NULL);
  return NULL;
}

const char* posix_c_keys(void) {
  struct record records[3] = {{0, 0, 0}, {1, 0, 0}, {2, 0, 0}};
  pthread_t threads[3];
  check(pthread_key_create(&first_key, first_destructor) == 0, "pthread_key_create() failed");
  check(pthread_key_create(&second_key, second_destructor) == 0, "pthread_key_create() failed");
  check(first_key != second_key, "two keys are one");
  check(pthread_setspecific(first_key, &records[0]) == 0, "pthread_setspecific() failed");
  for (int i = 0; i < 3; ++i) threads[i] = start(uses_keys, &records[i]);
  for (int i = 0; i < 3; ++i) join(threads[i]);
  check(pthread_getspecific(first_key) == &records[0], "the main thread's value was changed");
  check(records[0].first == 1 && records[1].first == 1, "a destructor was not run once");
  check(records[2].first == 0, "a destructor was run for no value");
  check(records[0].second == 0 && records[1].second == 1 && records[2].second == 1, "the second destructor was not run once");
  check(pthread_setspecific(first_key, NULL) == 0, "pthread_setspecific() failed");
  check(pthread_key_delete(first_key) == 0 && pthread_key_delete(second_key) == 0, "pthread_key_delete() failed");
  check(pthread_setspecific(second_key, records) == EINVAL, "a deleted key is not refused");
  return done();
}

/* A destructor that sets its key again is run again: in up to
   PTHREAD_DESTRUCTOR_ITERATIONS rounds. */
static void again(void* value) {
  struct record* record = value;
  if (++record->first < 3) check(pthread_setspecific(first_key, record) == 0, "pthread_setspecific() failed");
}

static void forever(void* value) {
  struct record* record = value;
  ++record->second;
  check(pthread_setspecific(second_key, record) == 0, "pthread_setspecific() failed");
}

static void* sets_again(void* argument) {
  struct record* record = argument;
  pthread_setspecific(first_key, record);
  if (record->own == 1) pthread_setspecific(second_key, record);
  return NULL;
}

const char* posix_c_key_rounds(void) {
  struct record records[2] = {{0, 0, 0}, {1, 0, 0}};
  pthread_t a;
  pthread_t b;
  check(pthread_key_create(&first_key, again) == 0, "pthread_key_create() failed");
  check(pthread_key_create(&second_key, forever) == 0, "pthread_key_create() failed");
  a = start(sets_again, &records[0]);
  b = start(sets_again, &records[1]);
  join(a);
  join(b);
  check(records[0].first == 3 && records[1].first == 3, "a destructor was not run in every round");
  check(records[1].second == PTHREAD_DESTRUCTOR_ITERATIONS, "another number of rounds of destructors");
  check(pthread_key_delete(first_key) == 0 && pthread_key_delete(second_key) == 0, "pthread_key_delete() failed");
  return done();
}

/* ---- semaphores ---- */

static void* posts_twice(void* argument) {
  check(sem_post(argument) == 0, "sem_post() failed");
  sched_yield();
  check(sem_post(argument) == 0, "sem_post() failed");
  return NULL;
}

static void wait_for(sem_t* semaphore) {
  int result;
  do result = sem_wait(semaphore);
  while (result != 0 && errno == EINTR);
  check(result == 0, "sem_wait() failed");
}

const char* posix_c_semaphore(void) {
  sem_t semaphore;
  int value = -1;
  pthread_t a;
  pthread_t b;
  check(sem_init(&semaphore, 0, 2) == 0, "sem_init() failed");
  check(sem_getvalue(&semaphore, &value) == 0 && value == 2, "sem_getvalue() at first");
  check(sem_trywait(&semaphore) == 0 && sem_trywait(&semaphore) == 0, "sem_trywait() failed");
  errno = 0;
  check(sem_trywait(&semaphore) == -1 && errno == EAGAIN, "sem_trywait() of an empty semaphore");
  check(sem_getvalue(&semaphore, &value) == 0 && value == 0, "sem_getvalue() of an empty semaphore");
  a = start(posts_twice, &semaphore);
  b = start(posts_twice, &semaphore);
  for (int i = 0; i < 3; ++i) wait_for(&semaphore);
  join(a);
  join(b);
  check(sem_getvalue(&semaphore, &value) == 0 && value == 1, "a post was lost");
  check(sem_destroy(&semaphore) == 0, "sem_destroy() failed");
  return done();
}

static void* posts_late(void* argument) {
  usleep(300);
  check(sem_post(argument) == 0, "sem_post() failed");
  return NULL;
}

const char* posix_c_semaphore_timed(void) {
  sem_t semaphore;
  struct timespec deadline;
  pthread_t thread;
  int result;
  check(sem_init(&semaphore, 0, 0) == 0, "sem_init() failed");
  deadline = after(now(CLOCK_REALTIME), ms);
  errno = 0;
  check(sem_timedwait(&semaphore, &deadline) == -1 && errno == ETIMEDOUT, "sem_timedwait() of an empty semaphore");
  check(not_before(now(CLOCK_REALTIME), deadline), "sem_timedwait() gave up early");
  deadline = after(now(CLOCK_MONOTONIC), ms / 2);
  errno = 0;
  check(sem_clockwait(&semaphore, CLOCK_MONOTONIC, &deadline) == -1 && errno == ETIMEDOUT, "sem_clockwait() of an empty semaphore");
  check(not_before(now(CLOCK_MONOTONIC), deadline), "sem_clockwait() gave up early");
  thread = start(posts_late, &semaphore);
  deadline = after(now(CLOCK_REALTIME), 60000L * ms);
  result = sem_timedwait(&semaphore, &deadline);
  check(result == 0 || (errno == ETIMEDOUT && not_before(now(CLOCK_REALTIME), deadline)), "sem_timedwait() gave up early");
  join(thread);
  check(sem_trywait(&semaphore) == (result == 0 ? -1 : 0), "the post was lost or counted twice");
  check(sem_post(&semaphore) == 0, "sem_post() failed");
  deadline.tv_sec = 0;
  deadline.tv_nsec = 0;
  check(sem_timedwait(&semaphore, &deadline) == 0, "a posted semaphore was not taken because of a deadline in the past");
  check(sem_destroy(&semaphore) == 0, "sem_destroy() failed");
  return done();
}

struct ring {
  sem_t empty;
  sem_t full;
  sem_t mutex;
  int values[2];
  int in;
  int out;
  int sum;
};

static void* fills(void* argument) {
  struct ring* ring = argument;
  for (int i = 1; i <= 4; ++i) {
    wait_for(&ring->empty);
    wait_for(&ring->mutex);
    ring->values[ring->in++ % 2] = i;
    sem_post(&ring->mutex);
    sem_post(&ring->full);
  }
  return NULL;
}

static void* drains(void* argument) {
  struct ring* ring = argument;
  for (int i = 1; i <= 4; ++i) {
    wait_for(&ring->full);
    wait_for(&ring->mutex);
    ring->sum += ring->values[ring->out++ % 2];
    sem_post(&ring->mutex);
    sem_post(&ring->empty);
  }
  return NULL;
}

const char* posix_c_semaphore_queue(void) {
  struct ring ring = {.sum = 0};
  pthread_t threads[4];
  check(sem_init(&ring.empty, 0, 2) == 0, "sem_init() failed");
  check(sem_init(&ring.full, 0, 0) == 0, "sem_init() failed");
  check(sem_init(&ring.mutex, 0, 1) == 0, "sem_init() failed");
  threads[0] = start(fills, &ring);
  threads[1] = start(drains, &ring);
  threads[2] = start(fills, &ring);
  threads[3] = start(drains, &ring);
  for (int i = 0; i < 4; ++i) join(threads[i]);
  check(ring.sum == 20 && ring.in == 8 && ring.out == 8, "a value was lost");
  check(sem_destroy(&ring.empty) == 0 && sem_destroy(&ring.full) == 0 && sem_destroy(&ring.mutex) == 0, "sem_destroy() failed");
  return done();
}

/* ---- time ---- */

static void* reads_clocks(void* argument) {
  struct timespec last = now(CLOCK_MONOTONIC);
  (void)argument;
  for (int i = 0; i < 5; ++i) {
    struct timespec next = now(CLOCK_MONOTONIC);
    check(not_before(next, last), "the monotonic clock went back");
    last = next;
    sched_yield();
  }
  return NULL;
}

const char* posix_c_clocks(void) {
  struct timespec resolution = {0, 0};
  struct timespec real;
  struct timeval day;
  time_t first;
  time_t second;
  time_t stored = 0;
  struct timespec none = {0, 0};
  pthread_t a = start(reads_clocks, NULL);
  pthread_t b = start(reads_clocks, NULL);
  join(a);
  join(b);
  first = time(NULL);
  check(gettimeofday(&day, NULL) == 0, "gettimeofday() failed");
  real = now(CLOCK_REALTIME);
  second = time(&stored);
  check(first > 1577836800, "time() is before 2020");
  check(second == stored, "time() stored another time");
  check(second >= first, "time() went back");
  check(day.tv_usec >= 0 && day.tv_usec < 1000000, "microseconds out of range");
  /* time() may lag behind the others, by a tick. */
  check(day.tv_sec >= first && real.tv_sec >= day.tv_sec && second + 1 >= real.tv_sec, "the clocks of the day disagree");
  check(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_sec == 0 && resolution.tv_nsec > 0, "clock_getres() failed");
  errno = 0;
  check(clock_gettime(12345, &none) == -1 && errno == EINVAL, "an unknown clock is not refused");
  return done();
}

static void* sleeps(void* argument) {
  const clockid_t clock = *(const clockid_t*)argument;
  const struct timespec span = {0, ms / 2};
  const struct timespec wrong = {0, -1};
  struct timespec begin = now(clock);
  struct timespec target = after(begin, ms / 2);
  check(clock_nanosleep(clock, TIMER_ABSTIME, &target, NULL) == 0, "clock_nanosleep() failed");
  check(not_before(now(clock), target), "an absolute clock_nanosleep() returned early");
  check(clock_nanosleep(clock, TIMER_ABSTIME, &begin, NULL) == 0, "clock_nanosleep() until the past failed");
  begin = now(CLOCK_MONOTONIC);
  check(clock_nanosleep(clock, 0, &span, NULL) == 0, "clock_nanosleep() failed");
  check(not_before(now(CLOCK_MONOTONIC), after(begin, ms / 2)), "a relative clock_nanosleep() returned early");
  begin = now(CLOCK_MONOTONIC);
  check(nanosleep(&span, NULL) == 0, "nanosleep() failed");
  check(not_before(now(CLOCK_MONOTONIC), after(begin, ms / 2)), "nanosleep() returned early");
  begin = now(CLOCK_MONOTONIC);
  check(usleep(500) == 0, "usleep() failed");
  check(not_before(now(CLOCK_MONOTONIC), after(begin, ms / 2)), "usleep() returned early");
  check(clock_nanosleep(clock, 0, &wrong, NULL) == EINVAL, "negative nanoseconds are not refused");
  check(sleep(0) == 0, "sleep(0) failed");
  return NULL;
}

const char* posix_c_sleeps(void) {
  clockid_t clocks[2] = {CLOCK_MONOTONIC, CLOCK_REALTIME};
  pthread_t a = start(sleeps, &clocks[0]);
  pthread_t b = start(sleeps, &clocks[1]);
  join(a);
  join(b);
  return done();
}

static atomic_int yielding;

static void* yields(void* argument) {
  (void)argument;
  for (int i = 0; i < 10; ++i) check(sched_yield() == 0, "sched_yield() failed");
  atomic_fetch_add(&yielding, 1);
  return NULL;
}

const char* posix_c_yield(void) {
  pthread_t threads[3];
  atomic_store(&yielding, 0);
  for (int i = 0; i < 3; ++i) threads[i] = start(yields, NULL);
  for (int i = 0; i < 3; ++i) join(threads[i]);
  check(atomic_load(&yielding) == 3, "a thread that yields did not end");
  return done();
}

static void* sets_errno(void* argument) {
  sem_t empty;
  int number = *(int*)argument;
  check(errno == 0, "errno is not 0 in a new thread");
  check(sem_init(&empty, 0, 0) == 0, "sem_init() failed");
  for (int i = 0; i < 3; ++i) {
    errno = number + i;
    sched_yield();
    check(errno == number + i, "errno was changed by another thread");
    check(sem_trywait(&empty) == -1 && errno == EAGAIN, "sem_trywait() did not set errno");
    usleep(100);
  }
  check(sem_destroy(&empty) == 0, "sem_destroy() failed");
  return NULL;
}

const char* posix_c_errno(void) {
  int numbers[2] = {100, 200};
  pthread_t a = start(sets_errno, &numbers[0]);
  pthread_t b = start(sets_errno, &numbers[1]);
  join(a);
  join(b);
  return done();
}

static mtx_t c11_mutex;
static cnd_t c11_turned;
static tss_t c11_slot;
static once_flag c11_once = ONCE_FLAG_INIT;
static int c11_turn, c11_initialised;

static void c11_initialise(void) {
  ++c11_initialised;
  check(tss_create(&c11_slot, NULL) == thrd_success, "tss_create() failed");
}

static int c11_takes_turns(void* argument) {
  const int number = *(int*)argument;
  call_once(&c11_once, c11_initialise);
  check(tss_get(c11_slot) == NULL, "a new thread has a value of its own");
  check(tss_set(c11_slot, argument) == thrd_success, "tss_set() failed");
  check(mtx_lock(&c11_mutex) == thrd_success, "mtx_lock() failed");
  check(mtx_lock(&c11_mutex) == thrd_success, "a recursive mutex is not");
  check(mtx_unlock(&c11_mutex) == thrd_success, "mtx_unlock() failed");
  while (c11_turn != number) check(cnd_wait(&c11_turned, &c11_mutex) == thrd_success, "cnd_wait() failed");
  ++c11_turn;
  check(cnd_broadcast(&c11_turned) == thrd_success, "cnd_broadcast() failed");
  check(mtx_unlock(&c11_mutex) == thrd_success, "mtx_unlock() failed");
  thrd_yield();
  check(tss_get(c11_slot) == argument, "a thread's own value has changed");
  if (number % 2 != 0) thrd_exit(-number);
  return -number;
}

const char* posix_c_c11_threads(void) {
  int numbers[3] = {0, 1, 2};
  thrd_t threads[3];
  int result, i;
  struct timespec time;
  c11_turn = 0;
  check(mtx_init(&c11_mutex, mtx_timed | mtx_recursive) == thrd_success, "mtx_init() failed");
  check(cnd_init(&c11_turned) == thrd_success, "cnd_init() failed");
  for (i = 0; i < 3; ++i) check(thrd_create(&threads[i], c11_takes_turns, &numbers[i]) == thrd_success, "thrd_create() failed");
  for (i = 0; i < 3; ++i) {
    check(thrd_join(threads[i], &result) == thrd_success, "thrd_join() failed");
    check(result == -i, "thrd_join() gave another result");
  }
  check(c11_initialised == 1, "call_once() did not call once");
  check(thrd_equal(thrd_current(), thrd_current()), "a thread is not itself");
  check(mtx_trylock(&c11_mutex) == thrd_success, "mtx_trylock() failed");
  timespec_get(&time, TIME_UTC);
  time = after(time, ms);
  do {
    result = cnd_timedwait(&c11_turned, &c11_mutex, &time);
  } while (result == thrd_success); /* a spurious wake-up */
  check(result == thrd_timedout, "cnd_timedwait() did not time out");
  check(mtx_unlock(&c11_mutex) == thrd_success, "mtx_unlock() failed");
  time.tv_sec = 0;
  time.tv_nsec = ms;
  check(thrd_sleep(&time, NULL) == 0, "thrd_sleep() was interrupted");
  cnd_destroy(&c11_turned);
  mtx_destroy(&c11_mutex);
  return done();
}

static void* inherits(void* nothing) {
  struct sched_param parameters;
  int class = -1;
  cpu_set_t set;
  check(pthread_getschedparam(pthread_self(), &class, &parameters) == 0, "pthread_getschedparam() failed in a thread");
  check(class == SCHED_BATCH && parameters.sched_priority == 0, "a thread did not inherit its class");
  check(pthread_getaffinity_np(pthread_self(), sizeof set, &set) == 0, "pthread_getaffinity_np() failed");
  check(CPU_COUNT(&set) == 1, "a thread did not inherit its processors");
  return nothing;
}

/* What an unprivileged process may do. In a thread of its own: a native process keeps what it has set. */
static void* schedules(void* nothing) {
  struct sched_param parameters = {0};
  cpu_set_t all, one;
  pthread_t thread;
  int class = -1, i;
  check(sched_getscheduler(0) == SCHED_OTHER, "the class is not SCHED_OTHER");
  check(pthread_getschedparam(pthread_self(), &class, &parameters) == 0 && class == SCHED_OTHER, "pthread_getschedparam() failed");
  check(pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters) == 0, "pthread_setschedparam() failed");
  parameters.sched_priority = 1;
  check(pthread_setschedparam(pthread_self(), SCHED_OTHER, &parameters) == EINVAL, "a priority was taken");
  check(sched_getaffinity(0, sizeof all, &all) == 0 && CPU_COUNT(&all) > 0, "sched_getaffinity() failed");
  CPU_ZERO(&one);
  check(sched_setaffinity(0, sizeof one, &one) == -1 && errno == EINVAL, "no processor was taken");
  for (i = 0; !CPU_ISSET(i, &all); ++i) {
  }
  CPU_SET(i, &one);
  check(pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0, "pthread_setaffinity_np() failed");
  check(pthread_create(&thread, NULL, inherits, NULL) == 0, "pthread_create() failed");
  check(pthread_join(thread, NULL) == 0, "pthread_join() failed");
  return nothing;
}

const char* posix_c_scheduling(void) {
  pthread_t thread;
  clockid_t clock;
  struct timespec time;
  check(pthread_create(&thread, NULL, schedules, NULL) == 0, "pthread_create() failed");
  check(pthread_join(thread, NULL) == 0, "pthread_join() failed");
  check(sched_getscheduler(0) == SCHED_OTHER, "a thread's class is another's");
  check(pthread_getcpuclockid(pthread_self(), &clock) == 0 && clock_gettime(clock, &time) == 0, "pthread_getcpuclockid() failed");
  return done();
}

static void* has_another_id(void* first) {
  const long id = syscall(SYS_gettid);
  check(id != *(const long*)first && id != syscall(SYS_getpid), "two threads have one id");
  return NULL;
}

/* What glibc has no function for; GLib gives the threads of its pools what it finds so. */
struct attributes {
  unsigned size, class;
  unsigned long long flags;
  int nice;
  unsigned priority;
  unsigned long long runtime, deadline, period, bounds;
};

static void* takes_attributes(void* given) {
  struct attributes found;
  check(syscall(SYS_sched_setattr, 0, given, 0) == 0, "sched_setattr failed");
  check(syscall(SYS_sched_getattr, 0, &found, sizeof found, 0) == 0 && found.class == SCHED_OTHER, "another class");
  check(found.nice == ((struct attributes*)given)->nice && found.priority == 0, "another nice value");
  return NULL;
}

/* By their numbers, as libraries make some of them. */
const char* posix_c_system_calls(void) {
  int ends[2];
  struct attributes own;
  char byte = 0;
  struct timespec time = {0, ms};
  long id = syscall(SYS_gettid);
  pthread_t thread;
  check(pthread_create(&thread, NULL, has_another_id, &id) == 0 && pthread_join(thread, NULL) == 0, "no thread");
  check(syscall(SYS_pipe2, ends, 0) == 0, "pipe2 failed");
  check(syscall(SYS_write, ends[1], "x", 1) == 1 && syscall(SYS_read, ends[0], &byte, 1) == 1 && byte == 'x', "no byte passed");
  check(syscall(SYS_close, ends[0]) == 0 && syscall(SYS_close, ends[1]) == 0, "close failed");
  check(syscall(SYS_close, ends[1]) == -1 && errno == EBADF, "close of what is closed did not fail");
  check(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, NULL) == 0, "clock_nanosleep failed");
  check(syscall(SYS_sched_yield) == 0, "sched_yield failed");
  check(syscall(SYS_sched_getattr, 0, &own, 16, 0) == -1 && errno == EINVAL, "sched_getattr wrote into too little");
  check(syscall(SYS_sched_getattr, 0, &own, sizeof own, 0) == 0 && own.size >= 48, "sched_getattr failed");
  if (own.nice < 19) ++own.nice;
  check(pthread_create(&thread, NULL, takes_attributes, &own) == 0 && pthread_join(thread, NULL) == 0, "no thread");
  return done();
}

const char* posix_c_sleep_an_hour(void) {
  const struct timespec real = now(CLOCK_REALTIME);
  const struct timespec begin = now(CLOCK_MONOTONIC);
  const time_t before = time(NULL);
  struct timespec target;
  check(sleep(3600) == 0, "sleep() was interrupted");
  check(not_before(now(CLOCK_MONOTONIC), after(begin, 3600000L * ms)), "the monotonic clock did not move by an hour");
  check(not_before(now(CLOCK_REALTIME), after(real, 3600000L * ms)), "the real-time clock did not move by an hour");
  check(time(NULL) >= before + 3600, "time() did not move by an hour");
  target = after(now(CLOCK_MONOTONIC), 3600000L * ms);
  check(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &target, NULL) == 0, "clock_nanosleep() was interrupted");
  check(not_before(now(CLOCK_MONOTONIC), target), "clock_nanosleep() returned early");
  return done();
}

/* A system call without libc. */
static long inline_call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

static _Atomic(int) handed_over;

static void* waits_for_two(void* nothing) {
  int seen;
  while ((seen = atomic_load(&handed_over)) != 2) {
    const long result = inline_call(SYS_futex, (long)&handed_over, FUTEX_WAIT_PRIVATE, seen, 0);
    check(result == 0 || result == -EAGAIN || result == -EINTR, "futex wait failed");
  }
  return nothing;
}

/* As runtimes wait that do without libc. */
const char* posix_c_inline_calls(void) {
  pthread_t threads[2];
  struct timespec time = {0, ms};
  double kept = 1.5;
  int i;
  atomic_store(&handed_over, 0);
  for (i = 0; i < 2; ++i) check(pthread_create(&threads[i], NULL, waits_for_two, NULL) == 0, "pthread_create() failed");
  for (i = 1; i <= 2; ++i) {
    atomic_store(&handed_over, i);
    check(inline_call(SYS_futex, (long)&handed_over, FUTEX_WAKE_PRIVATE, INT_MAX, 0) >= 0, "futex wake failed");
    kept *= 2;
  }
  for (i = 0; i < 2; ++i) check(pthread_join(threads[i], NULL) == 0, "pthread_join() failed");
  errno = ENOENT;
  check(inline_call(SYS_close, -1, 0, 0, 0) == -EBADF && errno == ENOENT, "close of nothing did not fail, or touched errno");
  check(inline_call(SYS_gettid, 0, 0, 0, 0) == syscall(SYS_gettid), "two ways to one's id differ");
  check(inline_call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&time, 0) == 0, "clock_nanosleep failed");
  check(kept == 6, "a register was not kept");
  return done();
}
