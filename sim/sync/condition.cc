// Condition variables. A signal wakes one waiter, chosen; a woken waiter then competes for the mutex like anyone else.

#include <cerrno>

#include "sync/mutex.h"
#include "sync/spurious.h"
#include "sync/sync_state.h"

namespace foreseed::sync {

namespace {

// A condition variable's object counts, in `count`, signals that woke nobody.

/// A waiter of a condition variable, known to signal by its place in the queue.
struct CondWaiter : Waiter {
  using Waiter::Waiter;
  bool signalled = false;
};

SyncObject& cond_object(pthread_cond_t* cond) {
  bool fresh;
  SyncObject& object = ObjectTable::get().at(cond, ObjectKind::cond, fresh);
  if (fresh) check_not_destroyed(cond, "a condition variable");
  return object;
}

void wake_waiter(SyncObject& object, Waiter& waiter) {
  static_cast<CondWaiter&>(waiter).signalled = true;
  Task& task = *waiter.task;
  waiter.leave();
  World::get().wake(task);
  task.clock.join(object.clock);
  World::get().ordered(task, World::get().current());
}

}  // namespace

void cond_init(pthread_cond_t* cond, clockid_t clock) {
  ObjectTable::get().forget(cond);
  cond_object(cond).type = static_cast<std::uint8_t>(clock);
}

void cond_destroy(pthread_cond_t* cond) {
  if (!cond_object(cond).waiters.empty()) {
    World::get().fail(FindingKind::misuse, "a condition variable is destroyed while a thread waits for it");
  }
  ObjectTable::get().forget(cond);
  mark_destroyed(cond, sizeof *cond);
}

clockid_t cond_clock(pthread_cond_t* cond) {
  bool fresh;
  SyncObject& object = ObjectTable::get().at(cond, ObjectKind::cond, fresh);
  // As glibc lays it out: bit 1 of the word behind the waiters' counters is set for CLOCK_MONOTONIC.
  if (fresh) object.type = (cond->__data.__wrefs & 2) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
  return object.type;
}

int cond_wait(pthread_cond_t* cond, pthread_mutex_t* mutex, std::uint64_t deadline_ns) {
  World& world = World::get();
  const Op op = deadline_ns == never ? Op::cond_wait : Op::cond_timedwait;
  Task& self = world.current();
  SyncObject& object = cond_object(cond);
  const bool for_no_reason = happens_spuriously(op);
  mutex_unlock(mutex);
  int result = 0;
  if (for_no_reason) {
    world.point(op);
  } else {
    // No scheduling point between the unlock and the wait: they are one step.
    world.accessed(cond, Touch::Kind::write, true, !object.waiters.empty());
    CondWaiter waiter(object.waiters, self);
    // Once it is signalled, it can go on when the mutex is free.
    const SyncObject& gate = detail::mutex_object(mutex);
    const auto served = [&] { return waiter.signalled; };
    while (!waiter.signalled && result == 0) {
      const bool in_time = world.wait_or_time_out(op, number_of(object), deadline_ns, served, mutex, &gate);
      if (!in_time && !waiter.signalled) result = ETIMEDOUT;
    }
    // A signal finds who has timed out, or not.
    if (deadline_ns != never) world.accessed(cond, Touch::Kind::write, true, 1);
    // Who times out while another holds the mutex is woken by no signal any more.
    if (deadline_ns != never && world.options().timeouts != 0) world.point(Op::mutex_lock, mutex, &gate);
  }
  // Taken back as if by lock, but without a scheduling point of its own: being woken was one.
  const int locked = mutex_relock(mutex);
  world.event(op, world.recording() ? number_of(object) : 0, result);
  return locked != 0 ? locked : result;
}

int cond_signal(pthread_cond_t* cond) {
  World& world = World::get();
  world.point(Op::cond_signal, cond);
  SyncObject& object = cond_object(cond);
  Task& self = world.current();
  const bool anyone = !object.waiters.empty();
  world.accessed(cond, Touch::Kind::wake, anyone, anyone);
  if (anyone) {
    object.clock.join(self.clock);
    self.release();
    const std::uint32_t waiting = object.waiters.size;
    const std::uint32_t k = world.choose(static_cast<std::uint32_t>(Op::cond_signal), ChoiceKind::wake, waiting);
    wake_waiter(object, object.waiters.nth(k));
  } else {
    ++object.count;
  }
  world.event(Op::cond_signal, world.recording() ? number_of(object) : 0, anyone);
  return 0;
}

int cond_broadcast(pthread_cond_t* cond) {
  World& world = World::get();
  world.point(Op::cond_broadcast, cond);
  SyncObject& object = cond_object(cond);
  Task& self = world.current();
  const auto waiting = static_cast<std::int32_t>(object.waiters.size);
  world.accessed(cond, Touch::Kind::wake, waiting != 0, waiting != 0);
  if (waiting != 0) {
    object.clock.join(self.clock);
    self.release();
    while (!object.waiters.empty()) wake_waiter(object, object.waiters.nth(0));
  } else {
    ++object.count;
  }
  world.event(Op::cond_broadcast, world.recording() ? number_of(object) : 0, waiting);
  return 0;
}

}  // namespace foreseed::sync
