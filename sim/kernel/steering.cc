// Scheduling points of executions that a strategy steers, and what a search is told.

#include <iterator>

#include "kernel/world.h"

namespace foreseed {

namespace {
/// A task that goes on for so many steps (under a search: yields) with no change anywhere, or asks epoll so often for
/// descriptors to which nothing has happened, is in a loop that waits for others.
constexpr std::uint32_t fruitless_before_spinning = 64;

/// A task that has gone on for so many steps, though others could have, may wait for one of them in a way that changes
/// something: a lock around each look.
constexpr std::uint32_t longest_stretch = 10'000;

bool any_spins = false;  ///< some task may have NextStep::spins
}  // namespace

bool World::seems_to_spin(Task& task) {
  if (task.told.again >= fruitless_before_spinning) return task.told.again = 0, true;
  if (task.fruitless_epoch != progress_epoch_) task.fruitless = 0;
  task.fruitless_epoch = progress_epoch_;
  return ++task.fruitless >= fruitless_before_spinning;
}

bool World::steered_point(const NextStep& next) {
  if (!search_ && ready_.count() <= 1) return false;
  Task& self = *current_;
  announce(self, next);
  Task& chosen = pick(next.op, self.id);
  if (&chosen == &self) return false;
  switch_to(chosen);
  return true;
}

/// Of a task that has a gate or spins.
bool World::closed(std::uint32_t id) const {
  const NextStep& next = next_[id];
  return next.spins || (next.gate != nullptr && !tasks_[id]->timed_out && !gate_open(next.gate, *tasks_[id]));
}

ReadySet World::open_tasks() {
  ReadySet open = ready_;
  if (!search_) return open;
  gated_.each([&](std::uint32_t id) {
    if (closed(id)) open.erase(id);
  });
  return open;
}

/// Where all tasks that could go on spin: lets each go round once more, a little later. False if none spins.
bool World::pass_spinning() {
  bool any = false;
  gated_.each([&](std::uint32_t id) {
    any |= next_[id].spins && ready_.contains(id);
    next_[id].spins = false;
  });
  if (!any) return false;
  pass_idle_time();
  if (strategy_ != nullptr) strategy_->time_moved();
  return true;
}

/// The runnable task that goes on; with `but_start`, not the running one. As with the seed, the choice is logged as its
/// rank among the runnable ones, counted from task `start`.
Task& World::pick(Op op, std::uint32_t start, bool but_start) {
  const std::uint32_t bound = ready_.count() - but_start;
  const auto chosen = [&](std::uint32_t id, std::uint32_t site) -> Task& {
    if (bound > 1) {
      choices_.note(ready_.rank_from(start, id), site, ChoiceKind::schedule, bound, static_cast<std::uint16_t>(current_->id));
    }
    return *tasks_[id];
  };
  if (strategy_ != nullptr && !strategy_->foretold.empty() && is_open(strategy_->foretold.front())) {
    const bool could_go_on = !but_start && is_open(current_->id);
    return chosen(take_foretold(), static_cast<std::uint32_t>(op) | (could_go_on ? 0 : site_given_up));
  }
  ReadySet open = open_tasks();
  while (open.count() == 0 && pass_spinning()) open = open_tasks();
  const bool stuck = open.count() == 0;
  if (stuck) open = ready_;
  const bool gives_up = strategy_ != nullptr && !search_ && open.count() > 1 && open.contains(current_->id) &&
                        (seems_to_spin(*current_) || stretch_ >= longest_stretch);
  const bool could_go_on = !but_start && !gives_up && !stuck && open.contains(current_->id);
  const std::uint32_t site = static_cast<std::uint32_t>(op) | (could_go_on ? 0 : site_given_up);
  if (strategy_ == nullptr) return *tasks_[ready_.nth_from(start, choose(site, ChoiceKind::schedule, bound))];
  if (but_start || gives_up) open.erase(current_->id);
  const std::uint32_t id =
      strategy_->foretold.empty() ? strategy_->next_task({open, next_, current_->id, stuck}) : take_foretold();
  FORESEED_ASSERT(open.contains(id));
  stretch_ = id == current_->id ? stretch_ + 1 : 0;
  return chosen(id, site);
}

std::uint32_t World::take_foretold() {
  const std::uint32_t id = strategy_->foretold.front();
  strategy_->foretold = strategy_->foretold.subspan(1);
  return id;
}

std::uint32_t World::times_again(Op op, const void* address) {
  Round& round = current_->round;
  if (round.progress != progress_epoch_ || round.count == std::size(round.places)) round.count = 0;
  round.progress = progress_epoch_;
  for (std::uint32_t i = 0; i < round.count; ++i) {
    if (round.places[i].address == address && round.places[i].op == op) return ++round.places[i].again;
  }
  round.places[round.count++] = {address, op, 0};
  return 0;
}

void World::spinning_point(Op op, const void* object) {
  Task& self = *current_;
  if (idle_seen_ != progress_epoch_) {
    idle_seen_ = progress_epoch_;
    idle_rounds_ = 0;
  }
  if (at_point != nullptr) at_point();
  announce(self, {op, object, nullptr, true});
  any_spins = true;
  Task& chosen = pick(op, self.id);
  if (&chosen != &self) switch_to(chosen);
}

void World::note_touch(const Touch& touch) {
  if (any_spins && touch.wrote && touch.changes) {
    any_spins = false;
    gated_.each([&](std::uint32_t id) {
      NextStep& next = next_[id];
      if (next.spins && id != current_->id && (next.object == touch.object || next.object == nullptr)) {
        next.spins = false;
        if (next.object == nullptr) note_order(id, current_->id);  // which the steps themselves do not tell
      }
      any_spins |= next.spins;
    });
  }
  if (strategy_ != nullptr) strategy_->accessed(current_->id, touch);
}

void World::note_order(std::uint32_t later, std::uint32_t earlier) {
  if (strategy_ != nullptr) strategy_->ordered(later, earlier);
}

}  // namespace foreseed
