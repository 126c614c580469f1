// pthread_once and the guards of function-local statics: one task runs the routine, the others wait for it.

#include "sync/sync.h"

namespace foreseed::sync {

bool once_claim(const void* control, bool already_done, Op op) {
  World& world = World::get();
  Task& self = world.current();
  if (already_done) {
    // Nothing can change any more, so this is no step of its own.
    world.accessed(control, Touch::Kind::read, false);
    if (const SyncObject* const object = ObjectTable::get().find(control)) self.clock.join(object->clock);
    return false;
  }
  SyncObject& object = ObjectTable::get().at(control, ObjectKind::once);
  if (object.owner == &self) {
    world.fail(FindingKind::misuse, "an initialisation waits for itself (recursive call_once or static)");
  }
  world.point(op, control);
  world.accessed(control, Touch::Kind::write);
  {
    const Waiter waiter(object.waiters, self);
    while (object.owner != nullptr) world.wait(op, number_of(object));
  }
  const bool mine = !object.flag;
  world.accessed(control, Touch::Kind::write);
  self.clock.join(object.clock);
  if (mine) {
    object.owner = &self;
    world.hold_all(object.waiters);
  }
  world.event(op, world.recording() ? number_of(object) : 0, mine);
  return mine;
}

namespace {
void finish(const void* control, Op op, bool done) {
  World& world = World::get();
  Task& self = world.current();
  SyncObject& object = ObjectTable::get().at(control, ObjectKind::once);
  world.accessed(control, Touch::Kind::write);
  object.owner = nullptr;
  object.flag = done;
  object.clock.assign(self.clock);
  self.release();
  world.wake_all(object.waiters);
  world.event(op, world.recording() ? number_of(object) : 0, done);
}
}  // namespace

void once_done(const void* control, Op op) { finish(control, op, true); }
void once_abandon(const void* control, Op op) { finish(control, op, false); }

}  // namespace foreseed::sync
