#pragma once
// Data races by happens-before, exact per byte: FastTrack (Flanagan and Freund, PLDI 2009) on shadow memory.
//
// Each 8 bytes of program memory have a shadow cell with the last write and the last read, each with the task, its epoch
// (release count) and the bytes touched. What does not fit - several readers, overlapping masks - moves to a wide cell
// with a list. Epochs never repeat within a process, so nothing has to be cleared between runs: what is older than the
// run's first epoch is nothing.
//
// The stack of the earlier access of a race is not kept: the campaign runs the same choices again and watches the
// address (see watch()), which costs nothing on the way there.

#include <cstddef>
#include <cstdint>

#include "kernel/world.h"
#include "memory/heap.h"

namespace foreseed::memory {

// An access: epoch (40 bits) and task (15 bits) as in Task::stamp, atomic (1 bit), mask of bytes (8 bits).
using Access = std::uint64_t;

/// What is known of 8 bytes of program memory. Since the read, no other task has written any of its bytes.
struct Cell {
  Access write;
  Access read;
};

// Cells of 1 MiB of program memory each, mapped at first use.
inline constexpr int chunk_shift = 20;
inline constexpr std::size_t directory_size = std::size_t{1} << (47 - chunk_shift);
FORESEED_HIDDEN extern Cell** shadow_directory;

/// Accesses below are of earlier runs.
FORESEED_HIDDEN extern Access run_start;

/// Whether plain accesses all have to ask access(): where watch() has set anything, and under --memory tso and c11.
FORESEED_HIDDEN extern bool watching;

/// A plain (or atomic) access by the running task; ends the run where it races or touches freed memory.
void access(const void* address, std::size_t size, bool is_write, bool is_atomic);

/// The common cases of a plain access within 8 aligned bytes, in place of access(): no other task has touched them in this
/// run since the running task did. False: ask access_any().
inline bool access_own(const void* pointer, std::size_t size, bool is_write) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  Cell* const chunk = shadow_directory[(address >> chunk_shift) & (directory_size - 1)];
  if (__builtin_expect(chunk == nullptr, 0)) return false;
  Cell& cell = chunk[(address & ((std::uintptr_t{1} << chunk_shift) - 1)) >> 3];
  const Task& self = World::get().current();
  const Access now = self.stamp | ((1u << size) - 1) << (address & 7);
  Access& mine = is_write ? cell.write : cell.read;
  const Access other = is_write ? cell.read : cell.write;
  const bool again = mine >= run_start && (mine ^ now) << 40 == 0;
  const bool alone = other < run_start || (other ^ now) >> 9 << 49 == 0;
  if (!(again && !is_write) && !(alone && (again || mine < run_start))) return false;
  if (is_closed(address) || watching) return false;
  mine = now;
  return true;
}

/// The rest of them, from the code at `site`.
FORESEED_HIDDEN void access_any(const void* pointer, std::size_t size, bool is_write, const void* site);
/// An access of any size, from the code at `site`.
FORESEED_HIDDEN void access_range(const void* pointer, std::size_t size, bool is_write, const void* site);

/// Stands before a heap block is freed, which counts as a write to its first 32 bytes. (What comes after the free is seen
/// by the heap.)
void access_freed(const void* address, std::size_t size);
/// Forgets the past of a block that is handed out again.
void forget(const void* address, std::size_t size);

/// For recorded runs: keeps the stack of every access to the granules of these bytes. 0 watches nothing.
void watch(std::uintptr_t address, std::size_t size);

/// Fetches the cells of the frames that lie from `address` on.
void fetch_stack_shadow(std::uintptr_t address);

void races_begin_run();

}  // namespace foreseed::memory
