#include "explore/dpor.h"

#include <algorithm>
#include <utility>

#include "kernel/world.h"

namespace foreseed::explore {

// --- one execution -----------------------------------------------------------------------------------------------

void Dpor::begin_execution(std::uint64_t) {
  position_ = 0;
  value_position_ = 0;
  gave_up_ = false;
  silent_tasks_.clear();
  seen_tasks_ = 0;
  retracing_ = std::exchange(retraces_, false);
  if (!retracing_) answers_.clear();
  foretold = answers_;
}

std::uint32_t Dpor::next_task(const Moment& moment) {
  if (std::exchange(retracing_, false)) position_ = depth_ - 1;
  answers_.push_back(answer(moment));
  return answers_.back();
}

/// What a task does next is known when it begins, and changes when it comes to a scheduling point.
void Dpor::see_silent(const Moment& moment) {
  for (; seen_tasks_ < moment.next.size(); ++seen_tasks_) {
    if (silent(moment.next[seen_tasks_])) silent_tasks_.insert(seen_tasks_);
  }
  silent(moment.next[moment.current]) ? silent_tasks_.insert(moment.current) : silent_tasks_.erase(moment.current);
}

std::uint32_t Dpor::answer(const Moment& moment) {
  see_silent(moment);
  history_.finish();
  history_.announced(moment.current);
  if (moment.stuck) return moment.open.nth_from(0, 0);
  if (silent_first_) {
    if (const std::int64_t task = silent_tasks_.first([&](std::uint32_t t) { return moment.open.contains(t); }); task >= 0) {
      silent_ = true;
      return static_cast<std::uint32_t>(task);
    }
  }
  silent_ = false;
  if (gave_up_) return moment.open.nth_from(moment.current, 0);
  std::uint32_t task;
  if (replaying()) {
    task = points_[position_].task;
    if (!moment.open.contains(task)) {
      FORESEED_ASSERT(position_ + 1 == depth_);  // else the scenario is not deterministic
      points_[position_].task = nobody;  // it was planned where what it waits for was not known: that it spins, say
      gave_up_ = true;
      return moment.open.nth_from(moment.current, 0);
    }
  } else {
    task = choose_new(moment);
    if (gave_up_) return moment.open.nth_from(moment.current, 0);
  }
  points_[position_++].answer = static_cast<std::uint32_t>(answers_.size());
  history_.start(task, moment.open);
  return task;
}

/// The task of a point that no execution has come to before.
std::uint32_t Dpor::choose_new(const Moment& moment) {
  if (depth_ == points_.size()) points_.emplace_back();
  Point& point = points_[depth_];
  point.asleep.clear();
  if (depth_ != 0) {
    const Point& last = points_[depth_ - 1];
    const Footprint done = history_.step(depth_ - 1).footprint;
    for (const Sleeper& sleeper : last.asleep) {
      if (sleeper.task != last.task && !footprints_.conflict(sleeper.footprint, done)) point.asleep.push_back(sleeper);
    }
  }
  point.footprint = touches_nothing;
  point.todo = std::exchange(planned_, WakeupTrees::none);
  planned_values_.clear();
  planned_value_ = 0;
  while (point.todo != WakeupTrees::none) {
    const std::uint32_t tree = point.todo;
    point.todo = trees_[tree].sibling;
    point.task = trees_[tree].step.task;
    if (moment.open.contains(point.task)) {
      begin_planned(tree);
      ++depth_;
      return point.task;
    }
    trees_.release_all(tree);  // planned where what it touches was not fully known
  }
  const std::uint32_t count = moment.open.count();
  for (std::uint32_t k = 0; k < count; ++k) {
    point.task = moment.open.nth_from(moment.current, k);
    if (asleep(point.asleep, point.task)) continue;
    ++depth_;
    return point.task;
  }
  gave_up_ = true;
  return 0;
}

/// The step of `node` goes on from the last point, and what follows it in the tree is planned.
void Dpor::begin_planned(std::uint32_t node) {
  planned_ = trees_[node].child;
  planned_values_ = std::move(trees_[node].step.values);
  planned_value_ = 0;
  trees_.release(node);
}

bool Dpor::asleep(const std::vector<Sleeper>& sleepers, std::uint32_t task) {
  return std::any_of(sleepers.begin(), sleepers.end(), [&](const Sleeper& s) { return s.task == task; });
}

std::uint32_t Dpor::value(ChoiceKind kind, std::uint64_t bound) {
  if (gave_up_) return 0;
  if (!enumerated(kind, bound)) {
    ++counts_.held;
    return 0;
  }
  if (value_position_ < values_.size()) return values_[value_position_++].value;
  std::uint32_t value = 0;
  if (planned_value_ < planned_values_.size()) value = planned_values_[planned_value_++];
  if (value >= bound) value = 0;
  values_.push_back({position_, value, value, static_cast<std::uint32_t>(bound)});
  ++value_position_;
  return value;
}

void Dpor::accessed(std::uint32_t, const Touch& touch) {
  if (retracing_) return;
  if (silent_ && position_ != 0) start_again_ = true;
  if (!gave_up_) history_.access(touch);
}

void Dpor::ordered(std::uint32_t task, std::uint32_t earlier) {
  if (!retracing_) history_.order(task, earlier);
}

void Dpor::time_moved(const ReadySet& awake) {
  if (retracing_) return;
  history_.finish();
  history_.order_all(awake);
}

void Dpor::end_execution(const ReadySet& open, std::span<const NextStep> next, bool failed) {
  history_.finish();
  if (start_again_) return;
  counts_.steps += position_;
  counts_.depth = std::max(counts_.depth, position_);
  if (gave_up_) {
    ++counts_.blocked;
  } else {
    ++counts_.complete;
    counts_.deadlocked += failed && open.count() == 0;
    if (account_) traces_.push_back(trace_hash());
    history_.end(open, next, failed || open.count() != 0);
  }
}

/// Of the execution that has ended: of its steps, and of the values that were chosen in them.
std::uint64_t Dpor::trace_hash() const {
  std::uint64_t hash = depth_ == 0 ? 0 : history_.step(depth_ - 1).trace_hash;
  std::uint32_t nth = 0;  // of its step
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const auto [points, value, first, bound] = values_[i];
    nth = i != 0 && values_[i - 1].points == points ? nth + 1 : 0;
    const std::uint64_t step = points == 0 ? 0 : std::uint64_t{history_.step(points - 1).task} << 32 | history_.step(points - 1).ordinal;
    hash += mix(mix(step) + (std::uint64_t{nth} << 32 | value));
  }
  return hash;
}

