// Mutexes and spin locks. A task that waits for a lock is runnable exactly while the lock is free, so the choice of the
// next owner is an ordinary scheduling choice and no switch is wasted.

#include <cerrno>

#include "sync/sync.h"

namespace foreseed::sync {

namespace {

inline SyncObject& mutex_object(pthread_mutex_t* mutex) {
  bool fresh;
  SyncObject& object = ObjectTable::get().at(mutex, ObjectKind::mutex, fresh);
  if (fresh) object.type = static_cast<std::uint8_t>(mutex->__data.__kind & 3);
  return object;
}

inline void acquire(SyncObject& object, Task& self) {
  object.owner = &self;
  object.count = 1;
  World::get().hold_all(object.waiters);
  self.clock.join(object.clock);
}

inline void release(SyncObject& object, Task& self) {
  object.owner = nullptr;
  object.count = 0;
  object.clock.assign(self.clock);
  self.release();
  World::get().wake_all(object.waiters);
}

/// Waits until `object` is free and takes it; false if the deadline came first.
inline bool wait_and_acquire(SyncObject& object, Op op, std::uint64_t deadline_ns) {
  World& world = World::get();
  Task& self = world.current();
  if (object.owner != nullptr) {
    const Waiter waiter(object.waiters, self);
    while (object.owner != nullptr) {
      if (!world.wait(op, number_of(object), deadline_ns)) return false;
    }
  }
  acquire(object, self);
  return true;
}

}  // namespace

int mutex_lock(pthread_mutex_t* mutex, std::uint64_t deadline_ns) {
  World& world = World::get();
  const Op op = deadline_ns == never ? Op::mutex_lock : Op::mutex_timedlock;
  Task& self = world.current();
  SyncObject* object = &mutex_object(mutex);
  // Where another holds it, to wait is the scheduling point.
  if (object->owner == nullptr || object->owner == &self || deadline_ns != never) {
    if (world.point(op) && !object->is(mutex, ObjectKind::mutex)) object = &mutex_object(mutex);
  }
  int result = 0;
  if (object->owner == &self && object->type == PTHREAD_MUTEX_RECURSIVE) {
    ++object->count;
  } else if (object->owner == &self && object->type == PTHREAD_MUTEX_ERRORCHECK) {
    result = EDEADLK;
  } else if (!wait_and_acquire(*object, op, deadline_ns)) {
    result = ETIMEDOUT;
  }
  world.event(op, world.recording() ? number_of(*object) : 0, result);
  return result;
}

int mutex_relock(pthread_mutex_t* mutex) {
  wait_and_acquire(mutex_object(mutex), Op::mutex_lock, never);
  return 0;
}

int mutex_trylock(pthread_mutex_t* mutex) {
  World& world = World::get();
  Task& self = world.current();
  if (self.idle_address == mutex && self.idle_count >= 4) {
    world.idle_point(Op::mutex_trylock);
  } else {
    world.point(Op::mutex_trylock);
  }
  SyncObject& object = mutex_object(mutex);
  int result = 0;
  if (object.owner == nullptr) {
    acquire(object, self);
    self.idle_address = nullptr;
  } else if (object.owner == &self && object.type == PTHREAD_MUTEX_RECURSIVE) {
    ++object.count;
  } else {
    result = EBUSY;
    self.idle_count = self.idle_address == mutex ? self.idle_count + 1 : 0;
    self.idle_address = mutex;
  }
  world.event(Op::mutex_trylock, world.recording() ? number_of(object) : 0, result, result == 0);
  return result;
}

int mutex_unlock(pthread_mutex_t* mutex) {
  World& world = World::get();
  world.point(Op::mutex_unlock);
  Task& self = world.current();
  SyncObject& object = mutex_object(mutex);
  int result = 0;
  if (object.owner != &self) {
    if (object.type != PTHREAD_MUTEX_NORMAL && object.type != PTHREAD_MUTEX_ADAPTIVE_NP) {
      result = EPERM;
    } else {
      world.fail(FindingKind::misuse, object.owner == nullptr
                                          ? "unlock of a mutex that is not locked"
                                          : "unlock of a mutex that another thread holds");
    }
  } else if (--object.count == 0) {
    release(object, self);
  }
  world.event(Op::mutex_unlock, world.recording() ? number_of(object) : 0, result);
  return result;
}

int mutex_destroy(pthread_mutex_t* mutex) {
  SyncObject* const object = ObjectTable::get().find(mutex);
  if (object == nullptr || object->kind != ObjectKind::mutex) return 0;
  if (object->owner != nullptr) {
    World::get().fail(FindingKind::misuse, "a locked mutex is destroyed");
  }
  ObjectTable::get().forget(mutex);
  return 0;
}

int spin_lock(pthread_spinlock_t* lock) {
  World& world = World::get();
  world.point(Op::spin_lock);
  SyncObject& object = ObjectTable::get().at(const_cast<int*>(lock), ObjectKind::spin);
  wait_and_acquire(object, Op::spin_lock, never);
  world.event(Op::spin_lock, world.recording() ? number_of(object) : 0, 0);
  return 0;
}

int spin_trylock(pthread_spinlock_t* lock) {
  World& world = World::get();
  world.idle_point(Op::spin_trylock);
  SyncObject& object = ObjectTable::get().at(const_cast<int*>(lock), ObjectKind::spin);
  const int result = object.owner == nullptr ? 0 : EBUSY;
  if (result == 0) acquire(object, world.current());
  world.event(Op::spin_trylock, world.recording() ? number_of(object) : 0, result, result == 0);
  return result;
}

int spin_unlock(pthread_spinlock_t* lock) {
  World& world = World::get();
  world.point(Op::spin_unlock);
  SyncObject& object = ObjectTable::get().at(const_cast<int*>(lock), ObjectKind::spin);
  if (object.owner != &world.current()) {
    world.fail(FindingKind::misuse, "unlock of a spin lock that the thread does not hold");
  }
  release(object, world.current());
  world.event(Op::spin_unlock, world.recording() ? number_of(object) : 0, 0);
  return 0;
}

}  // namespace foreseed::sync
