// Misuse of mutexes, condition variables, semaphores, locks and barriers.

#include "detectors/detector.h"

#include <pthread.h>
#include <semaphore.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

// NOLINTBEGIN: these are wrong on purpose

void unlocks_anothers() {
  std::mutex mutex;
  mutex.lock();
  std::thread other([&] { mutex.unlock(); });
  other.join();
}

void destroys_locked() {
  pthread_mutex_t mutex;
  pthread_mutex_init(&mutex, nullptr);
  pthread_mutex_lock(&mutex);
  pthread_mutex_destroy(&mutex);
}

void locks_destroyed() {
  pthread_mutex_t mutex;
  pthread_mutex_init(&mutex, nullptr);
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  pthread_mutex_destroy(&mutex);
  pthread_mutex_lock(&mutex);
}

void locks_made_anew() {
  alignas(pthread_mutex_t) unsigned char room[sizeof(pthread_mutex_t)];
  auto* const mutex = reinterpret_cast<pthread_mutex_t*>(room);
  for (int i = 0; i < 3; ++i) {
    if (i == 1) *mutex = PTHREAD_MUTEX_INITIALIZER;
    else pthread_mutex_init(mutex, nullptr);
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    pthread_mutex_destroy(mutex);
  }
  std::memset(room, 0, sizeof room);
}

void signals_destroyed() {
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  pthread_cond_destroy(&condition);
  pthread_cond_signal(&condition);
}

void posts_destroyed() {
  sem_t semaphore;
  sem_init(&semaphore, 0, 1);
  sem_destroy(&semaphore);
  sem_post(&semaphore);
}

void reads_under_destroyed() {
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  pthread_rwlock_destroy(&lock);
  pthread_rwlock_rdlock(&lock);
}

void waits_at_destroyed() {
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, 1);
  pthread_barrier_destroy(&barrier);
  pthread_barrier_wait(&barrier);
}

template <bool when_nobody_waits>
void destroys_a_condition() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  std::thread other([&] {
    pthread_mutex_lock(&mutex);
    pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
  });
  std::this_thread::sleep_for(1s);
  if (when_nobody_waits) {
    pthread_cond_broadcast(&condition);
    other.join();
  }
  pthread_cond_destroy(&condition);
  if (!when_nobody_waits) other.join();
  pthread_mutex_destroy(&mutex);
}

void locks_garbage() {
  auto* const mutex = static_cast<pthread_mutex_t*>(std::malloc(sizeof(pthread_mutex_t)));
  std::memset(mutex, 0x5a, sizeof *mutex);  // what an earlier owner of the memory left there
  pthread_mutex_lock(mutex);
}

void locks_of_every_kind() {
  for (const int type : {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK}) {
    for (const int robust : {PTHREAD_MUTEX_STALLED, PTHREAD_MUTEX_ROBUST}) {
      for (const int protocol : {PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT}) {
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_settype(&attributes, type);
        pthread_mutexattr_setrobust(&attributes, robust);
        pthread_mutexattr_setprotocol(&attributes, protocol);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutex_t mutex;
        pthread_mutex_init(&mutex, &attributes);
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        pthread_mutex_destroy(&mutex);
      }
    }
  }
}

void unlocks_what_is_free() {
  std::mutex mutex;
  mutex.unlock();
}

void unlocks_anothers_shared() {
  std::shared_mutex mutex;
  mutex.lock_shared();
  std::thread other([&] { mutex.unlock_shared(); });
  other.join();
}

void unlocks_anothers_spin() {
  pthread_spinlock_t lock;
  pthread_spin_init(&lock, 0);
  pthread_spin_lock(&lock);
  std::thread other([&] { pthread_spin_unlock(&lock); });
  other.join();
}

/// Each kind of lock by those who may: unlocked by its holder, destroyed when free.
void locks_in_turn() {
  std::mutex mutex;
  std::shared_mutex shared;
  pthread_spinlock_t spin;
  pthread_spin_init(&spin, 0);
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, 2);
  const auto work = [&] {
    mutex.lock();
    mutex.unlock();
    shared.lock_shared();
    shared.unlock_shared();
    pthread_spin_lock(&spin);
    pthread_spin_unlock(&spin);
    pthread_rwlock_rdlock(&rwlock);
    pthread_rwlock_unlock(&rwlock);
    sem_post(&semaphore);  // that another waits for it is no misuse
    pthread_barrier_wait(&barrier);
  };
  std::thread other(work);
  work();
  other.join();
  sem_wait(&semaphore);
  pthread_barrier_destroy(&barrier);
  pthread_rwlock_destroy(&rwlock);
  sem_destroy(&semaphore);
  pthread_spin_destroy(&spin);
}

// NOLINTEND

const Case cases[] = {
    {"unlocks_anothers", unlocks_anothers, locks_in_turn, FindingKind::misuse, "another thread holds", 1},
    {"destroys_locked", destroys_locked, locks_in_turn, FindingKind::misuse, "locked mutex is destroyed", 1},
    {"locks_destroyed", locks_destroyed, locks_made_anew, FindingKind::misuse, "mutex that was destroyed", 1},
    {"signals_destroyed", signals_destroyed, destroys_a_condition<true>, FindingKind::misuse, "condition variable that was destroyed",
     1},
    {"posts_destroyed", posts_destroyed, locks_in_turn, FindingKind::misuse, "semaphore that was destroyed", 1},
    {"reads_under_destroyed", reads_under_destroyed, locks_in_turn, FindingKind::misuse, "read-write lock that was destroyed", 1},
    {"waits_at_destroyed", waits_at_destroyed, locks_in_turn, FindingKind::misuse, "barrier that was destroyed", 1},
    {"destroys_what_others_wait_for", destroys_a_condition<false>, destroys_a_condition<true>, FindingKind::misuse,
     "destroyed while a thread waits", 1},
    {"locks_garbage", locks_garbage, locks_of_every_kind, FindingKind::misuse, "never initialised", 1},
    {"unlocks_what_is_free", unlocks_what_is_free, locks_of_every_kind, FindingKind::misuse, "not locked", 1},
    {"unlocks_anothers_shared", unlocks_anothers_shared, locks_in_turn, FindingKind::misuse, "does not hold", 1},
    {"unlocks_anothers_spin", unlocks_anothers_spin, locks_in_turn, FindingKind::misuse, "does not hold", 1},
};

INSTANTIATE_TEST_SUITE_P(Misuse, Detector, ::testing::ValuesIn(cases), case_name);

}  // namespace
}  // namespace foreseed::testing
