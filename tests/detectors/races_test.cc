// Data races.

#include "detectors/detector.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <thread>

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

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

/// What is known of bytes 3 and 5 is not forgotten where byte 0 is written.
template <bool after_the_readers>
void writes_beside_what_others_read() {
  alignas(8) static unsigned char bytes[8];
  int sum[2] = {};
  std::thread a([&] { sum[0] = bytes[3]; });
  std::thread b([&] { sum[1] = bytes[5]; });
  std::this_thread::sleep_for(1ms);
  bytes[0] = 1;
  if (after_the_readers) a.join(), b.join();
  bytes[3] = 1;
  if (!after_the_readers) a.join(), b.join();
}

/// Eight bytes from anywhere, as hash functions and parsers take them on some processors.
template <bool after_the_other>
void touches_what_eight_bytes_end_in() {
  alignas(8) static unsigned char bytes[16];
  std::thread other([] { *reinterpret_cast<volatile std::uint64_t*>(bytes + 4) = 1; });
  if (after_the_other) other.join();
  bytes[11] = 2;
  if (!after_the_other) other.join();
  bytes[4] = 3;
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

// What programs say of themselves, by name.
extern "C" {
void AnnotateBenignRaceSized(const char* file, int line, const volatile void* address, std::size_t size, const char* why);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void __tsan_mutex_post_lock(void* mutex, unsigned flags, int recursion);
int __tsan_mutex_pre_unlock(void* mutex, unsigned flags);
}

template <std::size_t allowed>
void counts_roughly() {
  static int counts[2];  // clang 14 does not instrument an element of an array on the stack here
  AnnotateBenignRaceSized(__FILE__, __LINE__, counts, allowed, "statistics");
  std::thread other([&] { ++counts[1]; });
  ++counts[1];
  other.join();
}

template <bool ignored>
void peeks() {
  static int value;  // nobody touches it before
  std::thread other([&] {
    if (ignored) AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    const int seen = value;
    if (ignored) AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    EXPECT_GE(seen, 0);
  });
  std::this_thread::sleep_for(1ms);
  value = 1;
  other.join();
}

/// Who shares a lock learns of who held it alone, not of who shared it before.
template <typename Writer>
void publishes_under_a_shared_lock() {
  std::shared_mutex mutex;
  std::atomic<bool> ready{false};
  int value = 0;
  std::thread other([&] {
    {
      const Writer lock(mutex);
      value = 1;
    }
    ready.store(true, std::memory_order_relaxed);
  });
  if (ready.load(std::memory_order_relaxed)) {
    const std::shared_lock lock(mutex);
    if (value != 1) throw 1;
  }
  other.join();
}

/// A lock that no compiler can see through.
class OpaqueLock {
 public:
  void lock(bool says_so) {
    while (!try_lock()) std::this_thread::yield();
    if (says_so) __tsan_mutex_post_lock(this, 0, 0);
  }
  void unlock(bool says_so) {
    if (says_so) __tsan_mutex_pre_unlock(this, 0);
    asm volatile("movl $0, %0" : "=m"(taken_) : : "memory");
  }

 private:
  bool try_lock() {
    int old = 1;
    asm volatile("xchgl %0, %1" : "+r"(old), "+m"(taken_) : : "memory");
    return old == 0;
  }
  int taken_ = 0;
};

template <bool says_so>
void locks_opaquely() {
  OpaqueLock lock;
  int counter = 0;
  const auto work = [&] {
    lock.lock(says_so);
    ++counter;
    lock.unlock(says_so);
  };
  std::thread other(work);
  work();
  other.join();
}

// NOLINTEND

const Case cases[] = {
    {"race_on_int", race_on_int, no_race_on_int, FindingKind::data_race, "data race", 1},
    {"race_of_bytes", race_of_bytes, neighbours_do_not_race, FindingKind::data_race, "data race", 1},
    {"race_of_unaligned_bytes", touches_what_eight_bytes_end_in<false>, touches_what_eight_bytes_end_in<true>,
     FindingKind::data_race, "data race", 1},
    {"race_beside_other_bytes", writes_beside_what_others_read<false>, writes_beside_what_others_read<true>,
     FindingKind::data_race, "data race", 1},
    {"race_with_two_readers", race_with_two_readers, readers_do_not_race, FindingKind::data_race, "data race", 1},
    {"race_past_a_mutex", race_past_a_mutex, no_race_on_int, FindingKind::data_race, "data race", 1},
    {"race_after_early_flag", race_after_early_flag, no_race_after_flag, FindingKind::data_race, "data race", 30},
    {"race_beside_a_benign_one", counts_roughly<4>, counts_roughly<8>, FindingKind::data_race, "data race", 1},
    {"race_of_a_peek", peeks<false>, peeks<true>, FindingKind::data_race, "data race", 1},
    {"race_past_a_shared_lock", publishes_under_a_shared_lock<std::shared_lock<std::shared_mutex>>,
     publishes_under_a_shared_lock<std::unique_lock<std::shared_mutex>>, FindingKind::data_race, "data race", 30},
    {"race_past_an_opaque_lock", locks_opaquely<false>, locks_opaquely<true>, FindingKind::data_race, "data race", 1},
};

INSTANTIATE_TEST_SUITE_P(Races, Detector, ::testing::ValuesIn(cases), case_name);

}  // namespace
}  // namespace foreseed::testing
