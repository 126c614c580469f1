#pragma once
// Memory orders as the compilers' ABI numbers them, and what each means for happens-before.

#include <cstddef>
#include <cstdint>

namespace foreseed::memory {

enum class Order : std::uint8_t { relaxed, consume, acquire, release, acq_rel, seq_cst };

/// The order of an argument of the ABI, whose upper bits are hints.
inline Order order_of(int argument) { return static_cast<Order>(argument & 7); }

/// consume is taken as acquire, as every compiler does.
inline bool acquires(Order order) { return order != Order::relaxed && order != Order::release; }
inline bool releases(Order order) { return order >= Order::release; }

/// std::atomic<std::shared_ptr> of libstdc++ 12 locks the lowest bit of a pointer and, in load(), unlocks it with a relaxed
/// fetch_sub(1), so that its own accesses race. Nobody can mend that from outside: what undoes the task's own setting of
/// the bit, with nothing between, is taken to release.
inline bool sets_pointer_bit(std::size_t size, std::uint64_t old, std::uint64_t value) {
  return size == 8 && old % 2 == 0 && value == old + 1;
}

}  // namespace foreseed::memory
