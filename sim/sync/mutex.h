#pragma once
// Mutexes and spin locks. A task that waits for a lock is runnable exactly while the lock is free, so the choice of the
// next owner is an ordinary scheduling choice and no switch is wasted.
//
// Here rather than in mutex.cc stands what programs do most: each return address between the program and the switch to
// another task is one more that the processor foretells wrongly.

#include <cerrno>

#include "sync/sync.h"
#include "sync/sync_state.h"

namespace foreseed::sync {

namespace detail {

__attribute__((always_inline)) inline SyncObject& mutex_object(pthread_mutex_t* mutex) {
  bool fresh;
  SyncObject& object = ObjectTable::get().at(mutex, ObjectKind::mutex, fresh);
  if (__builtin_expect(fresh, 0)) {
    check_mutex(*mutex);
    object.type = static_cast<std::uint8_t>(mutex->__data.__kind & 3);
  }
  return object;
}

__attribute__((always_inline)) inline void acquire(SyncObject& object, Task& self) {
  object.owner = &self;
  object.count = 1;
  World::get().hold_all(object.waiters);
  World::get().took_lock(reinterpret_cast<const void*>(object.address));
  self.clock.join(object.clock);
}

__attribute__((always_inline)) inline void release(SyncObject& object, Task& self) {
  object.owner = nullptr;
  object.count = 0;
  object.clock.assign(self.clock);
  self.release();
  World::get().wake_all(object.waiters);
}

/// Waits until `object` is free and takes it; false if the deadline came first. `what` is its address.
__attribute__((always_inline)) inline bool wait_and_acquire(SyncObject& object, const void* what, Op op,
                                                            std::uint64_t deadline_ns) {
  World& world = World::get();
  Task& self = world.current();
  if (object.owner != nullptr) {
    const Waiter waiter(object.waiters, self);
    while (object.owner != nullptr) {
      const auto served = [&] {
        world.accessed(what, Touch::Kind::write, true, object.owner == nullptr, 0, false);
        return object.owner == nullptr;
      };
      if (!world.wait_or_time_out(op, number_of(object), deadline_ns, served, what, &object)) return false;
    }
  }
  world.accessed(what, Touch::Kind::acquire, true, 1, 0, false);
  acquire(object, self);
  return true;
}

}  // namespace detail

__attribute__((always_inline)) inline int mutex_lock(pthread_mutex_t* mutex, std::uint64_t deadline_ns = never) {
  World& world = World::get();
  const Op op = deadline_ns == never ? Op::mutex_lock : Op::mutex_timedlock;
  Task& self = world.current();
  SyncObject* object = &detail::mutex_object(mutex);
  // Where another holds it, to wait is the scheduling point.
  if (__builtin_expect(object->owner == nullptr, 1) || object->owner == &self || deadline_ns != never) {
    const void* const gate = deadline_ns == never ? object : nullptr;
    if (world.point(op, mutex, gate) && !object->is(mutex, ObjectKind::mutex)) object = &detail::mutex_object(mutex);
    if (deadline_ns != never) world.accessed(mutex, Touch::Kind::write);
  }
  int result = 0;
  if (__builtin_expect(object->owner == &self, 0) && object->type == PTHREAD_MUTEX_RECURSIVE) {
    ++object->count;
  } else if (__builtin_expect(object->owner == &self, 0) && object->type == PTHREAD_MUTEX_ERRORCHECK) {
    result = EDEADLK;
  } else if (!detail::wait_and_acquire(*object, mutex, op, deadline_ns)) {
    result = ETIMEDOUT;
  }
  world.event(op, world.recording() ? number_of(*object) : 0, result);
  return result;
}

__attribute__((always_inline)) inline int mutex_unlock(pthread_mutex_t* mutex) {
  World& world = World::get();
  world.point(Op::mutex_unlock, mutex);
  Task& self = world.current();
  SyncObject& object = detail::mutex_object(mutex);
  int result = 0;
  if (__builtin_expect(object.owner != &self, 0)) {
    if (object.type != PTHREAD_MUTEX_NORMAL && object.type != PTHREAD_MUTEX_ADAPTIVE_NP) {
      result = EPERM;
    } else {
      world.fail(FindingKind::misuse, object.owner == nullptr
                                          ? "unlock of a mutex that is not locked"
                                          : "unlock of a mutex that another thread holds");
    }
  } else if (__builtin_expect(--object.count == 0, 1)) {
    world.accessed(mutex, Touch::Kind::release, true, 0);
    detail::release(object, self);
  }
  world.event(Op::mutex_unlock, world.recording() ? number_of(object) : 0, result);
  return result;
}

}  // namespace foreseed::sync
