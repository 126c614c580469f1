// For every detector a program that it must catch, and a repaired twin that it must let pass.

#include <gtest/gtest.h>

#include <pthread.h>
#include <semaphore.h>
#include <sys/inotify.h>

#include <atomic>
#include <cassert>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <stdexcept>
#include <ostream>
#include <string>
#include <thread>

#include "run_scenario.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

struct Case {
  const char* name;
  void (*bad)();
  void (*good)();
  FindingKind kind;
  const char* message;  ///< part of it
  std::uint64_t runs;   ///< within which the bad one must be caught
};

// NOLINTBEGIN: these are wrong on purpose

void race_on_int() {
  int counter = 0;
  std::thread other([&] { ++counter; });
  ++counter;
  other.join();
}
void no_race_on_int() {
  int counter = 0;
  std::mutex mutex;
  std::thread other([&] {
    std::lock_guard lock(mutex);
    ++counter;
  });
  {
    std::lock_guard lock(mutex);
    ++counter;
  }
  other.join();
}

void race_of_bytes() {
  static char bytes[8];  // clang 14 leaves out accesses to parts of local arrays
  std::thread other([&] { bytes[3] = 1; });
  std::uint64_t all;
  std::memcpy(&all, bytes, sizeof all);
  char copy = bytes[3];
  other.join();
  if (all + static_cast<std::uint64_t>(copy) == 77) throw 1;
}
void neighbours_do_not_race() {
  char bytes[8] = {};
  std::thread other([&] { bytes[3] = 1; });
  bytes[2] = 1;
  bytes[4] = 1;
  other.join();
  if (bytes[2] + bytes[3] + bytes[4] != 3) throw 1;
}

void race_with_two_readers() {
  int value = 1;
  int sum[2] = {};
  std::thread a([&] { sum[0] = value; });
  std::thread b([&] { sum[1] = value; });
  value = 2;
  a.join();
  b.join();
}
void readers_do_not_race() {
  int value = 1;
  int sum[2] = {};
  std::thread a([&] { sum[0] = value; });
  std::thread b([&] { sum[1] = value; });
  a.join();
  b.join();
  value = 2;
}

void race_past_a_mutex() {  // two mutexes guard one thing
  int value = 0;
  std::mutex a, b;
  std::thread other([&] {
    std::lock_guard lock(a);
    ++value;
  });
  {
    std::lock_guard lock(b);
    ++value;
  }
  other.join();
}

void race_after_early_flag() {  // published before it is written
  int value = 0;
  std::atomic<bool> ready{false};
  std::thread other([&] {
    ready = true;
    value = 1;
  });
  if (ready) value = 2;
  other.join();
}
void no_race_after_flag() {
  int value = 0;
  std::atomic<bool> ready{false};
  std::thread other([&] {
    value = 1;
    ready = true;
  });
  if (ready) value = 2;
  other.join();
}

void deadlock_ab_ba() {
  std::mutex a, b;
  std::thread other([&] {
    std::lock_guard first(b);
    std::lock_guard second(a);
  });
  {
    std::lock_guard first(a);
    std::lock_guard second(b);
  }
  other.join();
}
void no_deadlock_ab_ba() {
  std::mutex a, b;
  std::thread other([&] { std::scoped_lock both(b, a); });
  {
    std::scoped_lock both(a, b);
  }
  other.join();
}

void lost_wake_up() {
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  std::thread other([&] {
    {
      std::lock_guard lock(mutex);
      ready = true;
    }
    changed.notify_one();
  });
  bool seen;
  {
    std::lock_guard lock(mutex);
    seen = ready;
  }
  if (!seen) {
    std::unique_lock lock(mutex);
    changed.wait(lock);  // without a predicate: the signal may be over
  }
  other.join();
}
void no_lost_wake_up() {
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  std::thread other([&] {
    {
      std::lock_guard lock(mutex);
      ready = true;
    }
    changed.notify_one();
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ready; });
  }
  other.join();
}

