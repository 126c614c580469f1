#include "memory/atomics.h"

namespace foreseed::memory {

namespace {

constexpr std::uint32_t spins_before_idle = 6;

/// The object at `address`, found to hold `value`. A value that no instrumented code left there was written by a library
/// that is not instrumented: that writer is unknown, so the reader is taken to be ordered after all it could be - every
/// task, or, where nothing was seen before, those that are ending (libstdc++ makes futures ready there).
SyncObject& seen_object(const void* address, std::uint64_t value) {
  bool fresh;
  SyncObject& object = ObjectTable::get().at(address, ObjectKind::atomic, fresh);
  if (__builtin_expect(fresh || object.value != value, 0)) {
    World& world = World::get();
    for (std::uint32_t i = 0; i < world.task_count(); ++i) {
      const Task& other = world.task(i);
      if (&other != &world.current() && (!fresh || other.exiting)) world.current().clock.join(other.clock);
    }
    object.value = value;
  }
  return object;
}

std::uint32_t number(SyncObject& object) { return World::get().recording() ? number_of(object) : 0; }

/// Remembers that the task read the same value from the same place again.
void note_read(const void* address, std::uint64_t value) {
  Task& self = World::get().current();
  if (self.idle_address == address && self.idle_value == value) {
    ++self.idle_count;
  } else {
    self.idle_address = address;
    self.idle_value = value;
    self.idle_count = 0;
  }
}

/// A fence joins through an object of its own: seq_cst fences are totally ordered.
const char fence_address = 0;

}  // namespace

void atomic_point(Op op, const void* address) {
  World& world = World::get();
  const Task& self = world.current();
  if (__builtin_expect(self.idle_count >= spins_before_idle && self.idle_address == address, 0)) {
    world.idle_point(op, address);
  } else {
    world.point(op, address);
  }
}

void atomic_loaded(const void* address, std::size_t size, std::uint64_t value) {
  World& world = World::get();
  access(address, size, false, true);
  world.accessed(address, Touch::Kind::read, false, value);
  SyncObject& object = seen_object(address, value);
  world.current().clock.join(object.clock);
  note_read(address, value);
  world.event(Op::atomic_load, number(object), 0, false);
}

void atomic_stored(const void* address, std::size_t size, std::uint64_t old, std::uint64_t value) {
  World& world = World::get();
  access(address, size, true, true);
  world.accessed(address, Touch::Kind::write, true, old);
  Task& self = world.current();
  SyncObject& object = ObjectTable::get().at(address, ObjectKind::atomic);
  object.value = value;
  object.clock.assign(self.clock);
  self.release();
  world.event(Op::atomic_store, number(object), 0);
}

void atomic_modified(const void* address, std::size_t size, Op op, std::uint64_t old, std::uint64_t value) {
  World& world = World::get();
  access(address, size, true, true);
  world.accessed(address, op == Op::atomic_cas ? Touch::Kind::attempt : Touch::Kind::write, true, old, old);
  Task& self = world.current();
  SyncObject& object = seen_object(address, old);
  object.value = value;
  self.clock.join(object.clock);
  object.clock.assign(self.clock);
  self.release();
  self.idle_address = nullptr;
  world.event(op, number(object), 1);
}

void atomic_cas_failed(const void* address, std::size_t size, std::uint64_t value, std::uint64_t expected) {
  World& world = World::get();
  access(address, size, false, true);
  world.accessed(address, Touch::Kind::attempt, false, value, expected);
  SyncObject& object = seen_object(address, value);
  world.current().clock.join(object.clock);
  note_read(address, value);
  world.event(Op::atomic_cas, number(object), 0, false);
}

void atomic_fence() {
  World& world = World::get();
  world.point(Op::atomic_fence, &fence_address);
  world.accessed(&fence_address, Touch::Kind::read, false);  // between sequentially consistent accesses it does nothing
  Task& self = world.current();
  SyncObject& object = ObjectTable::get().at(&fence_address, ObjectKind::atomic);
  self.clock.join(object.clock);
  object.clock.assign(self.clock);
  self.release();
  world.event(Op::atomic_fence, 0, 0, false);
}

void release_at(const void* address) {
  World::get().accessed(address, Touch::Kind::write);
  Task& self = World::get().current();
  SyncObject& object = ObjectTable::get().at(address, ObjectKind::atomic);
  object.value = *static_cast<const unsigned char*>(address);
  object.clock.join(self.clock);
  self.release();
}

}  // namespace foreseed::memory