// --- between executions ------------------------------------------------------------------------------------------

bool Dpor::next() {
  began_again_ = start_again_ || more_racy_sites_;
  if (began_again_) {
    // Something was touched in a step that was taken to be silent: all anew, without that short cut. Or races were found.
    FORESEED_ASSERT(silent_first_ || !start_again_);
    silent_first_ &= !start_again_;
    start_again_ = more_racy_sites_ = false;
    depth_ = floor_ = 0;
    for (Point& point : points_) point = {};
    trees_ = {};
    planned_ = WakeupTrees::none;
    planned_values_.clear();
    values_.clear();
    slept_.clear();
    traces_.clear();
    escapes_.clear();
    escaped_.clear();
    counts_ = {};
    history_.begin_anew(0);
    return true;
  }
  trees_.release_list(std::exchange(planned_, WakeupTrees::none));  // the execution ended before what was planned
  const std::size_t slept = slept_.size();
  for (const Race& race : history_.races()) reverse(race);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < slept; ++i) {
    const Slept old = slept_[i];
    if (old.race.later >= history_.known()) continue;
    wakes(old) ? reverse(old.race) : void(slept_[kept++] = old);
  }
  slept_.erase(slept_.begin() + static_cast<std::ptrdiff_t>(kept), slept_.begin() + static_cast<std::ptrdiff_t>(slept));
  for (std::uint32_t i = history_.known(); i < std::min(depth_, history_.started()); ++i) {
    points_[i].footprint = footprints_.join(points_[i].footprint, history_.step(i).footprint);
  }
  return skip();
}

