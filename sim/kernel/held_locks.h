#pragma once
// Which locks each task holds, told from events. For recordings and traces.

#include <cstdint>
#include <vector>

#include "kernel/event.h"

namespace foreseed {

class HeldLocks {
 public:
  struct Lock {
    std::uint32_t object = 0;
    const Event* event = nullptr;  ///< that took it
  };

  /// Takes the events one after the other; whether this one took a lock, which then is the last of of(event.task).
  bool see(const Event& event) {
    if (event.task >= tasks_.size()) tasks_.resize(event.task + std::size_t{1});
    Task& task = tasks_[event.task];
    if (takes(event)) {
      task.held.push_back({event.object, &event});
      return true;
    }
    if (gives_back(event)) {
      task.released = {};
      for (std::size_t i = task.held.size(); i-- != 0;) {
        if (task.held[i].object != event.object) continue;
        task.released = task.held[i];
        task.held.erase(task.held.begin() + static_cast<std::ptrdiff_t>(i));
        break;
      }
    } else if ((event.op == Op::cond_wait || event.op == Op::cond_timedwait) && task.released.object != 0) {
      task.held.push_back(task.released);  // its event stands behind the wait, with the mutex taken back
      task.released = {};
    }
    return false;
  }

  const std::vector<Lock>& of(std::uint16_t task) const {
    static const std::vector<Lock> none;
    return task < tasks_.size() ? tasks_[task].held : none;
  }

  static bool takes(const Event& event) {
    switch (event.op) {
      case Op::mutex_lock: case Op::mutex_trylock: case Op::mutex_timedlock: case Op::spin_lock: case Op::spin_trylock:
      case Op::rwlock_rdlock: case Op::rwlock_wrlock: case Op::rwlock_tryrdlock: case Op::rwlock_trywrlock:
      case Op::rwlock_timedrdlock: case Op::rwlock_timedwrlock:
        return event.result == 0 && event.object != 0;
      default:
        return false;
    }
  }
  static bool gives_back(const Event& event) {
    return event.op == Op::mutex_unlock || event.op == Op::rwlock_unlock || event.op == Op::spin_unlock;
  }

 private:
  struct Task {
    std::vector<Lock> held;
    Lock released;  ///< by its last unlock
  };
  std::vector<Task> tasks_;
};

}  // namespace foreseed
