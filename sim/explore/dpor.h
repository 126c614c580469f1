#pragma once
// Optimal dynamic partial order reduction: one execution of each Mazurkiewicz trace.
//
// Abdulla, Aronis, Jonsson, Sagonas: Source Sets: A Foundation for Optimal Dynamic Partial Order Reduction (JACM 64(4),
// 2017), algorithm 2. Each execution is run to its end; then each race of its new steps is turned round: the steps that
// do not depend on the earlier half, and then the later half, are put into the wakeup tree of the point before the
// earlier one, unless a sleeping task or a sequence already there covers them. Locks as in section 6 there: a task waiting
// for one is not enabled, and races with the step that took it, also where it waits to the end (deadlock).
//
// Choices of other kinds (data, wake-ups, memory) branch plainly: each value of each is gone through where it comes up.

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "explore/history.h"
#include "explore/search.h"
#include "explore/wakeup_tree.h"

namespace foreseed::explore {

class Dpor final : public Search {
 public:
  /// `account`: keeps a hash of each trace, to count redundant executions.
  explicit Dpor(bool account = false) : account_(account) {}

  void begin_execution(std::uint64_t seed) override;
  std::uint32_t next_task(const Moment& moment) override;
  std::uint32_t value(ChoiceKind kind, std::uint64_t bound) override;
  void accessed(std::uint32_t task, const Touch& touch) override;
  void ordered(std::uint32_t task, std::uint32_t earlier) override;
  void time_moved() override;
  void end_execution(const ReadySet& open, std::span<const NextStep> next, bool failed) override;
  bool next() override;

 private:
  struct Sleeper {
    std::uint32_t task;
    Footprint footprint;
  };
  /// A scheduling point on the path, and what is to be done from there.
  struct Point {
    std::uint32_t task = 0;                         ///< that goes on
    Footprint footprint = touches_nothing;          ///< of its steps from here, under all values tried
    std::uint32_t todo = WakeupTrees::none;         ///< first of the trees still to be explored
    std::vector<Sleeper> asleep;
  };
  /// A choice of another kind, made after `points` scheduling points.
  struct Value {
    std::uint32_t points;
    std::uint32_t value;
    std::uint32_t first;  ///< the value it was begun with; the others follow from 0 on
    std::uint32_t bound;
  };
  /// A step of a sequence that is to be put into a tree: one of the execution, or the later half of the race.
  struct Wanted {
    std::uint32_t task;
    std::uint32_t step;  ///< no_step: the later half
    Footprint footprint;
  };

  bool replaying() const { return position_ < fixed_; }
  std::uint32_t choose_new(const Moment& moment);
  bool asleep(const Point& point, std::uint32_t task) const;
  void reverse(const Race& race);
  bool initial(const Race& race, std::size_t index) const;
  std::size_t position_of(std::uint32_t task) const;
  bool covered(const Race& race) const;
  void insert(const Race& race);
  bool follows(const WakeupTrees::Node& node, const Race& race);
  PlannedStep planned(const Wanted& wanted) const;
  std::vector<std::uint32_t> values_of(std::uint32_t step) const;
  bool next_value();
  bool next_tree();

  Footprints footprints_;
  History history_{footprints_};
  WakeupTrees trees_;
  std::vector<Point> points_;        ///< the first `depth_` are in use
  std::uint32_t depth_ = 0;
  std::vector<Value> values_;
  std::size_t value_position_ = 0;
  std::uint32_t position_ = 0;       ///< points passed in this execution
  std::uint32_t fixed_ = 0;          ///< points whose task is decided
  std::uint32_t planned_ = WakeupTrees::none;  ///< first tree for the next new point
  std::vector<std::uint32_t> planned_values_;  ///< for the step that runs
  std::size_t planned_value_ = 0;
  std::vector<Wanted> wanted_;
  bool gave_up_ = false;
  bool silent_ = false;              ///< the running step was taken to be silent
  bool silent_first_ = true;         ///< until a step that was taken to be silent was not
  bool start_again_ = false;
  bool account_;
  std::unordered_set<std::uint64_t> traces_;
};

}  // namespace foreseed::explore
