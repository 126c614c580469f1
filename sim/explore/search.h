#pragma once
// A search: a strategy that goes through all executions of a scenario, one after the other, until none is left.

#include <cstdint>

#include "kernel/strategy.h"

namespace foreseed::explore {

/// What a search has seen so far. Complete executions came to their end, with or without a finding.
struct SearchCounts {
  std::uint64_t complete = 0;
  std::uint64_t deadlocked = 0;  ///< of them, those that ended in a deadlock
  std::uint64_t redundant = 0;   ///< complete, but equivalent to an earlier one; only if it keeps account of that
  std::uint64_t blocked = 0;     ///< given up because all that could go on had been tried before
  std::uint64_t steps = 0;
  std::uint64_t held = 0;        ///< choices other than of tasks that have too many values to be gone through: taken as 0
  std::uint32_t depth = 0;       ///< steps of the longest execution

  void add(const SearchCounts& other);
};

class Search : public Strategy {
 public:
  bool searches() const final { return true; }
  /// Prepares the next execution; false if there is none left. Not to be called before the first.
  virtual bool next() = 0;
  const SearchCounts& counts() const { return counts_; }

 protected:
  /// Choices with more values than that are not gone through.
  static constexpr std::uint64_t values_max = 64;
  static bool enumerated(ChoiceKind kind, std::uint64_t bound) {
    return kind != ChoiceKind::entropy && kind != ChoiceKind::timing && bound <= values_max;
  }

  /// A step that touches nothing before the task's next scheduling point: it may as well come first.
  static bool silent(Op op) { return op == Op::task_start || op == Op::thread_join || op == Op::sleep; }
  /// An open task whose next step is silent; -1 if there is none.
  static std::int64_t silent_task(const Moment& moment);

  SearchCounts counts_;
};

}  // namespace foreseed::explore
