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

namespace foreseed::memory {

/// A plain (or atomic) access by the running task; ends the run where it races or touches freed memory.
void access(const void* address, std::size_t size, bool is_write, bool is_atomic);

/// Marks a freed heap block (its first KiB), and forgets the past of a block that is handed out again.
void mark_freed(const void* address, std::size_t size);
void forget(const void* address, std::size_t size);

/// For recorded runs: keeps the stack of every access to the granules of these bytes. 0 watches nothing.
void watch(std::uintptr_t address, std::size_t size);

void races_begin_run();
void races_end_run();

}  // namespace foreseed::memory
