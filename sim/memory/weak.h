#pragma once
// Atomic operations under --memory tso and c11. Each stands behind its scheduling point (atomic_point), as under sc; then
// which store a load reads and where a store goes in modification order is a choice among what the model allows, 0 being
// what sc does.
//
// c11 is RC11 (Lahav et al., PLDI 2017), with release sequences as in C++20: an execution graph grows by an operation at a
// time, in the order of the schedule, and each choice must leave it coherent, its read-modify-writes atomic and its psc
// acyclic. As every consistent graph without cycles in (sequenced-before, reads-from) grows that way, no outcome is
// missing and none is extra.
//
// Fairness: a task that has read one outdated store `stale_reads_max` times reads the newest.

#include "memory/history.h"
#include "memory/orders.h"

#include "kernel/event.h"
#include "kernel/hidden.h"

namespace foreseed::memory {

inline constexpr std::uint32_t stale_reads_max = 8;

/// Whether the running execution has such a model; false outside of runs.
FORESEED_HIDDEN extern bool weak;

Value weak_load(const void* address, std::size_t size, Order order);
void weak_store(void* address, std::size_t size, const Value& value, Order order);

/// A read-modify-write in two halves with nothing between: what it reads, and what it makes of it.
Value weak_modify_read(void* address, std::size_t size, Op op, Order order);
void weak_modify_write(const Value& value);

/// A compare-exchange; `expected` becomes what was found. `may_fail`: it is the weak form.
bool weak_compare_exchange(void* address, std::size_t size, Value& expected, const Value& desired, Order success,
                           Order failure, bool may_fail);

void weak_fence(Order order);

/// What the kernel does with the word of a futex: a full fence, then, where it is to wait, a look at its newest value.
void weak_futex(const void* address, bool waits);

/// A one-byte flag was written by the runtime library itself, releasing (static guards).
void weak_release_at(const void* address);
/// Bytes were written plainly or handed out anew.
void weak_forget(const void* address, std::size_t size);
void weak_begin_run();
void weak_end_run();

}  // namespace foreseed::memory
