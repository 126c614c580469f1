// Semaphores, barriers and futexes: things that are counted.

#include <cerrno>
#include <climits>

#include "intercept/real.h"
#include "sync/sync.h"
#include "sync/sync_state.h"

namespace foreseed::sync {

namespace {

SyncObject& semaphore_object(sem_t* semaphore) {
  bool fresh;
  SyncObject& object = ObjectTable::get().at(semaphore, ObjectKind::semaphore, fresh);
  if (fresh) {
    check_not_destroyed(semaphore, "a semaphore");
    int value = 0;
    REAL(sem_getvalue)(semaphore, &value);
    object.count = value;
  }
  return object;
}

void take(SyncObject& object, Task& self) {
  self.clock.join(object.clock);
  if (--object.count == 0) World::get().hold_all(object.waiters);
}

}  // namespace

void semaphore_init(sem_t* semaphore, unsigned value) {
  ObjectTable::get().forget(semaphore);
  ObjectTable::get().at(semaphore, ObjectKind::semaphore).count = value;
}

void semaphore_destroy(sem_t* semaphore) {
  if (!semaphore_object(semaphore).waiters.empty()) {
    World::get().fail(FindingKind::misuse, "a semaphore is destroyed while a thread waits for it");
  }
  ObjectTable::get().forget(semaphore);
  mark_destroyed(semaphore, sizeof *semaphore);
}

int semaphore_wait(sem_t* semaphore, std::uint64_t deadline_ns) {
  World& world = World::get();
  const Op op = deadline_ns == never ? Op::sem_wait : Op::sem_timedwait;
  const void* const gate = deadline_ns == never ? &semaphore_object(semaphore) : nullptr;
  world.point(op, semaphore, gate);
  SyncObject& object = semaphore_object(semaphore);
  if (deadline_ns != never) world.accessed(semaphore, Touch::Kind::write);
  int result = 0;
  if (object.count == 0) {
    const Waiter waiter(object.waiters, world.current());
    while (result == 0 && object.count == 0) {
      const auto served = [&] {
        world.accessed(semaphore, Touch::Kind::write, true, object.count > 0);
        return object.count > 0;
      };
      if (!world.wait_or_time_out(op, number_of(object), deadline_ns, served, semaphore, gate)) result = ETIMEDOUT;
    }
  }
  if (result == 0) {
    world.accessed(semaphore, Touch::Kind::acquire, true, 1);
    take(object, world.current());
  }
  world.event(op, world.recording() ? number_of(object) : 0, result);
  return result;
}

int semaphore_trywait(sem_t* semaphore) {
  World& world = World::get();
  Task& self = world.current();
  if (self.polls(semaphore, 4)) {
    world.idle_point(Op::sem_trywait, semaphore);
  } else {
    world.point(Op::sem_trywait, semaphore);
  }
  SyncObject& object = semaphore_object(semaphore);
  const int result = object.count > 0 ? 0 : EAGAIN;
  world.accessed(semaphore, Touch::Kind::attempt, result == 0, result == 0, 1);
  if (result == 0) {
    take(object, self);
    self.polling.address = nullptr;
  } else {
    self.found(semaphore, 0);
  }
  world.event(Op::sem_trywait, world.recording() ? number_of(object) : 0, result, result == 0);
  return result;
}

int semaphore_post(sem_t* semaphore) {
  World& world = World::get();
  world.point(Op::sem_post, semaphore);
  SyncObject& object = semaphore_object(semaphore);
  world.accessed(semaphore, Touch::Kind::write, true, object.count > 0);
  Task& self = world.current();
  const int result = object.count == SEM_VALUE_MAX ? EOVERFLOW : 0;
  if (result == 0) {
    ++object.count;
    object.clock.join(self.clock);
    self.release();
    world.wake_all(object.waiters);
  }
  world.event(Op::sem_post, world.recording() ? number_of(object) : 0, result);
  return result;
}

int semaphore_value(sem_t* semaphore) {
  World::get().point(Op::sem_trywait, semaphore);
  World::get().accessed(semaphore, Touch::Kind::read, false);
  return static_cast<int>(semaphore_object(semaphore).count);
}

void barrier_init(pthread_barrier_t* barrier, unsigned count) {
  ObjectTable::get().forget(barrier);
  ObjectTable::get().at(barrier, ObjectKind::barrier).limit = count;
}

void barrier_destroy(pthread_barrier_t* barrier) {
  const SyncObject* const object = ObjectTable::get().find(barrier);
  if (object == nullptr) check_not_destroyed(barrier, "a barrier");
  if (object != nullptr && object->kind == ObjectKind::barrier && !object->waiters.empty()) {
    World::get().fail(FindingKind::misuse, "a barrier is destroyed while a thread waits at it");
  }
  ObjectTable::get().forget(barrier);
  mark_destroyed(barrier, sizeof *barrier);
}

int barrier_wait(pthread_barrier_t* barrier) {
  World& world = World::get();
  world.point(Op::barrier_wait, barrier);
  world.accessed(barrier, Touch::Kind::write);
  Task& self = world.current();
  bool fresh;
  SyncObject& object = ObjectTable::get().at(barrier, ObjectKind::barrier, fresh);
  if (fresh) {
    check_not_destroyed(barrier, "a barrier");
    world.fail(FindingKind::unsupported, "pthread_barrier_wait on a barrier that was made before the simulation began");
  }
  object.clock.join(self.clock);
  self.release();
  int result = 0;
  if (++object.count == object.limit) {
    object.count = 0;
    ++object.generation;
    object.waiters.each([&](Task& waiting) {
      waiting.clock.join(object.clock);
      world.ordered(waiting, self);
    });
    world.wake_all(object.waiters);
    self.clock.join(object.clock);
    object.clock.clear();
    result = PTHREAD_BARRIER_SERIAL_THREAD;
  } else {
    const std::uint64_t round = object.generation;
    const Waiter waiter(object.waiters, self);
    while (object.generation == round) world.wait(Op::barrier_wait, number_of(object));
  }
  world.event(Op::barrier_wait, world.recording() ? number_of(object) : 0, result);
  return result;
}

int futex_wait(const void* address, std::uint32_t expected, std::uint64_t deadline_ns) {
  World& world = World::get();
  world.point(Op::futex_wait, address);
  world.accessed(address, Touch::Kind::write);
  // The word may be an atomic with an entry of its own; waiters live in that entry.
  ObjectTable& table = ObjectTable::get();
  SyncObject* found = table.find(address);
  SyncObject& object = found != nullptr ? *found : table.at(address, ObjectKind::atomic);
  int result = 0;
  if (__atomic_load_n(static_cast<const std::uint32_t*>(address), __ATOMIC_RELAXED) != expected) {
    result = EAGAIN;
  } else {
    Waiter waiter(object.waiters, world.current());
    const auto served = [&] { return waiter.list == nullptr; };
    const bool in_time = world.wait_or_time_out(Op::futex_wait, number_of(object), deadline_ns, served);
    // A wake-up finds who has timed out, or not.
    if (deadline_ns != never) world.accessed(address, Touch::Kind::write, true, 1);
    if (!in_time && waiter.list != nullptr) result = ETIMEDOUT;
  }
  world.event(Op::futex_wait, world.recording() ? number_of(object) : 0, result, result == 0);
  return result;
}

int futex_wake(const void* address, std::uint32_t count) {
  World& world = World::get();
  world.point(Op::futex_wake, address);
  SyncObject* const object = ObjectTable::get().find(address);
  std::int32_t woken = 0;
  world.accessed(address, Touch::Kind::wake, object != nullptr && !object->waiters.empty());
  while (object != nullptr && !object->waiters.empty() && static_cast<std::uint32_t>(woken) < count) {
    std::uint32_t k = 0;
    if (count < object->waiters.size) {
      k = world.choose(static_cast<std::uint32_t>(Op::futex_wake), ChoiceKind::wake, object->waiters.size);
    }
    Waiter& waiter = object->waiters.nth(k);
    Task& task = *waiter.task;
    waiter.leave();
    world.wake(task);
    world.ordered(task, world.current());
    ++woken;
  }
  world.event(Op::futex_wake, object != nullptr && world.recording() ? number_of(*object) : 0, woken, woken != 0);
  return woken;
}

}  // namespace foreseed::sync
