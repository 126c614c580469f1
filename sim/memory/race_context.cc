#include "memory/race_context.h"

#include <algorithm>

#include "kernel/held_locks.h"
#include "kernel/world.h"

namespace foreseed::memory {

namespace {

std::vector<HeldLocks::Lock> locks_at(const Recording& recording, const AccessSpot& spot) {
  HeldLocks locks;
  for (const Event& event : recording.events) {
    if (event.step > spot.step) break;
    if (event.task == spot.task) locks.see(event);
  }
  return locks.of(static_cast<std::uint16_t>(spot.task));
}

/// Whether others can learn from such a step what its task has done before.
bool tells_others(const Event& event) {
  switch (event.op) {
    case Op::thread_create: case Op::task_exit: case Op::mutex_unlock: case Op::rwlock_unlock: case Op::spin_unlock:
    case Op::sem_post: case Op::barrier_wait: case Op::guard_release: case Op::futex_wake: case Op::atomic_store:
    case Op::atomic_exchange: case Op::atomic_rmw: case Op::cond_wait: case Op::cond_timedwait:
      return true;
    case Op::cond_signal: case Op::cond_broadcast: case Op::atomic_cas:
      return event.result != 0;
    default:
      return false;
  }
}

std::string step_text(const World& world, const Event& event) {
  std::string text(to_string(event.op));
  if (event.object != 0) text += ' ' + world.object_name(event.object);
  return text + " in step " + std::to_string(event.step);
}

class Context {
 public:
  Context(const AccessSpot& later, const AccessSpot& earlier, std::vector<Place>& places)
      : recording_(*world_.recorded()), later_(later), earlier_(earlier), places_(places) {}

  std::string tell() {
    const auto mine = locks_at(recording_, later_);
    const auto theirs = locks_at(recording_, earlier_);
    std::string text = "locks: " + held(later_, mine) + ", " + held(earlier_, theirs) + "\n";
    return text + "missing: " + release() + ", " + acquire() + "\n";
  }

 private:
  std::string name(const AccessSpot& spot) const { return world_.task_name(world_.task(spot.task)); }

  void add_place(const Event& event, std::string role) {
    places_.push_back({event.task, std::move(role), recording_.stacks[event.stack]});
  }

  std::string held(const AccessSpot& spot, const std::vector<HeldLocks::Lock>& locks) {
    std::string text = name(spot) + " held ";
    if (locks.empty()) return text + "none";
    for (std::size_t i = 0; i < locks.size(); ++i) {
      text += (i == 0 ? "" : " and ") + world_.object_name(locks[i].object);
      add_place(*locks[i].event, "held: took " + world_.object_name(locks[i].object));
    }
    return text;
  }

  /// The first step after the earlier access from which the later task could have learned of it.
  std::string release() {
    const auto found = std::find_if(recording_.events.begin(), recording_.events.end(), [&](const Event& event) {
      return event.task == earlier_.task && event.step > earlier_.step && tells_others(event);
    });
    if (found == recording_.events.end()) return name(earlier_) + " has released nothing since its access";
    add_place(*found, "first release after it: " + step_text(world_, *found));
    return name(earlier_) + " first released after its access by " + step_text(world_, *found);
  }

  /// The last step in which the later task has learned of anything that the earlier one has done.
  std::string acquire() {
    const Event* last = nullptr;
    for (const Order& order : recording_.orders) {
      const Event* const from = event_of(order.from);
      const Event* const to = event_of(order.to);
      if (from == nullptr || to == nullptr || from->task != earlier_.task || to->task != later_.task) continue;
      if (order.from <= earlier_.step && order.to <= later_.step) last = to;
    }
    if (last == nullptr) return name(later_) + " has acquired nothing from it";
    if (last->op != Op::task_start) add_place(*last, "last acquire before it: " + step_text(world_, *last));
    return name(later_) + " last acquired from it by " + step_text(world_, *last);
  }

  const Event* event_of(std::uint32_t step) const {
    return step != 0 && step <= recording_.events.size() ? &recording_.events[step - 1] : nullptr;
  }

  World& world_ = World::get();
  const Recording& recording_;
  const AccessSpot& later_;
  const AccessSpot& earlier_;
  std::vector<Place>& places_;
};

}  // namespace

std::string add_race_context(const AccessSpot& later, const AccessSpot& earlier, std::vector<Place>& places) {
  return Context(later, earlier, places).tell();
}

}  // namespace foreseed::memory
