#include "explore/history.h"

#include <algorithm>
#include <cstring>

namespace foreseed::explore {

namespace {

/// Four components of a clock. Numbers of steps stay below 2^31: every processor compares four signed numbers at once.
using Four [[gnu::vector_size(16)]] = std::int32_t;

/// `width` is a multiple of 8.
inline void join(std::uint32_t* into, const std::uint32_t* from, std::size_t width) {
  for (std::size_t i = 0; i < width; i += 4) {
    Four mine;
    Four theirs;
    std::memcpy(&mine, into + i, sizeof mine);
    std::memcpy(&theirs, from + i, sizeof theirs);
    mine = mine > theirs ? mine : theirs;
    std::memcpy(into + i, &mine, sizeof mine);
  }
}

}  // namespace

bool History::rewind(std::uint32_t kept) {
  if (kept >= steps_.size()) {
    begin_anew(kept);
    return false;
  }
  forget_touches(steps_[kept].first_access);
  for (; undo_.size() > steps_[kept].first_undo; undo_.pop_back()) {
    const Undo& undo = undo_.back();
    tasks_[undo.task] = undo.state;
    if (undo.knew) std::copy_n(clock(knew_, static_cast<std::uint32_t>(--knew_count_)), width_, clock(now_, undo.task));
  }
  steps_.resize(kept);
  known_ = started_ = kept;
  open_step_ = false;
  races_.clear();
  return true;
}

void History::begin_anew(std::uint32_t known) {
  forget_touches(0);
  steps_.clear();
  undo_.clear();
  knew_count_ = 0;
  known_ = known;
  started_ = 0;
  open_step_ = false;
  races_.clear();
  std::fill(tasks_.begin(), tasks_.end(), TaskState{});
  std::fill(now_.begin(), now_.end(), 0);
}

void History::forget_touches(std::size_t kept) {
  for (; touches_.size() > kept; touches_.pop_back()) heads_[touches_.back().object] = touches_.back().previous;
}

/// To be called before what the task knows changes.
void History::about_to_learn(std::uint32_t task) {
  const std::uint32_t last = last_undo_[task];
  const bool since_last_step = last < undo_.size() && last >= (steps_.empty() ? 0 : steps_.back().first_undo);
  if (!since_last_step || undo_[last].task != task || !undo_[last].knew) keep_what_it_knows(task);
}

void History::keep_what_it_knows(std::uint32_t task) {
  last_undo_[task] = static_cast<std::uint32_t>(undo_.size());
  undo_.push_back({task, tasks_[task], true});
  if (knew_.size() < (knew_count_ + 1) * width_) knew_.resize((knew_count_ + 64) * width_);
  std::copy_n(clock(now_, task), width_, clock(knew_, static_cast<std::uint32_t>(knew_count_++)));
}

void History::make_room(std::uint32_t task) {
  tasks_.resize(task + 1);
  last_undo_.resize(task + 1, no_step);
  if (task < width_) return;
  const std::size_t wider = std::max<std::size_t>(8, (task + 8) / 8 * 8);
  const auto widen = [&](std::vector<std::uint32_t>& clocks) {
    std::vector<std::uint32_t> wide(width_ == 0 ? 0 : clocks.size() / width_ * wider);
    for (std::size_t i = 0; i < clocks.size(); ++i) wide[i / width_ * wider + i % width_] = clocks[i];
    clocks.swap(wide);
  };
  widen(now_);
  widen(after_);
  widen(knew_);
  width_ = wider;
  now_.resize(wider * wider);
}

void History::start(std::uint32_t task, const ReadySet& open) {
  finish();
  TaskState& state = task_of(task);
  const std::uint32_t index = started_++;
  const auto first_undo = static_cast<std::uint32_t>(undo_.size());
  const auto at_start = static_cast<std::uint32_t>(knew_count_);
  keep_what_it_knows(task);
  ++state.steps;
  std::uint32_t* const now = clock(now_, task);
  Step& step = steps_.emplace_back();
  step.task = task;
  step.ordinal = state.steps;
  step.first_access = static_cast<std::uint32_t>(touches_.size());
  step.first_undo = first_undo;
  step.at_start = at_start;
  step.open = open;
  if (after_.size() < (std::size_t{index} + 1) * width_) after_.resize((std::size_t{index} + 64) * width_);
  now[task] = state.steps;
  std::copy_n(now, width_, clock(after_, index));
  candidates_.clear();
  open_step_ = true;
}

void History::finish() {
  if (!open_step_) return;
  open_step_ = false;
  const auto index = static_cast<std::uint32_t>(steps_.size() - 1);
  if (index >= known_) collect_races(index);
  if (hashes_) hash(index);
}

/// `step` comes after `earlier`, with which it does not commute.
void History::see(std::uint32_t step, std::uint32_t earlier) {
  const std::uint32_t* const learned = clock(after_, earlier);
  join(clock(after_, step), learned, width_);
  join(clock(now_, steps_[step].task), learned, width_);
}

/// The last touch before which the gate of a lock was open: whoever came to wait could have gone on before it.
std::uint32_t History::last_with_open_gate(ObjectId object) const {
  for (std::uint32_t at = heads_[object]; at != no_step; at = touches_[at].previous) {
    if (!touches_[at].before_known || touches_[at].before == 1) return touches_[at].step;
  }
  return no_step;
}

void History::access(const Touch& touch) {
  if (!open_step_) return;
  const auto index = static_cast<std::uint32_t>(steps_.size() - 1);
  Step& step = steps_[index];
  const ObjectId object = footprints_.object(touch.object);
  if (object >= heads_.size()) heads_.resize(object + 64, no_step);
  const bool acquires = touch.kind == Touch::Kind::acquire;
  if (acquires) {
    // A lock with a deadline is touched twice in one step: the first touch has found what the step races with.
    const std::uint32_t earlier = last_with_open_gate(object);
    if (earlier != no_step && earlier != index) candidates_.push_back({earlier, true});
  }
  for (std::uint32_t at = heads_[object]; at != no_step; at = touches_[at].previous) {
    const PastTouch& past = touches_[at];
    if (steps_[past.step].task != step.task && (touch.wrote || past.wrote)) {
      see(index, past.step);
      if (!acquires) candidates_.push_back({past.step, false});
    }
    if (past.wrote) break;
  }
  touches_.push_back({object, index, heads_[object], touch.wrote, touch.before_known, touch.kind, touch.before, touch.expected});
  heads_[object] = static_cast<std::uint32_t>(touches_.size() - 1);
  step.footprint = footprints_.join(step.footprint, Footprints::of(object, touch.wrote));
}

void History::order(std::uint32_t later_task, std::uint32_t earlier_task) {
  task_of(std::max(later_task, earlier_task));
  about_to_learn(later_task);
  join(clock(now_, later_task), clock(now_, earlier_task), width_);
}

void History::order_all(const ReadySet& awake) {
  const std::int64_t one = awake.first([](std::uint32_t) { return true; });
  if (tasks_.empty() || one < 0) return;
  awake.each([&](std::uint32_t task) {
    task_of(task);
    about_to_learn(task);
  });
  std::uint32_t* const all = clock(now_, static_cast<std::uint32_t>(one));
  for (std::uint32_t task = 0; task < tasks_.size(); ++task) join(all, clock(now_, task), width_);
  awake.each([&](std::uint32_t task) {
    if (task != one) std::copy_n(all, width_, clock(now_, task));
  });
}

/// Keeps of the candidates those that nothing stands between.
void History::collect_races(std::uint32_t index) {
  const Step& step = steps_[index];
  const std::uint32_t* const known = clock(knew_, step.at_start);
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const auto [earlier, through_gate] = candidates_[i];
    const Step& other = steps_[earlier];
    bool adjacent = other.task != step.task && known[other.task] < other.ordinal;
    for (std::size_t k = 0; k < candidates_.size() && adjacent; ++k) {
      const std::uint32_t between = candidates_[k].step;
      // Behind a closed gate the step was not possible: what it depends on from then on does not stand between.
      const bool behind_gate = through_gate && !steps_[between].open.contains(step.task);
      adjacent = between == earlier ? k >= i : behind_gate || !before(earlier, between);
    }
    if (!adjacent) continue;
    const bool could_go_on = through_gate || tasks_[step.task].since > earlier || other.open.contains(step.task);
    if (could_go_on) races_.push_back({earlier, index, step.task, reversed(index, earlier)});
  }
}

