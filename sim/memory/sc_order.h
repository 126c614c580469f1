#pragma once
// The seq_cst condition of RC11 (Lahav, Vafeiadis, Kang, Hur and Dreyer, "Repairing Sequential Consistency in C/C++11",
// PLDI 2017): psc is acyclic. Kept as a graph over the seq_cst operations of an execution that grows an operation at a
// time; an operation that would close a cycle may not be done that way.
//
// The seq_cst operations of one task are ordered by psc as they stand in it, so a set that contains what is psc-before
// one of them is a number for each task: the last in the set. `Known` holds such sets, and epochs (VectorClock) where it
// is about happens-before.
//
// psc_base takes an edge of scb, which is hb but for paths that leave or reach an operation on its own location: such a
// path is told by the epoch at which the task first did anything elsewhere (`left_epoch`), and by what the other knew when
// it last did (`clock_elsewhere`). Plain accesses do not count as "elsewhere": compilers may move or drop them.

#include <cstdint>
#include <vector>

#include "memory/history.h"

namespace foreseed::memory {

/// An operation about to be done.
struct Operation {
  Task& self;
  std::uintptr_t address = 0;  ///< 0: a fence
  bool is_sc = false;
  bool writes = false;
  Known before;                ///< what happens before it, without what it acquires itself
  Known after;                 ///< with that
};

class ScOrder {
 public:
  static constexpr std::size_t nodes_max = 1000;

  /// Stands before and after every atomic operation and fence.
  void begin(const Task& self, std::uintptr_t address);
  void end(const Task& self);

  /// Whether the operation may be done such that `later` and what follows are the location's stores that come after it.
  bool allows(const Operation& op, const Location& at, std::size_t later) const;
  /// It is done; its number among the seq_cst operations of its task, 0 if it is not seq_cst.
  std::uint32_t add(const Operation& op, const Location& at, std::size_t later);
  /// A seq_cst fence, which is always allowed.
  void add_fence(const Operation& op, Histories& histories);

  bool has_fences() const { return fences_ != 0; }
  bool full() const { return nodes_ >= nodes_max; }
  void clear();

 private:
  struct Node {
    std::uintptr_t address;      ///< 0: a fence
    std::uint32_t epoch;         ///< its own
    std::uint32_t epoch_after;   ///< of its task right after it
    std::uint32_t run;
    Known before;                ///< what is psc-before it
    Known clock;                 ///< fences: what happens before it
  };
  /// Operations of a task on one location with nothing else between.
  struct Run {
    std::uintptr_t address;
    std::uint32_t left_epoch;    ///< of the task after the last of them
  };
  struct TaskOrder {
    std::vector<Node> nodes;
    std::vector<Run> runs;
    Known clock_elsewhere;
    Known clock_after;           ///< what the task knew after its last operation
  };
  /// For each task its first operation that would come after the new one; 0 = none.
  struct Later {
    std::vector<std::uint32_t> of_sc;      ///< after it if it is seq_cst, and after fences before it
    std::vector<std::uint32_t> of_fences;  ///< after fences before it only
  };

  Known before_access(const Operation& op, const Location& at, std::size_t later) const;
  Known before_fence(const Operation& op, Histories& histories) const;
  Known fences_in(const Known& clock) const;
  Known closed(const Known& nodes) const;
  Later later_than(const Location& at, std::size_t later) const;
  void put_before(const Known& nodes, const std::vector<std::uint32_t>& later);
  void add_observed(const Location& at, const Known& clock, Known& nodes) const;

  std::vector<TaskOrder> tasks_;
  std::size_t nodes_ = 0;
  std::size_t fences_ = 0;
};

}  // namespace foreseed::memory
