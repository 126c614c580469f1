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
inline constexpr std::uintptr_t chunk_bytes = std::uintptr_t{1} << chunk_shift;
inline constexpr std::size_t directory_size = std::size_t{1} << (47 - chunk_shift);
FORESEED_HIDDEN extern Cell** shadow_directory;

/// Accesses below are of earlier runs.
FORESEED_HIDDEN extern Access run_start;

/// As shadow_directory, or without any cells while all plain accesses have to ask access_range().
FORESEED_HIDDEN extern Cell** quick_directory;
/// Chooses that: under watch() and watch_accesses(), --memory tso and c11, --races explore, and while a task's accesses are ignored.
void choose_directory();

/// The cell of an address; null where there are none yet.
inline Cell* cell_in(Cell* const* directory, std::uintptr_t address) {
  Cell* const chunk = directory[(address >> chunk_shift) & (directory_size - 1)];
  return __builtin_expect(chunk == nullptr, 0) ? nullptr : &chunk[(address & (chunk_bytes - 1)) >> 3];
}

/// A plain (or atomic) access by the running task; ends the run where it races or touches freed memory.
void access(const void* address, std::size_t size, bool is_write, bool is_atomic);

/// What access_plain() leaves: `now` is the access as `cell` would keep it.
template <bool is_write>
FORESEED_HIDDEN void access_shared(Cell& cell, Access now, const void* address, const void* site);
/// An access of any size, from the code at `site`.
FORESEED_HIDDEN void access_range(const void* pointer, std::size_t size, bool is_write, const void* site);

/// A plain access of 1, 2, 4 or 8 bytes from the code at `site`. In place: it is aligned, and no other task has touched them
/// in this run since the running task did.
template <std::size_t size, bool is_write>
__attribute__((always_inline)) inline void access_plain(const void* pointer, const void* site) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  Cell* const found = cell_in(quick_directory, address);
  if (__builtin_expect(found == nullptr || address % size != 0, 0)) return access_range(pointer, size, is_write, site);
  Cell& cell = *found;
  const Access bytes = ((1u << size) - 1) << (size == 8 ? 0 : address & 7);
  const Access now = World::get().current().stamp | bytes;
  Access& mine = is_write ? cell.write : cell.read;
  const Access other = is_write ? cell.read : cell.write;
  const bool again = mine >= run_start && (mine ^ now) << 40 == 0;
  const bool alone = other < run_start || (other ^ now) >> 9 << 49 == 0;
  const bool quick = (again && !is_write) || (alone && (again || mine < run_start));
  if (!quick || is_closed(address)) return access_shared<is_write>(cell, now, pointer, site);
  mine = now;
}

/// As access() of an atomic.
void access_atomic(const void* pointer, std::size_t size, bool is_write);

/// Stands before a heap block is freed, which counts as a write to its first 32 bytes. (What comes after the free is seen
/// by the heap.)
void access_freed(const void* address, std::size_t size);
/// Forgets the past of a block that is handed out again.
void forget(const void* address, std::size_t size);

/// For recorded runs: keeps the stack of every access to the granules of these bytes. 0 watches nothing.
void watch(std::uintptr_t address, std::size_t size);
/// From now on to the end of the execution, each plain access is told to the World.
void watch_accesses();

/// Fetches the cells of the frames that lie from `address` on.
void fetch_stack_shadow(std::uintptr_t address);
/// The place in the directory that says where those are.
void fetch_shadow_place(std::uintptr_t address);

void races_begin_run();

}  // namespace foreseed::memory
