// Dpor: its state as bytes, and units.

#include <algorithm>
#include <utility>

#include "explore/dpor.h"
#include "kernel/world.h"

namespace foreseed::explore {

void Dpor::save_trees(Writer& out, std::uint32_t first) const {
  for (std::uint32_t node = first; node != WakeupTrees::none; node = trees_[node].sibling) {
    const PlannedStep& step = trees_[node].step;
    out.put(true);
    out.put(step.task);
    out.put(step.footprint);
    out.put(step.values);
    out.put(trees_[node].unit);
    save_trees(out, trees_[node].child);
  }
  out.put(false);
}

std::uint32_t Dpor::load_trees(Reader& in) {
  std::uint32_t first = WakeupTrees::none;
  for (std::uint32_t last = first; in.get<bool>();) {
    PlannedStep step;
    in.get(step.task);
    in.get(step.footprint);
    in.get(step.values);
    const std::uint32_t node = trees_.make(std::move(step));
    in.get(trees_[node].unit);
    const std::uint32_t child = load_trees(in);
    trees_[node].child = child;
    (last == WakeupTrees::none ? first : trees_[last].sibling) = node;
    last = node;
  }
  return first;
}

void Dpor::save(Writer& out) const {
  footprints_.save(out);
  save_racy_sites(out);
  out.put(silent_first_);
  out.put(depth_);
  out.put(floor_);
  for (std::uint32_t i = 0; i < depth_; ++i) {
    out.put(points_[i].task);
    out.put(points_[i].footprint);
    out.put(points_[i].asleep);
    save_trees(out, points_[i].todo);
  }
  out.put(values_);
  out.put(slept_);
  save_trees(out, planned_);
  out.put(planned_values_);
  out.put(start_);
  out.put(std::uint64_t{escapes_.size()});
  for (const std::string* escape : escapes_) out.put(*escape);
}

void Dpor::load(Reader& in) {
  footprints_.load(in);
  load_racy_sites(in);
  in.get(silent_first_);
  in.get(depth_);
  in.get(floor_);
  trees_ = {};
  points_.clear();
  for (std::uint32_t i = 0; i < depth_; ++i) {
    Point& point = points_.emplace_back();
    in.get(point.task);
    in.get(point.footprint);
    in.get(point.asleep);
    point.todo = load_trees(in);
  }
  in.get(values_);
  in.get(slept_);
  planned_ = load_trees(in);
  in.get(planned_values_);
  planned_value_ = 0;
  in.get(start_);
  escapes_.clear();
  escaped_.clear();
  for (auto left = in.get<std::uint64_t>(); left != 0; --left) {
    std::string escape;
    in.get(escape);
    escapes_.push_back(&*escaped_.insert(std::move(escape)).first);
  }
  counts_ = {};
  traces_.clear();
  retraces_ = false;
  waits_for_ = 0;
  start_again_ = began_again_ = false;
  history_.begin_anew(depth_ == 0 ? 0 : depth_ - 1);
}

// --- units -------------------------------------------------------------------------------------------------------

/// The first tree that nobody has, of the first point that has one. The unit begins with those asleep who will be when the
/// search comes to it, and with what is planned, as far as is known: absorb() compares.
bool Dpor::hand_out(std::uint32_t id, Search& search) {
  std::size_t values = 0;  // of the steps before
  for (std::uint32_t i = 0; i + 1 < depth_; ++i) {
    while (values < values_.size() && values_[values].points <= i) ++values;
    std::vector<Sleeper> sleepers = points_[i].asleep;
    sleepers.push_back({points_[i].task, points_[i].footprint});
    for (std::uint32_t node = points_[i].todo; node != WakeupTrees::none; node = trees_[node].sibling) {
      const PlannedStep& step = trees_[node].step;
      if (trees_[node].unit == 0 && !asleep(sleepers, step.task)) {
        static_cast<Dpor&>(search).begin_unit(*this, i, node, values, std::move(sleepers));
        trees_[node].unit = id;
        return true;
      }
      sleepers.push_back({step.task, step.footprint});
    }
  }
  return false;
}

void Dpor::begin_unit(const Dpor& from, std::uint32_t index, std::uint32_t node, std::size_t values,
                      std::vector<Sleeper> sleepers) {
  footprints_ = from.footprints_;
  silent_first_ = from.silent_first_;
  racy_sites_ = from.racy_sites_;
  trees_ = from.trees_;
  depth_ = floor_ = index + 1;
  points_.assign(from.points_.begin(), from.points_.begin() + depth_);
  values_.assign(from.values_.begin(), from.values_.begin() + static_cast<std::ptrdiff_t>(values));
  slept_.clear();
  for (const Slept& slept : from.slept_) {
    if (slept.race.later < index) slept_.push_back(slept);
  }
  Point& last = points_.back();
  last.task = trees_[node].step.task;
  last.footprint = touches_nothing;
  last.asleep = std::move(sleepers);
  last.todo = trees_[node].sibling;
  begin_planned(node);
  start_ = start();
}

/// What the exploration of what follows the last point depends on. Footprints as they were numbered when the unit was
/// made: both have only added to the table since.
std::string Dpor::start() const {
  Writer out;
  out.put(points_[depth_ - 1].task);
  out.put(points_[depth_ - 1].asleep);
  save_trees(out, planned_);
  out.put(planned_values_);
  return out.take();
}

std::uint32_t Dpor::copy_trees(const Dpor& from, std::uint32_t node) {
  std::uint32_t first = WakeupTrees::none;
  for (std::uint32_t last = first; node != WakeupTrees::none; node = from.trees_[node].sibling) {
    PlannedStep step = from.trees_[node].step;
    step.footprint = footprints_.translate(from.footprints_, step.footprint);
    const std::uint32_t copy = trees_.make(std::move(step));
    const std::uint32_t child = copy_trees(from, from.trees_[node].child);
    trees_[copy].child = child;
    (last == WakeupTrees::none ? first : trees_[last].sibling) = copy;
    last = copy;
  }
  return first;
}

std::vector<Dpor::Sleeper> Dpor::copy_sleepers(const Dpor& from, std::uint32_t index) {
  std::vector<Sleeper> sleepers = from.points_[index].asleep;
  for (Sleeper& sleeper : sleepers) sleeper.footprint = footprints_.translate(from.footprints_, sleeper.footprint);
  return sleepers;
}

bool Dpor::absorb(Search& search) {
  waits_for_ = 0;
  const Dpor& unit = static_cast<const Dpor&>(search);
  const std::uint32_t last = depth_ - 1;
  FORESEED_ASSERT(unit.floor_ == depth_);
  if (unit.start_ != start()) return false;
  trees_.release_list(planned_);
  for (const std::string* escape : unit.escapes_) take_escape(*escape, unit.footprints_);
  points_[last].task = unit.points_[last].task;
  points_[last].footprint = footprints_.translate(unit.footprints_, unit.points_[last].footprint);
  points_.resize(depth_);
  for (; depth_ < unit.depth_; ++depth_) {
    const Point& theirs = unit.points_[depth_];
    const std::uint32_t todo = copy_trees(unit, theirs.todo);
    points_.push_back({theirs.task, footprints_.translate(unit.footprints_, theirs.footprint), todo, copy_sleepers(unit, depth_)});
  }
  for (std::size_t i = values_.size(); i < unit.values_.size(); ++i) values_.push_back(unit.values_[i]);
  std::erase_if(slept_, [&](const Slept& slept) { return slept.race.later >= last; });
  for (Slept slept : unit.slept_) {
    if (slept.race.later < last) continue;
    slept.race.reversed = footprints_.translate(unit.footprints_, slept.race.reversed);
    slept.by.footprint = footprints_.translate(unit.footprints_, slept.by.footprint);
    slept_.push_back(slept);
  }
  planned_ = copy_trees(unit, unit.planned_);
  planned_values_ = unit.planned_values_;
  planned_value_ = 0;
  retraces_ = false;
  history_.begin_anew(depth_ - 1);
  return true;
}

/// What is wanted is to be explored from a point that is not this unit's own. What is in the tree there covers it no more
/// than what has been added since by the time that the search takes this unit over.
void Dpor::escape(const Race& race) {
  Writer out;
  out.put(race.earlier);
  out.put(!values_.empty());
  out.put(std::uint64_t{whole_.size()});
  for (const Wanted& wanted : whole_) {
    out.put(wanted.task);
    out.put(wanted.footprint);
    out.put(wanted.step == no_step);
    out.put(values_of(wanted));
  }
  for (const Wanted& later : whole_) {
    for (const Wanted& earlier : whole_) out.put(earlier.index < later.index && before(&race, earlier, later));
  }
  const auto [known, fresh] = escaped_.insert(out.take());
  if (fresh) escapes_.push_back(&*known);
}

void Dpor::take_escape(const std::string& escape, const Footprints& theirs) {
  Reader in(escape);
  const auto point = in.get<std::uint32_t>();
  in.get(they_had_values_);
  const auto size = in.get<std::uint64_t>();
  want_nothing();
  their_values_.resize(size);
  their_order_.resize(size * size);
  for (std::uint32_t i = 0; i < size; ++i) {
    const auto task = in.get<std::uint32_t>();
    const Footprint footprint = footprints_.translate(theirs, in.get<Footprint>());
    want(task, in.get<bool>() ? no_step : 0, footprint);
    in.get(their_values_[i]);
  }
  for (std::size_t i = 0; i < size * size; ++i) their_order_[i] = in.get<bool>();
  if (covering(nullptr, points_[point]) == nullptr) insert(nullptr, point);
  their_values_.clear();
}

}  // namespace foreseed::explore
