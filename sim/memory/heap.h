#pragma once
// The heap of the program under test, at a fixed address.
//
// Before and between series of runs it serves what the program and its libraries allocate natively (static
// initialisation); from the start of a run on, the run. At the end of a run its state goes back to what it was at the
// start: everything the run allocated is gone, and the bytes of older blocks are put back by isolation.h. Blocks carry a
// header; freed ones wait in a quarantine so that a use after free meets a marked block. Headers of the run's blocks, and
// what its blocks leave over of their space, are marked too: an access beyond a block by less than the next is long meets
// a mark, if it is beyond the last 16 bytes that the block begins (memory/poison.h is exact).
//
// Memory handed out is filled with 0xa5: a program that reads what it never wrote does so in the same way in every run.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernel/world.h"

namespace foreseed::memory {

/// In a run, by the running task in simulated mode's stead. `align` is a power of two, at most 4096. Null: out of memory.
void* run_allocate(std::size_t size, std::size_t align = 16);
void run_free(void* pointer);
std::size_t usable_size(const void* pointer);

/// Outside runs, thread safe.
void* native_allocate(std::size_t size, std::size_t align = 16);
void native_free(void* pointer);

inline bool is_heap_pointer(const void* pointer);

/// Whether `address`, in the heap, lies in a block that the run has freed or between the blocks of the run.
inline bool is_closed(std::uintptr_t address);
/// What is there.
struct HeapSpot {
  bool freed = false;         ///< within a freed block
  std::string where;          ///< else: "0 bytes after a block of 13 bytes"
  std::vector<Place> places;  ///< where that block was freed and allocated, in a recorded run
};
HeapSpot heap_spot(std::uintptr_t address);
/// "1 byte", "13 bytes"
std::string bytes(std::uint64_t count);
std::vector<Place> block_history(const void* block);

/// What the tasks of a host have allocated in this run and nobody has freed; and how much it may be, beyond which
/// run_allocate() gives null.
std::uint64_t bytes_of(std::uint32_t host);
void set_limit(std::uint32_t host, std::uint64_t bytes);

void heap_begin_run();
void heap_end_run();
/// Blocks that the run has allocated and not freed: how many, and each, in the order of their addresses.
std::int64_t live_blocks();
void each_run_block(void (*visit)(void* pointer, std::size_t size, std::size_t space));
/// The host whose task allocated the block.
std::uint32_t host_of_block(const void* pointer);
/// The part of the heap that older blocks may lie in: [heap_base, heap_base + heap_mark()), a multiple of 4096 bytes.
std::size_t heap_mark();

/// During a series there is room behind the older blocks for what the program allocates between two runs, where it loads a
/// library; null once that is full.
void heap_series_begin();
void heap_series_end();
void* late_allocate(std::size_t size, std::size_t align);
/// How far that room is used, in bytes from heap_base.
std::size_t heap_late_mark();

}  // namespace foreseed::memory

#include "kernel/layout.h"

namespace foreseed::memory::detail {
FORESEED_HIDDEN extern std::uint64_t* closed_bits;  ///< one bit per 16 bytes of heap
FORESEED_HIDDEN extern std::size_t closed_end;      ///< bytes of heap: the bits of those from here on were never set
}  // namespace foreseed::memory::detail

inline bool foreseed::memory::is_closed(std::uintptr_t address) {
  const std::uintptr_t at = address - heap_base;
  return at < detail::closed_end && ((detail::closed_bits[at / 1024] >> (at / 16 % 64)) & 1) != 0;
}

inline bool foreseed::memory::is_heap_pointer(const void* pointer) {
  return in_heap(reinterpret_cast<std::uintptr_t>(pointer));
}