void self_deadlock() {
  std::mutex mutex;
  mutex.lock();
  mutex.lock();
}

void livelock_of_spinners() {
  std::atomic<bool> never_set{false};
  std::thread other([&] { while (!never_set) std::this_thread::yield(); });
  other.join();
}
void livelock_of_busy_threads() {
  std::atomic<int> value{0};
  std::thread other([&] { for (;;) value = 1; });
  for (;;) value = 2;
}
void livelock_of_the_polite() {
  // Each gives way to the other, by condition variables: every step does something, none leads anywhere.
  std::mutex mutex;
  std::condition_variable turn;
  bool mine = true;
  const auto after_you = [&](bool me) {
    std::unique_lock lock(mutex);
    for (;;) {
      turn.wait(lock, [&] { return mine == me; });
      mine = !me;
      turn.notify_one();
    }
  };
  std::thread other(after_you, false);
  after_you(true);
}
void starves_one() {
  // One never lets go of what the other tries to get.
  std::mutex mutex;
  std::atomic<int> value{0};
  std::atomic<bool> locked{false};
  std::thread other([&] {
    while (!locked) std::this_thread::yield();
    while (!mutex.try_lock()) {
    }
  });
  mutex.lock();
  locked = true;
  for (;;) ++value;
}
void computes_for_long() {
  // 80,000 steps at one instant in each of two threads, and an end.
  const auto compute = [] {
    std::mutex mutex;
    for (int i = 0; i < 40'000; ++i) const std::lock_guard lock(mutex);
  };
  std::thread other(compute);
  compute();
  other.join();
}
void spinner_is_served() {
  std::atomic<bool> set{false};
  std::thread other([&] { while (!set) {} });
  std::this_thread::sleep_for(1h);
  set = true;
  other.join();
}

void check_fails() { assert(1 + 1 == 3); }
void exception_leaves_scenario() { throw std::runtime_error("out of luck"); }
void exception_leaves_thread() {
  std::thread other([] { throw std::runtime_error("out of luck"); });
  other.join();
}
void thread_is_dropped() { std::thread other([] {}); }
void exception_is_caught() {
  std::thread other([] {
    try {
      throw std::runtime_error("out of luck");
    } catch (const std::exception&) {
    }
  });
  other.join();
}

void* volatile forgotten = nullptr;
void leak() {
  forgotten = ::operator new(100);
  forgotten = nullptr;
}
void no_leak() { ::operator delete(::operator new(100)); }
void* kept = nullptr;
void kept_is_no_leak() { kept = ::operator new(100); }

void double_free() {
  char* volatile block = static_cast<char*>(std::malloc(10));
  std::free(block);
  std::free(block);
}
void free_of_stack() {
  alignas(16) char block[64];
  char* volatile p = static_cast<char*>(std::malloc(64));
  char* volatile inside = p + 16;
  std::free(inside);
  std::memset(block, 0, sizeof block);
}
void use_after_free() {
  int* volatile value = new int(1);
  delete value;
  *value = 2;
}
void write_beyond_block() {
  int* volatile values = new int[4];
  int turns = 0;
  std::mutex mutex;
  std::thread other([&] {
    const std::lock_guard lock(mutex);
    ++turns;
  });
  {
    const std::lock_guard lock(mutex);
    values[3 + turns] = 1;
  }
  other.join();
  delete[] values;
}
void read_before_block() {
  int* volatile values = new int[4];
  const int read = values[-1];
  delete[] values;
  FORESEED_CHECK(read == 0 || read != 0);
}
void write_within_blocks() {
  for (std::size_t align = 16; align <= 256; align *= 2) {
    for (std::size_t size = 1; size < 1500; size += 7) {
      auto* volatile block = static_cast<char*>(::operator new(size, std::align_val_t{align}));
      for (std::size_t at = 0; at < size; at += size > 64 ? size - 1 : 1) block[at] = 1;
      ::operator delete(block, std::align_val_t{align});
    }
  }
}
void use_after_free_by_another() {
  auto* value = new int(1);
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) std::this_thread::yield();
    *value = 2;
  });
  delete value;
  done = true;
  other.join();
}
void use_before_free() {
  auto* value = new int(1);
  std::thread other([&] { *value = 2; });
  other.join();
  delete value;
}

