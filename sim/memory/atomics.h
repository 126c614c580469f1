#pragma once
// Atomic operations of the program under test under --memory sc: each is a scheduling point and takes effect in the order
// of the schedule. Happens-before follows the declared orders all the same - what a relaxed flag publishes is a data race -
// with release sequences as C++20 has them: a release store, and the read-modify-writes that follow it.

#include <cstdint>

#include "kernel/world.h"
#include "memory/orders.h"
#include "memory/race.h"
#include "sync/objects.h"

namespace foreseed::memory {

/// Stands before an atomic operation on `address`.
void atomic_point(Op op, const void* address);

/// Stands after one: happens-before, shadow memory, the event. `value` is what was read, for the recognition of spinning
/// (equal values read from one address again and again).
void atomic_loaded(const void* address, std::size_t size, std::uint64_t value, Order order);
void atomic_stored(const void* address, std::size_t size, std::uint64_t old, std::uint64_t value, Order order);
/// A read-modify-write that found `old` and left `value`.
void atomic_modified(const void* address, std::size_t size, Op op, std::uint64_t old, std::uint64_t value, Order order);
/// A compare-exchange that found `value` instead of what it expected.
void atomic_cas_failed(const void* address, std::size_t size, std::uint64_t value, std::uint64_t expected, Order order);
void atomic_fence(Order order);

/// For state that code reads with atomic loads although it is not written with atomic stores (static guards), and for
/// annotations: what the task has done happens before what others do after acquire_at(). No scheduling points.
void release_at(const void* address);
void acquire_at(const void* address);

}  // namespace foreseed::memory
