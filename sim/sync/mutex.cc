#include "sync/mutex.h"

namespace foreseed::sync {

using detail::acquire, detail::mutex_object, detail::release, detail::wait_and_acquire;

int mutex_relock(pthread_mutex_t* mutex) {
  wait_and_acquire(mutex_object(mutex), mutex, Op::mutex_lock, never);
  return 0;
}

int mutex_trylock(pthread_mutex_t* mutex) {
  World& world = World::get();
  Task& self = world.current();
  if (self.polls(mutex, 4)) {
    world.idle_point(Op::mutex_trylock, mutex);
  } else {
    world.point(Op::mutex_trylock, mutex);
  }
  SyncObject& object = mutex_object(mutex);
  world.accessed(mutex, Touch::Kind::attempt, object.owner == nullptr, object.owner == nullptr, 1);
  int result = 0;
  if (object.owner == nullptr) {
    acquire(object, self);
    self.polling.address = nullptr;
  } else if (object.owner == &self && object.type == PTHREAD_MUTEX_RECURSIVE) {
    ++object.count;
  } else {
    result = EBUSY;
    self.found(mutex, 0);
  }
  world.event(Op::mutex_trylock, world.recording() ? number_of(object) : 0, result, result == 0);
  return result;
}

int mutex_destroy(pthread_mutex_t* mutex) {
  if (mutex_object(mutex).owner != nullptr) World::get().fail(FindingKind::misuse, "a locked mutex is destroyed");
  ObjectTable::get().forget(mutex);
  mark_destroyed(mutex, sizeof *mutex);
  return 0;
}

int spin_lock(pthread_spinlock_t* lock) {
  World& world = World::get();
  const void* const address = const_cast<int*>(lock);
  world.point(Op::spin_lock, address, &ObjectTable::get().at(address, ObjectKind::spin));
  SyncObject& object = ObjectTable::get().at(address, ObjectKind::spin);
  wait_and_acquire(object, address, Op::spin_lock, never);
  world.event(Op::spin_lock, world.recording() ? number_of(object) : 0, 0);
  return 0;
}

int spin_trylock(pthread_spinlock_t* lock) {
  World& world = World::get();
  const void* const address = const_cast<int*>(lock);
  world.search_mode() ? void(world.point(Op::spin_trylock, address)) : world.idle_point(Op::spin_trylock, address);
  SyncObject& object = ObjectTable::get().at(address, ObjectKind::spin);
  const int result = object.owner == nullptr ? 0 : EBUSY;
  world.accessed(address, Touch::Kind::attempt, result == 0, result == 0, 1);
  if (result == 0) acquire(object, world.current());
  world.event(Op::spin_trylock, world.recording() ? number_of(object) : 0, result, result == 0);
  return result;
}

int spin_unlock(pthread_spinlock_t* lock) {
  World& world = World::get();
  world.point(Op::spin_unlock, const_cast<int*>(lock));
  SyncObject& object = ObjectTable::get().at(const_cast<int*>(lock), ObjectKind::spin);
  if (object.owner != &world.current()) {
    world.fail(FindingKind::misuse, "unlock of a spin lock that the thread does not hold");
  }
  world.accessed(const_cast<int*>(lock), Touch::Kind::release, true, 0);
  release(object, world.current());
  world.event(Op::spin_unlock, world.recording() ? number_of(object) : 0, 0);
  return 0;
}

}  // namespace foreseed::sync