void null_pointer() {
  int* volatile nowhere = nullptr;
  *nowhere = 1;
}
int recurse(int depth) {
  volatile char room[1024] = {};
  return depth == 0 ? 0 : recurse(depth + 1) + room[depth % 1024];
}
void stack_overflow() { recurse(1); }
void aborts() { std::abort(); }
void exits() { std::exit(3); }
int zero = 0;
void divides_by_zero() {
  volatile int result = 10 / zero;
  static_cast<void>(result);
}

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

void asks_for_inotify() { inotify_init1(0); }
void asks_for_a_process() { std::system("true"); }
void does_nothing() {}

// NOLINTEND

const Case cases[] = {
    {"race_on_int", race_on_int, no_race_on_int, FindingKind::data_race, "data race", 1},
    {"race_of_bytes", race_of_bytes, neighbours_do_not_race, FindingKind::data_race, "data race", 1},
    {"race_with_two_readers", race_with_two_readers, readers_do_not_race, FindingKind::data_race, "data race", 1},
    {"race_past_a_mutex", race_past_a_mutex, no_race_on_int, FindingKind::data_race, "data race", 1},
    {"race_after_early_flag", race_after_early_flag, no_race_after_flag, FindingKind::data_race, "data race", 30},
    {"deadlock_ab_ba", deadlock_ab_ba, no_deadlock_ab_ba, FindingKind::deadlock, "main -> T1 -> main", 50},
    {"lost_wake_up", lost_wake_up, no_lost_wake_up, FindingKind::deadlock, "nobody is left to do: lost wake-up: main waits for", 50},
    {"self_deadlock", self_deadlock, no_deadlock_ab_ba, FindingKind::deadlock, "main waits for itself", 1},
    {"livelock_of_spinners", livelock_of_spinners, spinner_is_served, FindingKind::livelock, "spins", 1},
    {"livelock_of_the_polite", livelock_of_the_polite, computes_for_long, FindingKind::livelock, "change nothing or wait", 1},
    {"starves_one", starves_one, computes_for_long, FindingKind::livelock, "starvation of T1", 1},
    {"livelock_of_busy_threads", livelock_of_busy_threads, spinner_is_served, FindingKind::livelock, "steps", 1},
    {"check_fails", check_fails, does_nothing, FindingKind::check_failed, "1 + 1 == 3", 1},
    {"exception_leaves_scenario", exception_leaves_scenario, exception_is_caught, FindingKind::uncaught_exception,
     "std::runtime_error: out of luck", 1},
    {"exception_leaves_thread", exception_leaves_thread, exception_is_caught, FindingKind::uncaught_exception,
     "std::runtime_error: out of luck", 1},
    {"thread_is_dropped", thread_is_dropped, exception_is_caught, FindingKind::uncaught_exception, "std::terminate", 1},
    {"leak", leak, no_leak, FindingKind::heap_leak, "100 bytes in 1 block", 1},
    {"leak_while_others_are_kept", leak, kept_is_no_leak, FindingKind::heap_leak, "100 bytes in 1 block", 1},
    {"double_free", double_free, no_leak, FindingKind::double_free, "10 bytes", 1},
    {"free_of_stack", free_of_stack, no_leak, FindingKind::invalid_free, "not the start", 1},
    {"use_after_free", use_after_free, use_before_free, FindingKind::use_after_free, "write", 1},
    {"write_beyond_block", write_beyond_block, write_within_blocks, FindingKind::out_of_bounds,
     "write 0 bytes after a block of 16 bytes", 100},
    {"read_before_block", read_before_block, write_within_blocks, FindingKind::out_of_bounds,
     "read 4 bytes before a block of 16 bytes", 1},
    {"use_after_free_by_another", use_after_free_by_another, use_before_free, FindingKind::use_after_free, "write", 1},
    {"null_pointer", null_pointer, does_nothing, FindingKind::crash, "null pointer", 1},
    {"stack_overflow", stack_overflow, does_nothing, FindingKind::crash, "stack overflow", 1},
    {"aborts", aborts, does_nothing, FindingKind::crash, "abort()", 1},
    {"exits", exits, does_nothing, FindingKind::crash, "exit(3)", 1},
    {"divides_by_zero", divides_by_zero, does_nothing, FindingKind::crash, "division by zero", 1},
    {"unlocks_anothers", unlocks_anothers, no_race_on_int, FindingKind::misuse, "another thread holds", 1},
    {"destroys_locked", destroys_locked, no_race_on_int, FindingKind::misuse, "locked mutex is destroyed", 1},
    {"locks_destroyed", locks_destroyed, locks_made_anew, FindingKind::misuse, "mutex that was destroyed", 1},
    {"signals_destroyed", signals_destroyed, no_lost_wake_up, FindingKind::misuse, "condition variable that was destroyed", 1},
    {"posts_destroyed", posts_destroyed, does_nothing, FindingKind::misuse, "semaphore that was destroyed", 1},
    {"reads_under_destroyed", reads_under_destroyed, does_nothing, FindingKind::misuse, "read-write lock that was destroyed", 1},
    {"waits_at_destroyed", waits_at_destroyed, does_nothing, FindingKind::misuse, "barrier that was destroyed", 1},
    {"destroys_what_others_wait_for", destroys_a_condition<false>, destroys_a_condition<true>, FindingKind::misuse,
     "destroyed while a thread waits", 1},
    {"locks_garbage", locks_garbage, locks_of_every_kind, FindingKind::misuse, "never initialised", 1},
    {"unlocks_what_is_free", unlocks_what_is_free, locks_of_every_kind, FindingKind::misuse, "not locked", 1},
    {"unlocks_anothers_shared", unlocks_anothers_shared, no_race_on_int, FindingKind::misuse, "does not hold", 1},
    {"unlocks_anothers_spin", unlocks_anothers_spin, no_race_on_int, FindingKind::misuse, "does not hold", 1},
    {"asks_for_inotify", asks_for_inotify, does_nothing, FindingKind::unsupported, "inotify_init1", 1},
    {"asks_for_a_process", asks_for_a_process, does_nothing, FindingKind::unsupported, "system", 1},
};

