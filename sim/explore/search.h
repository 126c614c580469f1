#pragma once
// A search: a strategy that goes through all executions of a scenario, one after the other, until none is left.

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "explore/archive.h"
#include "kernel/strategy.h"

namespace foreseed::explore {

/// What a search has seen so far. Complete executions came to their end, with or without a finding.
struct SearchCounts {
  std::uint64_t complete = 0;
  std::uint64_t deadlocked = 0;  ///< of them, those that ended in a deadlock
  std::uint64_t redundant = 0;   ///< complete, but equivalent to an earlier one; filled in by who takes the traces
  std::uint64_t blocked = 0;     ///< given up because all that could go on had been tried before
  std::uint64_t steps = 0;
  std::uint64_t held = 0;        ///< choices other than of tasks that have too many values to be gone through: taken as 0
  std::uint64_t patient = 0;     ///< waits whose deadline could come only when nobody could go on
  std::uint32_t depth = 0;       ///< steps of the longest execution

  void add(const SearchCounts& other);
};

/// A search can be left to others between two executions: its state is saved and goes on in another process, and parts of
/// what it still has to explore are units, searches of their own. What a search finds, and in which order, does not depend
/// on who did which part: a unit begins where the search itself would, and the search takes over what the unit has done
/// only when it comes there itself.
class Search : public Strategy {
 public:
  bool searches() const final { return true; }
  /// Prepares the next execution; false if there is none left. Not to be called before the first, and not while it waits
  /// for a unit.
  virtual bool next() = 0;
  /// Counts since the search was made, loaded or began again.
  const SearchCounts& counts() const { return counts_; }
  /// Hashes of the traces of complete executions, since the last call; only if it keeps account of them.
  std::vector<std::uint64_t> take_traces() { return std::exchange(traces_, {}); }
  /// Whether next() threw away all that was done so far, because something was not as it had been taken to be.
  bool began_again() const { return began_again_; }

  /// RunOptions::racy_sites of its executions. More of them: next() begins again.
  const std::vector<std::uintptr_t>& racy_sites() const { return racy_sites_; }
  void add_racy_sites(std::span<const std::uintptr_t> sites);
  void begin_again() final;

  /// Between two executions. What is loaded must have been saved by a search with the same options.
  virtual void save(Writer& out) const = 0;
  virtual void load(Reader& in) = 0;

  /// Makes `unit`, a search with the same options, that of a part which it will come to later; false if there is none to
  /// give. `id` > 0.
  virtual bool hand_out(std::uint32_t id, Search& unit) = 0;
  /// The unit that explores what comes next; 0: itself.
  std::uint32_t waits_for() const { return waits_for_; }
  /// Goes on where that unit is. False: the unit began where this search would not, and is worth nothing.
  virtual bool absorb(Search& unit) = 0;
  /// After absorb() of a unit that has nothing left: goes on to what comes after it. False as with next().
  virtual bool skip() = 0;
  void wait_for(std::uint32_t unit) { waits_for_ = unit; }

  void waits_patiently() final { ++counts_.patient; }

 protected:
  void save_racy_sites(Writer& out) const;
  void load_racy_sites(Reader& in);

  /// Choices with more values than that are not gone through.
  static constexpr std::uint64_t values_max = 64;
  static bool enumerated(ChoiceKind kind, std::uint64_t bound) {
    return kind != ChoiceKind::entropy && kind != ChoiceKind::timing && bound <= values_max;
  }

  /// A step that touches nothing before the task's next scheduling point: it may as well come first.
  static bool silent(const NextStep& next) {
    return next.object == nullptr && (next.op == Op::task_start || next.op == Op::thread_join || next.op == Op::sleep);
  }
  /// An open task whose next step is silent; -1 if there is none.
  static std::int64_t silent_task(const Moment& moment);

  SearchCounts counts_;
  std::vector<std::uint64_t> traces_;
  std::uint32_t waits_for_ = 0;
  bool began_again_ = false;
  std::vector<std::uintptr_t> racy_sites_;
  bool more_racy_sites_ = false;  ///< since the last execution began, or it was begun again
};

}  // namespace foreseed::explore
