// Read-write locks. Readers and writers wait in two queues and are runnable while the lock lets them in; who comes first
// is a scheduling choice (glibc prefers readers by default, but promises no order).

#include <algorithm>
#include <cerrno>

#include "sync/sync.h"
#include "sync/sync_state.h"

namespace foreseed::sync {

namespace {

SyncObject& rwlock_object(pthread_rwlock_t* lock) {
  bool fresh;
  SyncObject& object = ObjectTable::get().at(lock, ObjectKind::rwlock, fresh);
  if (fresh) check_not_destroyed(lock, "a read-write lock");
  return object;
}

bool free_for(const SyncObject& object, bool writer) {
  return object.owner == nullptr && (!writer || object.count == 0);
}

/// Lets runnable exactly those who could get in now.
void admit(SyncObject& object) {
  World& world = World::get();
  free_for(object, false) ? world.wake_all(object.readers) : world.hold_all(object.readers);
  free_for(object, true) ? world.wake_all(object.waiters) : world.hold_all(object.waiters);
}

/// An attempt: nothing that another spins for.
void touch(pthread_rwlock_t* address) { World::get().accessed({address, Touch::Kind::write, true, false, 0, 0, false}); }

void enter(SyncObject& object, Task& self, bool writer) {
  if (writer) {
    object.owner = &self;
    self.clock.join(object.readers_clock);
  } else {
    ++object.count;
    object.holders.push_back(static_cast<std::uint16_t>(self.id));
  }
  World::get().took_lock(reinterpret_cast<const void*>(object.address));
  self.clock.join(object.clock);
  admit(object);
}

int lock(pthread_rwlock_t* address, bool writer, Op op, std::uint64_t deadline_ns) {
  World& world = World::get();
  world.point(op, address);
  touch(address);
  Task& self = world.current();
  SyncObject& object = rwlock_object(address);
  int result = 0;
  if (object.owner == &self) {
    result = EDEADLK;
  } else if (!free_for(object, writer)) {
    const Waiter waiter(writer ? object.waiters : object.readers, self);
    while (result == 0 && !free_for(object, writer)) {
      const auto served = [&] { return free_for(object, writer); };
      if (!world.wait_or_time_out(op, number_of(object), deadline_ns, served)) result = ETIMEDOUT;
    }
    touch(address);
  }
  if (result == 0) enter(object, self, writer);
  world.event(op, world.recording() ? number_of(object) : 0, result);
  return result;
}

int try_lock(pthread_rwlock_t* address, bool writer, Op op) {
  World& world = World::get();
  world.point(op, address);
  touch(address);
  SyncObject& object = rwlock_object(address);
  const int result = free_for(object, writer) ? 0 : EBUSY;
  if (result == 0) enter(object, world.current(), writer);
  world.event(op, world.recording() ? number_of(object) : 0, result, result == 0);
  return result;
}

}  // namespace

int rwlock_read(pthread_rwlock_t* address, std::uint64_t deadline_ns) {
  return lock(address, false, deadline_ns == never ? Op::rwlock_rdlock : Op::rwlock_timedrdlock, deadline_ns);
}

int rwlock_write(pthread_rwlock_t* address, std::uint64_t deadline_ns) {
  return lock(address, true, deadline_ns == never ? Op::rwlock_wrlock : Op::rwlock_timedwrlock, deadline_ns);
}

int rwlock_try_read(pthread_rwlock_t* address) { return try_lock(address, false, Op::rwlock_tryrdlock); }
int rwlock_try_write(pthread_rwlock_t* address) { return try_lock(address, true, Op::rwlock_trywrlock); }

void rwlock_destroy(pthread_rwlock_t* address) {
  const SyncObject& object = rwlock_object(address);
  if (object.owner != nullptr || object.count != 0) World::get().fail(FindingKind::misuse, "a held read-write lock is destroyed");
  ObjectTable::get().forget(address);
  mark_destroyed(address, sizeof *address);
}

int rwlock_unlock(pthread_rwlock_t* address) {
  World& world = World::get();
  world.point(Op::rwlock_unlock, address);
  world.accessed(address, Touch::Kind::release);
  Task& self = world.current();
  SyncObject& object = rwlock_object(address);
  if (object.owner == &self) {
    object.owner = nullptr;
    object.clock.assign(self.clock);
  } else {
    const auto mine = std::find(object.holders.begin(), object.holders.end(), self.id);
    if (mine == object.holders.end()) {
      world.fail(FindingKind::misuse, "unlock of a read-write lock that the thread does not hold");
    }
    object.holders.erase(mine);
    --object.count;
    object.readers_clock.join(self.clock);  // not what other readers learn, who might as well have been there first
  }
  self.release();
  admit(object);
  world.event(Op::rwlock_unlock, world.recording() ? number_of(object) : 0, 0);
  return 0;
}

}  // namespace foreseed::sync
