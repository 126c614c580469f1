// The heap: leaks, and accesses outside of living blocks.

#include "detectors/detector.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>

#include "api/foreseed/world.h"

namespace foreseed::testing {
namespace {

// NOLINTBEGIN: these are wrong on purpose

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

// NOLINTEND

const Case cases[] = {
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
};

INSTANTIATE_TEST_SUITE_P(Heap, Detector, ::testing::ValuesIn(cases), case_name);

}  // namespace
}  // namespace foreseed::testing