/// From an execution, or a unit, that is done to what comes after it.
bool Dpor::skip() {
  waits_for_ = 0;
  for (;;) {
    if (!values_.empty() && values_.back().points == depth_) {
      if (!next_value()) continue;
      go_back();
      return true;
    }
    if (depth_ == floor_) return false;
    if (next_tree()) {
      go_back();
      return true;
    }
  }
}

/// To where the last point is; or, where a value that was chosen before any point changes, to the beginning.
void Dpor::go_back() {
  if (depth_ == 0) return history_.begin_anew(0);
  retraces_ = history_.rewind(depth_ - 1);
  if (retraces_) answers_.resize(points_[depth_ - 1].answer);
}

/// Turns to the next value of the last choice that was not of a task; false if it has none left.
bool Dpor::next_value() {
  Value& last = values_.back();
  std::uint32_t value = last.value == last.first ? 0 : last.value + 1;
  if (value == last.first) ++value;
  if (value >= last.bound) {
    values_.pop_back();
    return false;
  }
  last.value = value;
  planned_values_.clear();
  return true;
}

/// Puts the task of the last point to sleep and turns to the next sequence from there; false if there is none.
bool Dpor::next_tree() {
  Point& point = points_[depth_ - 1];
  if (point.task != nobody) point.asleep.push_back({point.task, point.footprint});
  while (point.todo != WakeupTrees::none) {
    const std::uint32_t tree = point.todo;
    point.todo = trees_[tree].sibling;
    if (asleep(point.asleep, trees_[tree].step.task)) {  // explored under all its values already
      trees_.release_all(tree);
      continue;
    }
    point.task = trees_[tree].step.task;
    point.footprint = touches_nothing;
    waits_for_ = trees_[tree].unit;
    begin_planned(tree);
    return true;
  }
  --depth_;
  return false;
}

// --- races -------------------------------------------------------------------------------------------------------

/// Plans the execution of the later half of the race before its earlier half.
void Dpor::reverse(const Race& race) {
  want_nothing();
  history_.each_independent(race.earlier, [&](std::uint32_t step) {
    if (step != race.later) want(history_.step(step).task, step, history_.step(step).footprint);
  });
  want(race.task, no_step, race.reversed);
  if (const Sleeper* const sleeper = covering(&race, points_[race.earlier]); sleeper == nullptr) {
    insert(&race, race.earlier);
  } else if (race.later != no_step) {
    slept_.push_back({race, *sleeper});
  }
}

/// Whether the execution has a new step that would be wanted, and that does not commute with who covered what was.
bool Dpor::wakes(const Slept& slept) const {
  for (std::uint32_t i = history_.known(); i < history_.started(); ++i) {
    const Step& step = history_.step(i);
    if (step.task == slept.by.task) return false;
    if (footprints_.conflict(step.footprint, slept.by.footprint) && !history_.before(slept.race.earlier, i)) return true;
  }
  return false;
}

void Dpor::want_nothing() {
  wanted_.clear();
  wanted_from_ = 0;
  wanted_tasks_ = 0;
  wanted_touches_ = {};
  wanted_since_ = false;
}

inline std::size_t Dpor::position_of(std::uint32_t task) const {
  const std::span<const Wanted> steps = wanted();
  if ((wanted_tasks_ >> task % 64 & 1) == 0) return steps.size();
  std::size_t index = 0;
  while (index < steps.size() && steps[index].task != task) ++index;
  return index;
}

/// `race`: that they are wanted for; null: of a unit.
bool Dpor::before(const Race* race, const Wanted& earlier, const Wanted& later) const {
  if (race == nullptr) return their_order_[later.index * their_values_.size() + earlier.index];
  return later.step == no_step ? history_.before_reversed(earlier.step, *race) : history_.before(earlier.step, later.step);
}

