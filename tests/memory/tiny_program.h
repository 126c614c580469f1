#pragma once
// Programs of a few atomic operations on three locations, which are 0 at first.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

namespace foreseed::testing {

inline constexpr std::size_t locations = 3;

enum class Act : std::uint8_t { load, store, add, exchange, compare_exchange, fence };

/// What an operation is said to have read.
enum class Finds : std::uint8_t { anything, expected, other };

struct Step {
  Act act = Act::load;
  std::memory_order order = std::memory_order_relaxed;
  std::size_t location = 0;
  int value = 0;     ///< stored, or added
  int expected = 0;  ///< by a compare-exchange
  std::memory_order failure = std::memory_order_relaxed;
  Finds finds = Finds::anything;
  bool reads() const { return act != Act::store && act != Act::fence; }
};
using Program = std::vector<std::vector<Step>>;

/// What a program may read, step by step in the order of its threads, and then leave in its locations.
using Outcomes = std::set<std::vector<int>>;

}  // namespace foreseed::testing
