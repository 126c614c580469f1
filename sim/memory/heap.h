#pragma once
// The heap of the program under test, at a fixed address.
//
// Before and between series of runs it serves what the program and its libraries allocate natively (static
// initialisation); from the start of a run on, the run. At the end of a run its state goes back to what it was at the
// start: everything the run allocated is gone, and the bytes of older blocks are put back by isolation.h. Blocks carry a
// header; freed ones wait in a quarantine so that a use after free meets a marked block.
//
// Memory handed out is filled with 0xa5: a program that reads what it never wrote does so in the same way in every run.

#include <cstddef>
#include <cstdint>

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

void heap_begin_run();
void heap_end_run();
/// Ends the run with a finding if blocks of the run are still allocated.
void check_leaks(World& world);
/// The part of the heap that older blocks may lie in: [heap_base, heap_base + heap_mark()), a multiple of 4096 bytes.
std::size_t heap_mark();

}  // namespace foreseed::memory

#include "kernel/layout.h"

inline bool foreseed::memory::is_heap_pointer(const void* pointer) {
  return in_heap(reinterpret_cast<std::uintptr_t>(pointer));
}
