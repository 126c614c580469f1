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
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "explore/history.h"
#include "explore/search.h"
#include "explore/wakeup_tree.h"

namespace foreseed::explore {

class Dpor final : public Search {
 public:
  /// `account`: tells a hash of each trace.
  explicit Dpor(bool account = false) : history_(footprints_, account), account_(account) {}

  void begin_execution(std::uint64_t seed) override;
  std::uint32_t next_task(const Moment& moment) override;
  std::uint32_t value(ChoiceKind kind, std::uint64_t bound) override;
  void accessed(std::uint32_t task, const Touch& touch) override;
  void ordered(std::uint32_t task, std::uint32_t earlier) override;
  void time_moved(const ReadySet& awake) override;
  void end_execution(const ReadySet& open, std::span<const NextStep> next, bool failed) override;
  bool next() override;
  void save(Writer& out) const override;
  void load(Reader& in) override;
  bool hand_out(std::uint32_t id, Search& unit) override;
  bool absorb(Search& unit) override;
  bool skip() override;

 private:
  static constexpr std::uint32_t nobody = ~std::uint32_t{0};
  struct Sleeper {
    std::uint32_t task;
    Footprint footprint;
    friend bool operator==(const Sleeper&, const Sleeper&) = default;
  };
  /// A scheduling point on the path, and what is to be done from there.
  struct Point {
    std::uint32_t task = 0;                         ///< that goes on; nobody, where it turned out that it cannot
    Footprint footprint = touches_nothing;          ///< of its steps from here, under all values tried
    std::uint32_t todo = WakeupTrees::none;     ///< first of the sequences still to be explored
    std::vector<Sleeper> asleep;
    std::uint32_t answer = 0;                   ///< what is the task of the point was the answer of that number
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
    std::uint32_t index; ///< in the whole sequence
  };

  /// A race that was not turned round, as `by` covered what was wanted then. Of a later execution with both its halves more may
  /// be wanted, which `by` does not commute with.
  struct Slept {
    Race race;
    Sleeper by;
  };

  bool replaying() const { return position_ < depth_; }
  std::uint32_t answer(const Moment& moment);
  void see_silent(const Moment& moment);
  std::uint32_t choose_new(const Moment& moment);
  void go_back();
  void begin_planned(std::uint32_t node);
  static bool asleep(const std::vector<Sleeper>& sleepers, std::uint32_t task);
  void reverse(const Race& race);
  bool before(const Race* race, const Wanted& earlier, const Wanted& later) const;
  bool initial(const Race* race, std::size_t index) const;
  void want(std::uint32_t task, std::uint32_t step, Footprint footprint) {
    wanted_.push_back({task, step, footprint, static_cast<std::uint32_t>(wanted_.size())});
    wanted_tasks_ |= std::uint64_t{1} << task % 64;
    wanted_touches_.add(footprints_.summary(footprint));
  }
  void want_nothing();
  std::size_t position_of(std::uint32_t task) const;
  bool commutes_with_wanted(Footprint footprint) const;
  const Sleeper* covering(const Race* race, const Point& point) const;
  bool wakes(const Slept& slept) const;
  bool follows(const WakeupTrees::Node& node, const Race* race);
  void insert(const Race* race, std::uint32_t point);
  void add(std::uint32_t point, std::uint32_t parent, std::uint32_t last);
  std::vector<std::uint32_t> values_of(const Wanted& wanted) const;
  std::uint64_t trace_hash() const;
  bool next_value();
  bool next_tree();

  void save_trees(Writer& out, std::uint32_t first) const;
  std::uint32_t load_trees(Reader& in);
  std::uint32_t copy_trees(const Dpor& from, std::uint32_t first);
  std::vector<Sleeper> copy_sleepers(const Dpor& from, std::uint32_t index);
  void begin_unit(const Dpor& from, std::uint32_t index, std::uint32_t node, std::size_t values, std::vector<Sleeper> sleepers);
  std::string start() const;
  void escape(const Race& race);
  void take_escape(const std::string& escape, const Footprints& theirs);

  Footprints footprints_;
  History history_;
  WakeupTrees trees_;
  std::vector<Point> points_;        ///< the first `depth_` are in use: their tasks are decided
  std::uint32_t depth_ = 0;
  std::uint32_t floor_ = 0;          ///< points whose task is not its own to change: it is a unit, of what comes after them
  std::vector<Value> values_;
  std::size_t value_position_ = 0;
  std::uint32_t position_ = 0;       ///< points passed in this execution
  std::vector<std::uint32_t> answers_;  ///< of next_task() in this execution, also those foretold
  bool retracing_ = false;           ///< this execution has been the same as the last one, of which the history knows
  bool retraces_ = false;            ///< the next one will be
  std::uint32_t planned_ = WakeupTrees::none;  ///< first tree for the next new point
  std::vector<std::uint32_t> planned_values_;  ///< for the step that runs
  std::size_t planned_value_ = 0;
  std::span<const Wanted> wanted() const { return std::span(wanted_).subspan(wanted_from_); }
  std::vector<Wanted> wanted_;       ///< from `wanted_from_` on
  std::size_t wanted_from_ = 0;
  std::uint64_t wanted_tasks_ = 0;   ///< those of which something is or was wanted, modulo 64
  Footprints::Summary wanted_touches_;  ///< of all that is or was wanted
  bool wanted_since_ = false;        ///< something was wanted, and is no more
  std::vector<Slept> slept_;         ///< of the steps on the path
  std::vector<Wanted> whole_;        ///< what was wanted before anything was found in a tree
  std::string start_;                          ///< of a unit: how it began, to be compared when its turn comes
  std::unordered_set<std::string> escaped_;    ///< of a unit: what it wants to be explored from points that are not its own
  std::vector<const std::string*> escapes_;    ///< the same in order
  std::vector<std::vector<std::uint32_t>> their_values_;  ///< what is wanted comes from a unit: values of each step,
  std::vector<bool> their_order_;                         ///< which happens before which,
  bool they_had_values_ = false;                          ///< and whether there were values at all
  ReadySet silent_tasks_;            ///< whose next step is silent, as far as they were seen
  std::uint32_t seen_tasks_ = 0;
  bool gave_up_ = false;
  bool silent_ = false;              ///< the running step was taken to be silent
  bool silent_first_ = true;         ///< until a step that was taken to be silent was not
  bool start_again_ = false;
  bool account_;
};

}  // namespace foreseed::explore
