#pragma once
// Total store order (Owens, Sarkar and Sewell, "A better x86 memory model: x86-TSO", TPHOLs 2009), seen from the loads: all
// stores reach memory in the order of the schedule, but a load may be done earlier than stores of its own task that stand
// before it, and then misses what others stored meanwhile. That is the same as a store buffer which a task's loads look
// into first.
//
// So each task has the time at which its last load was done; the next is done no earlier. A seq_cst store or fence, a
// read-modify-write, and every call that synchronises wait until the task's own stores have reached memory.

#include <cstdint>
#include <vector>

#include "memory/history.h"

namespace foreseed::memory {

class StoreOrder {
 public:
  /// Stands before each operation of a task, and after it; `epoch` is the task's when it was done.
  void begin(const Task& self);
  void end(const Task& self, std::uint32_t epoch);

  /// The oldest store that a load may read: positions from there on are allowed.
  std::size_t oldest_readable(const Task& self, const Location& at) const;
  void loaded(const Task& self, const Store& store);
  void stored(const Task& self, Store& store);
  /// All stores of the task have reached memory.
  void drain(const Task& self);
  void clear();

 private:
  struct Reached {
    std::uint32_t epoch;
    std::uint64_t time;
  };
  struct TaskOrder {
    std::uint64_t loads_from = 0;  ///< its next load is done no earlier
    std::uint64_t stored_at = 0;   ///< its last store
    std::uint32_t epoch_after = 0; ///< its epoch after its last operation
    std::vector<Reached> reached;  ///< how far it was at the end of each epoch
  };
  std::uint64_t reached(std::uint32_t task, std::uint32_t epoch) const;

  std::uint64_t now_ = 0;
  std::vector<TaskOrder> tasks_;
};

}  // namespace foreseed::memory