/// What the step would touch if it were done before `earlier`.
Footprint History::reversed(std::uint32_t index, std::uint32_t earlier) {
  Footprint result = touches_nothing;
  const auto end = static_cast<std::uint32_t>(touches_.size());
  for (std::uint32_t at = steps_[index].first_access; at < end; ++at) {
    const PastTouch& touch = touches_[at];
    bool wrote = touch.wrote;
    if (touch.kind == Touch::Kind::attempt || touch.kind == Touch::Kind::wake) {
      for (std::uint32_t t = steps_[earlier].first_access; t < touches_.size() && touches_[t].step == earlier; ++t) {
        const PastTouch& changed = touches_[t];
        if (changed.object != touch.object || !changed.wrote) continue;
        wrote = !changed.before_known || !touch.before_known ||
                (touch.kind == Touch::Kind::wake ? changed.before != 0 : changed.before == touch.expected);
        break;
      }
    }
    result = footprints_.join(result, Footprints::of(touch.object, wrote));
  }
  return result;
}

void History::end(const ReadySet& open, std::span<const NextStep> next, bool cut_short) {
  finish();
  if (steps_.empty() || started_ < steps_.size()) return;
  const auto last = static_cast<std::uint32_t>(steps_.size() - 1);
  const bool everything = cut_short && open.count() != 0;
  for (std::uint32_t task = 0; task < next.size() && task < tasks_.size(); ++task) {
    const std::uint32_t* const known = clock(now_, task);
    const auto unknown = [&](std::uint32_t step) { return known[steps_[step].task] < steps_[step].ordinal; };
    const NextStep& step = next[task];
    if (step.gate != nullptr && step.op != Op::cond_wait && step.op != Op::cond_timedwait && !open.contains(task)) {
      const ObjectId object = footprints_.object(step.object);
      const std::uint32_t earlier = object < heads_.size() ? last_with_open_gate(object) : no_step;
      if (earlier == no_step || steps_[earlier].task == task || !unknown(earlier)) continue;
      races_.push_back({earlier, no_step, task, Footprints::of(object, true)});
    }
    if (everything && open.contains(task) && task != steps_[last].task && unknown(last)) {
      races_.push_back({last, no_step, task, touches_everything});
    }
  }
  if (everything) steps_[last].footprint = touches_everything;
}

void History::hash(std::uint32_t index) {
  Step& step = steps_[index];
  std::uint64_t h = mix(std::uint64_t{step.task} << 32 | step.ordinal) + footprints_.hash(step.footprint);
  const std::uint32_t* const known = clock(after_, index);
  for (std::size_t task = 0; task < tasks_.size(); ++task) {
    if (known[task] != 0) h += mix(std::uint64_t{task} << 32 | known[task]);
  }
  h = mix(h);
  step.trace_hash = h + (index == 0 ? 0 : steps_[index - 1].trace_hash);
}

}  // namespace foreseed::explore