void PrintTo(const Case& tried, std::ostream* out) { *out << tried.name; }

struct Detector : ::testing::TestWithParam<Case> {};

TEST_P(Detector, catches_the_bad_one) {
  std::uint64_t seed = 0;
  const auto finding = first_finding(GetParam().bad, GetParam().runs, &seed);
  ASSERT_TRUE(finding.has_value());
  EXPECT_EQ(to_string(finding->kind), to_string(GetParam().kind)) << finding->message;
  EXPECT_NE(finding->message.find(GetParam().message), std::string::npos) << finding->message;
}

TEST_P(Detector, finds_the_same_again_with_stacks) {
  std::uint64_t seed = 0;
  const auto finding = first_finding(GetParam().bad, GetParam().runs, &seed);
  ASSERT_TRUE(finding.has_value());
  const Execution light = run_seed(GetParam().bad, seed);
  const Execution recorded = run_seed(GetParam().bad, seed, true);
  EXPECT_EQ(light.fingerprint, recorded.fingerprint);
  ASSERT_TRUE(recorded.finding.has_value());
  EXPECT_EQ(recorded.finding->kind, finding->kind);
  for (const Place& place : recorded.finding->places) EXPECT_FALSE(place.stack.empty()) << place.role;
}

TEST_P(Detector, lets_the_good_one_pass) {
  const auto finding = first_finding(GetParam().good, 200);
  EXPECT_FALSE(finding.has_value()) << finding->message;
}

INSTANTIATE_TEST_SUITE_P(All, Detector, ::testing::ValuesIn(cases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace foreseed::testing
