#pragma once
// What the POSIX synchronisation calls mean for simulated tasks. Arguments and results are those of the calls of the same
// name: 0 or an errno value (sem_* : through the return value too, the C ABI puts it into errno).
//
// Called by intercept/ on behalf of the running task, in simulator mode. Deadlines are virtual times in ns
// (World::now()), `never` for none. Every call stands behind one scheduling point.

#include <cstdint>
#include <pthread.h>
#include <semaphore.h>

#include "kernel/world.h"
#include "sync/objects.h"

namespace foreseed::sync {

/// Virtual time of an absolute time on CLOCK_REALTIME or CLOCK_MONOTONIC; the past gives 0.
std::uint64_t deadline_of(clockid_t clock, const timespec& time);

/// Whether timed waits accept that clock.
inline bool is_wait_clock(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC; }

// mutex.h: mutex_lock, mutex_unlock

// mutex.cc
int mutex_trylock(pthread_mutex_t* mutex);
int mutex_destroy(pthread_mutex_t* mutex);
/// The second half of a condition wait: takes the mutex without a scheduling point of its own.
int mutex_relock(pthread_mutex_t* mutex);
int spin_lock(pthread_spinlock_t* lock);
int spin_trylock(pthread_spinlock_t* lock);
int spin_unlock(pthread_spinlock_t* lock);

// condition.cc
int cond_wait(pthread_cond_t* cond, pthread_mutex_t* mutex, std::uint64_t deadline_ns = never);
int cond_signal(pthread_cond_t* cond);
int cond_broadcast(pthread_cond_t* cond);
void cond_init(pthread_cond_t* cond, clockid_t clock);
void cond_destroy(pthread_cond_t* cond);
clockid_t cond_clock(pthread_cond_t* cond);

// rwlock.cc
int rwlock_read(pthread_rwlock_t* lock, std::uint64_t deadline_ns = never);
int rwlock_write(pthread_rwlock_t* lock, std::uint64_t deadline_ns = never);
int rwlock_try_read(pthread_rwlock_t* lock);
int rwlock_try_write(pthread_rwlock_t* lock);
int rwlock_unlock(pthread_rwlock_t* lock);
void rwlock_destroy(pthread_rwlock_t* lock);

// semaphore.cc
int semaphore_wait(sem_t* semaphore, std::uint64_t deadline_ns = never);
int semaphore_trywait(sem_t* semaphore);
int semaphore_post(sem_t* semaphore);
int semaphore_value(sem_t* semaphore);
void semaphore_init(sem_t* semaphore, unsigned value);
void semaphore_destroy(sem_t* semaphore);
void barrier_init(pthread_barrier_t* barrier, unsigned count);
void barrier_destroy(pthread_barrier_t* barrier);
int barrier_wait(pthread_barrier_t* barrier);
int futex_wait(const void* address, std::uint32_t expected, std::uint64_t deadline_ns);
int futex_wake(const void* address, std::uint32_t count);

// once.cc: `claim` returns true if the caller has to run the routine and then say `done` (or `abandon`, if it threw).
bool once_claim(const void* control, bool already_done, Op op);
void once_done(const void* control, Op op);
void once_abandon(const void* control, Op op);

// threads.cc: thread handles are small made-up numbers, the same in every run.
pthread_t handle_of(const Task& task);
/// The task of a handle; null if it is none of this run.
Task* task_of(pthread_t handle);
pthread_t thread_create(void* (*entry)(void*), void* argument, bool detached);
int thread_join(pthread_t thread, void** result, std::uint64_t deadline_ns = never, bool dont_wait = false);
int thread_detach(pthread_t thread);
void yield();
void sleep_until(std::uint64_t time_ns);
int key_create(pthread_key_t* key, void (*destructor)(void*));
int key_delete(pthread_key_t key);
int key_set(pthread_key_t key, const void* value);
/// The value, and whether the key is one of this run's or known natively.
void* key_get(pthread_key_t key);

/// Registers the room's hooks.
void install(World& world);

}  // namespace foreseed::sync
