#pragma once
// Atomic operations of the program under test. All orders are taken as seq_cst: each operation is a scheduling point and
// happens in the order of the schedule; a load acquires, a store releases, a read-modify-write does both.

#include <cstdint>

#include "kernel/world.h"
#include "memory/race.h"
#include "sync/objects.h"

namespace foreseed::memory {

/// Stands before an atomic operation on `address`.
void atomic_point(Op op, const void* address);

/// Stands after one: happens-before, shadow memory, the event. `value` is what was read, for the recognition of spinning
/// (equal values read from one address again and again).
void atomic_loaded(const void* address, std::size_t size, std::uint64_t value);
void atomic_stored(const void* address, std::size_t size, std::uint64_t old, std::uint64_t value);
/// A read-modify-write that found `old` and left `value`.
void atomic_modified(const void* address, std::size_t size, Op op, std::uint64_t old, std::uint64_t value);
/// A compare-exchange that found `value` instead of what it expected.
void atomic_cas_failed(const void* address, std::size_t size, std::uint64_t value, std::uint64_t expected);
void atomic_fence();

/// For state that code reads with atomic loads although it is not written with atomic stores (static guards).
void release_at(const void* address);

}  // namespace foreseed::memory