/// Whether nothing that is wanted happens before wanted()[index].
bool Dpor::initial(const Race* race, std::size_t index) const {
  const std::span<const Wanted> steps = wanted();
  for (std::size_t i = 0; i < index; ++i) {
    if (before(race, steps[i], steps[index])) return false;
  }
  return true;
}

bool Dpor::commutes_with_wanted(Footprint footprint) const {
  if (!footprints_.summary(footprint).overlaps(wanted_touches_)) return true;
  if (!wanted_since_ && footprints_.exact()) return false;
  const std::span<const Wanted> steps = wanted();
  return std::none_of(steps.begin(), steps.end(),
                      [&](const Wanted& wanted) { return footprints_.conflict(footprint, wanted.footprint); });
}

/// A sleeping task that could be the first of an equivalent of what is wanted, which then was explored from there; or null.
const Dpor::Sleeper* Dpor::covering(const Race* race, const Point& point) const {
  for (const Sleeper& sleeper : point.asleep) {
    const std::size_t index = position_of(sleeper.task);
    if (index < wanted().size() ? initial(race, index) : commutes_with_wanted(sleeper.footprint)) return &sleeper;
  }
  return nullptr;
}

std::vector<std::uint32_t> Dpor::values_of(const Wanted& wanted) const {
  if (!their_values_.empty()) return their_values_[wanted.index];
  std::vector<std::uint32_t> result;
  for (const Value& value : values_) {
    if (wanted.step != no_step && value.points == wanted.step + 1) result.push_back(value.value);
  }
  return result;
}

/// Whether what is wanted can begin with the step of `node`; then that step is no longer wanted.
bool Dpor::follows(const WakeupTrees::Node& node, const Race* race) {
  const std::size_t index = position_of(node.step.task);
  if (index == wanted().size()) return commutes_with_wanted(node.step.footprint);
  if (!initial(race, index)) return false;
  const Wanted& step = wanted()[index];
  const bool leaf = node.child == WakeupTrees::none;
  const bool had_values = race == nullptr ? they_had_values_ : !values_.empty();
  if (!leaf && had_values && step.step != no_step && values_of(step) != node.step.values) return false;
  const auto first = wanted_.begin() + static_cast<std::ptrdiff_t>(wanted_from_++);
  std::move_backward(first, first + static_cast<std::ptrdiff_t>(index), first + static_cast<std::ptrdiff_t>(index) + 1);
  wanted_since_ = true;
  return true;
}

void Dpor::insert(const Race* race, std::uint32_t point) {
  std::uint32_t parent = WakeupTrees::none;
  if (point < floor_) whole_ = wanted_;
  for (;;) {
    std::uint32_t last = WakeupTrees::none;
    std::uint32_t node = parent == WakeupTrees::none ? points_[point].todo : trees_[parent].child;
    while (node != WakeupTrees::none && !follows(trees_[node], race)) {
      last = node;
      node = trees_[node].sibling;
    }
    if (node == WakeupTrees::none) return point < floor_ ? escape(*race) : add(point, parent, last);
    if (wanted().empty() || trees_[node].child == WakeupTrees::none) return;
    parent = node;
  }
}

/// Puts what is left of what is wanted into the tree of the point, below `parent`, after its child `last`.
void Dpor::add(std::uint32_t point, std::uint32_t parent, std::uint32_t last) {
  const bool had_values = !values_.empty() || !their_values_.empty();
  for (const Wanted& wanted : wanted()) {
    PlannedStep step{wanted.task, wanted.footprint, {}};
    if (had_values) step.values = values_of(wanted);
    const std::uint32_t made = trees_.make(std::move(step));
    if (last != WakeupTrees::none) {
      trees_[last].sibling = made;
    } else if (parent != WakeupTrees::none) {
      trees_[parent].child = made;
    } else {
      points_[point].todo = made;
    }
    parent = made;
    last = WakeupTrees::none;
  }
}

}  // namespace foreseed::explore
