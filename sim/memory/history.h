#pragma once
// The stores of each atomic location, for --memory tso and c11: what a load may read besides the newest.
//
// A location is known by its address and size from its first atomic operation on; its first store is what memory held
// then. The program's memory always holds the newest store. Whatever else writes there - a constructor, memset, a library
// that is not instrumented, an atomic operation of another size - ends the history: it starts anew with what memory holds.
// At most `stores_max` stores are kept of a location; who could have read an older one reads the oldest that is kept.

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "memory/known.h"

namespace foreseed {
struct Task;
}

namespace foreseed::memory {

inline constexpr std::size_t stores_max = 16;

/// What an atomic of up to 16 bytes holds.
struct Value {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Value&, const Value&) = default;
};

/// Reads of one store by one task in one epoch: an execution graph's rf edges, in brief.
struct Read {
  std::uint32_t task = 0;
  std::uint32_t epoch = 0;
  std::uint32_t count = 0;  ///< how many
  std::uint32_t node = 0;   ///< the last that was seq_cst: its number among those of its task; 0 = none
  Known clock;              ///< what happens before the last of them; kept only if there are seq_cst fences
};

struct Store {
  Value value;
  std::uint32_t task = 0;
  std::uint32_t epoch = 0;   ///< of its task; 0: the initial store, which happens before everything
  std::uint32_t step = 0;    ///< of the run, for reports
  std::uint32_t node = 0;    ///< its number among the seq_cst operations of its task; 0 = it is not seq_cst
  bool modifies = false;     ///< it belongs to a read-modify-write that read the store before it
  std::uint64_t time = 0;    ///< tso: its place among all stores
  Known release;             ///< what those learn that acquire from it
  Known clock;               ///< what happens before it; kept only if there are seq_cst fences
  std::vector<Read> reads;
};

struct Location {
  std::size_t size = 0;
  std::vector<Store> stores;  ///< in modification order, never empty
  Known dropped_nodes;        ///< seq_cst operations among the stores no longer kept and their reads
  Known dropped_clock;        ///< what happens before any of those

  Store& newest() { return stores.back(); }
  /// Forgets the oldest store.
  void drop_oldest();
};

class Histories {
 public:
  /// The location of an atomic operation, whose newest store is what memory holds. `reader`: who learns of what unknown
  /// writers did; null for an operation that reads nothing.
  Location& at(const void* address, std::size_t size, Task* reader);
  /// The bytes were written by other means, or are another object's now.
  void forget(const void* address, std::size_t size);
  /// Every task is taken to have seen the newest store everywhere.
  void settle();
  void clear() { locations_.clear(); }

  template <typename Visit>
  void each(Visit visit) {
    for (auto& [address, location] : locations_) visit(location);
  }

 private:
  Location& start(std::uintptr_t address, std::size_t size, Task* reader);

  std::map<std::uintptr_t, Location> locations_;
};

Value read_memory(const void* address, std::size_t size);
void write_memory(void* address, std::size_t size, const Value& value);

}  // namespace foreseed::memory
