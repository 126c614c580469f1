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

/// Each round of a search makes the next more costly.
constexpr std::uint32_t rounds_of_spinning_max = 64;

constexpr bool is_lock(Op op) {
  return op == Op::mutex_lock || op == Op::rwlock_rdlock || op == Op::rwlock_wrlock || op == Op::spin_lock;
}

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
  if (__builtin_expect(accesses_watched_, 0) && is_lock(next.op) && polls_under_lock(next)) {
    spin({next.op, self.round.count > 1 ? nullptr : next.object, next.gate, true});
    return true;
  }
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
  bool any_yields = false;
  gated_.each([&](std::uint32_t id) {
    NextStep& next = next_[id];
    any |= next.spins && ready_.contains(id);
    any_yields |= next.spins && next.op == Op::yield;
    next.spins = false;
  });
  if (!any) return false;
  // Who yields may change what nobody sees here; of the others it is known that they change nothing.
  any_yields ? pass_idle_time() : pass_idle_time(rounds_of_spinning_max);
  if (strategy_ != nullptr) strategy_->time_moved(open_tasks());
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
  if (round.changes != changes() || round.count == std::size(round.places)) round.count = 0;
  round.changes = changes();
  for (std::uint32_t i = 0; i < round.count; ++i) {
    if (round.places[i].address == address && round.places[i].op == op) return ++round.places[i].again;
  }
  round.places[round.count++] = {address, op, 0};
  return 0;
}

void World::spinning_point(Op op, const void* object) {
  if (at_point != nullptr) at_point();
  spin({op, object, nullptr, true});
}

void World::spin(const NextStep& next) {
  Task& self = *current_;
  if (idle_seen_ != changes()) {
    idle_seen_ = changes();
    idle_rounds_ = 0;
  }
  announce(self, next);
  any_spins = true;
  Task& chosen = pick(next.op, self.id);
  if (&chosen != &self) switch_to(chosen);
}

void World::note_touch(const Touch& touch) {
  bool only_looked = false;
  if (touch.kind == Touch::Kind::release) current_->sections.held -= current_->sections.held != 0;
  if (__builtin_expect(accesses_watched_, 0)) {
    if (!touch.wrote) current_->sections.looked |= current_->sections.held != 0;
    only_looked = touch.kind == Touch::Kind::release && note_release();
  }
  if (any_spins && touch.wrote && touch.changes) {
    any_spins = false;
    gated_.each([&](std::uint32_t id) {
      NextStep& next = next_[id];
      const bool concerned = next.object == touch.object || next.object == nullptr;
      const bool looks = is_lock(next.op) || next.object == nullptr;
      if (next.spins && id != current_->id && concerned && !(only_looked && looks)) {
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
