#pragma once
// The steps of one execution, which of them happen before which, and which pairs race.
//
// A step is what a task does between two scheduling points. Step e happens before step f if e comes first and they are of
// one task, or do not commute, or f's task was started, woken or joined in between, or through others. A race is a pair
// with nothing in between that could be done in the other order: the later task could have gone on before the earlier step.
//
// Executions of a search share prefixes: rewind(n) goes back to where step n of the last one began, and what comes before it
// is told no more.

#include <cstdint>
#include <vector>

#include "explore/footprint.h"
#include "kernel/ready_set.h"
#include "kernel/strategy.h"

namespace foreseed::explore {

inline constexpr std::uint32_t no_step = ~std::uint32_t{0};

struct Step {
  std::uint32_t task = 0;
  std::uint32_t ordinal = 0;       ///< 1, 2, .. within its task
  Footprint footprint = touches_nothing;
  std::uint32_t first_access = 0;  ///< in the list of all accesses
  std::uint32_t first_undo = 0;    ///< in the list of what was known before
  std::uint32_t at_start = 0;      ///< the clock of what its task knew when it started
  std::uint64_t trace_hash = 0;    ///< of this and all earlier steps, equal for equivalent executions
  ReadySet open;                   ///< who could have gone on instead
};

/// `earlier` could be done after the step `later`, or, if that is no_step, after what `task` waits to do at the end.
struct Race {
  std::uint32_t earlier;
  std::uint32_t later;
  std::uint32_t task;
  Footprint reversed;  ///< of the later step if it is done first
};

class History {
 public:
  /// `hashes`: tells Step::trace_hash.
  History(Footprints& footprints, bool hashes) : footprints_(footprints), hashes_(hashes) {}

  /// Begins an execution whose first `kept` steps are those of the last: the next to start is that number. False if they
  /// were not seen: as begin_anew(kept).
  bool rewind(std::uint32_t kept);
  /// Begins an execution whose first `known` steps are not new, though nothing is kept of them: their races were told.
  void begin_anew(std::uint32_t known);

  /// The task goes on, from a point at which it was one of `open`. Ends the step before.
  void start(std::uint32_t task, const ReadySet& open);
  void finish();
  void access(const Touch& touch);
  void order(std::uint32_t later_task, std::uint32_t earlier_task);
  /// All that was done comes before what these do next. Who waits for others learns it from those.
  void order_all(const ReadySet& awake);
  /// The task has come to a scheduling point.
  void announced(std::uint32_t task) {
    TaskState& state = task_of(task);
    if (state.since == started_) return;
    undo_.push_back({task, state, false});
    state.since = started_;
  }

  /// Races with what tasks were about to do when the execution ended, see Strategy::end_execution. `cut_short`: the last step
  /// kept others from going on.
  void end(const ReadySet& open, std::span<const NextStep> next, bool cut_short);

  std::uint32_t started() const { return started_; }
  const Step& step(std::uint32_t index) const { return steps_[index]; }
  /// Those whose later step is new.
  const std::vector<Race>& races() const { return races_; }

  /// How many of the first steps are not new.
  std::uint32_t known() const { return known_; }

  /// Calls visit(step) for each step after `earlier` that `earlier` does not happen before.
  template <typename Visit>
  void each_independent(std::uint32_t earlier, Visit visit) const {
    const std::uint32_t ordinal = steps_[earlier].ordinal;
    const std::uint32_t* known = clock(after_, earlier) + steps_[earlier].task;
    for (std::uint32_t step = earlier + 1; step < started_; ++step) {
      known += width_;
      if (*known < ordinal) visit(step);
    }
  }
  bool before(std::uint32_t earlier, std::uint32_t later) const {
    return clock(after_, later)[steps_[earlier].task] >= steps_[earlier].ordinal;
  }
  /// Whether `earlier` happens before the later half of `race`, were it done in the other order.
  bool before_reversed(std::uint32_t earlier, const Race& race) const {
    const std::uint32_t* const known = race.later == no_step ? clock(now_, race.task) : clock(knew_, steps_[race.later].at_start);
    return known[steps_[earlier].task] >= steps_[earlier].ordinal ||
           footprints_.conflict(steps_[earlier].footprint, race.reversed);
  }

 private:
  struct PastTouch {
    ObjectId object;
    std::uint32_t step;
    std::uint32_t previous;  ///< touch of the object, no_step if there was none
    bool wrote;
    bool before_known;
    Touch::Kind kind;
    std::uint64_t before;
    std::uint64_t expected;
  };
  struct TaskState {
    std::uint32_t steps = 0;
    std::uint32_t since = 0;  ///< how many steps had been started when it came to where it is
  };
  /// What was known of a task, and what it knew, before that changed.
  struct Undo {
    std::uint32_t task;
    TaskState state;
    bool knew;  ///< with a clock
  };
  struct Candidate {
    std::uint32_t step;
    bool through_gate;
  };

  const std::uint32_t* clock(const std::vector<std::uint32_t>& clocks, std::uint32_t index) const {
    return &clocks[std::size_t{index} * width_];
  }
  std::uint32_t* clock(std::vector<std::uint32_t>& clocks, std::uint32_t index) {
    return &clocks[std::size_t{index} * width_];
  }
  TaskState& task_of(std::uint32_t task) {
    if (task >= tasks_.size()) make_room(task);
    return tasks_[task];
  }
  void make_room(std::uint32_t task);
  void about_to_learn(std::uint32_t task);
  void keep_what_it_knows(std::uint32_t task);
  void forget_touches(std::size_t kept);
  void see(std::uint32_t step, std::uint32_t earlier);
  std::uint32_t last_with_open_gate(ObjectId object) const;
  void collect_races(std::uint32_t step);
  Footprint reversed(std::uint32_t step, std::uint32_t earlier);
  void hash(std::uint32_t step);

  Footprints& footprints_;
  bool hashes_;
  std::vector<Step> steps_;
  std::vector<PastTouch> touches_;
  std::vector<std::uint32_t> heads_;       ///< by object: its last touch
  std::vector<Race> races_;
  std::vector<Candidate> candidates_;
  std::uint32_t started_ = 0;
  std::uint32_t known_ = 0;
  bool open_step_ = false;                 ///< the last step still runs
  std::vector<TaskState> tasks_;
  std::size_t width_ = 0;                  ///< of a clock
  std::vector<std::uint32_t> now_;         ///< by task: what happened before what it does next
  std::vector<std::uint32_t> after_;       ///< by step: what happened before it, itself included
  std::vector<Undo> undo_;
  std::vector<std::uint32_t> last_undo_;   ///< by task: of its undos with a clock, the place of the last one, if that is still there
  std::vector<std::uint32_t> knew_;        ///< clocks of those that have one
  std::size_t knew_count_ = 0;
};

}  // namespace foreseed::explore
