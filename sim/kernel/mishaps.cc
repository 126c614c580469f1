// What befalls tasks and clocks from outside: crashes, pauses, clocks that are wrong.

#include "kernel/world.h"

namespace foreseed {

void World::kill_tasks(std::uint32_t host) {
  for (std::uint32_t i = 0; i < task_count_; ++i) {
    Task& task = *tasks_[i];
    if (task.host != host || task.finished) continue;
    while (task.places.next != &task.places) {
      Waiter& place = *static_cast<Waiter::Own*>(task.places.next)->waiter;
      if (place.list != nullptr) place.leave();
      place.own.previous->next = place.own.next;
      place.own.next->previous = place.own.previous;
    }
    if (task.frozen) thaw(task);
    task.finished = task.killed = true;
    std::erase(ending, &task);
    task.waiting_op = Op::note;
    ++task.wait_sequence;
    ready_.erase(task.id);
    wake_all(task.joiners);
  }
  ++progress_epoch_;
}

void World::freeze(Task& task) {
  if (task.frozen || task.finished) return;
  task.frozen = true;
  ++frozen_count_;
  task.pending = ready_.contains(task.id);
  ready_.erase(task.id);
}

void World::thaw(Task& task) {
  if (!task.frozen) return;
  task.frozen = false;
  --frozen_count_;
  if (task.pending && !task.finished) ready_.insert(task.id);
  task.pending = false;
}

void World::yield_to_others() {
  if (current_->killed || current_->frozen) dispatch(Op::yield);
}

HostClock& World::clock_of(std::uint32_t host) {
  if (host >= clocks_.size()) clocks_.resize(host + 1);
  return clocks_[host];
}

std::uint64_t World::deadline_at_wall(std::uint64_t wall_deadline_ns) {
  const std::uint32_t host = current_->host;
  const std::int64_t offset = host < clocks_.size() ? clocks_[host].wall_offset_ns() : 0;
  const std::uint64_t zero = wall_epoch_ns + static_cast<std::uint64_t>(offset);
  wall_deadline_ns_ = wall_deadline_ns <= zero ? 0 : deadline_at(wall_deadline_ns - zero);
  return wall_deadline_ns_;
}

void World::step_clock(std::uint32_t host, std::int64_t by_ns) {
  clock_of(host).step(by_ns);
  for (std::uint32_t i = 0; i < task_count_; ++i) {
    Task& task = *tasks_[i];
    if (task.host != host || !task.on_wall_clock || task.local_deadline_ns == never) continue;
    const auto deadline = static_cast<std::int64_t>(task.local_deadline_ns) - by_ns;
    task.local_deadline_ns = deadline < 0 ? 0 : static_cast<std::uint64_t>(deadline);
  }
  move_deadlines(host);
  for (const RunHooks& hooks : hooks_) {
    if (hooks.clock_set != nullptr) hooks.clock_set(host, by_ns);
  }
}

void World::drift_clock(std::uint32_t host, std::int32_t ppb) {
  clock_of(host).drift(ppb, now_);
  move_deadlines(host);
}

/// The waits of a host's tasks end when its clocks, as they are now, say so.
void World::move_deadlines(std::uint32_t host) {
  for (std::uint32_t i = 0; i < task_count_; ++i) {
    Task& task = *tasks_[i];
    if (task.host != host || task.finished || task.waiting_op == Op::note || task.local_deadline_ns == never) continue;
    ++task.wait_sequence;  // the old alarm is for nothing
    alarms_.push(clocks_[host].world(task.local_deadline_ns, now_), on_deadline, &task, task.wait_sequence);
  }
}

}  // namespace foreseed
