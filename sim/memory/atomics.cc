#include "memory/atomics.h"

#include "memory/fences.h"
#include "memory/unknown_writer.h"
#include "memory/weak.h"

namespace foreseed::memory {

namespace {

// Of the same operations with the same result: to a search, those that follow so many are one step with the last of them,
// up to the hundredth. Otherwise, see Task::spins_in_one_step().
constexpr std::uint32_t spins_told_apart = 6;
constexpr std::uint32_t spins_together = 100;
const char fence_address = 0;  // what a fence touches, to a search

/// The object at `address`, found to hold `value`; where no instrumented code left that there, see unknown_writer.h.
SyncObject& seen_object(const void* address, std::uint64_t value) {
  bool fresh;
  SyncObject& object = ObjectTable::get().at(address, ObjectKind::atomic, fresh);
  if (__builtin_expect(fresh || object.value != value, 0)) {
    Task& self = World::get().current();
    if (!fresh) {
      learn_from_all(self);
    } else if (value != 0) {
      learn_from_ended(self);
    }
    object.value = value;
  }
  return object;
}

std::uint32_t number(SyncObject& object) { return World::get().recording() ? number_of(object) : 0; }

/// The task has read what was left at `object`.
void read_from(const SyncObject& object, Task& self, Order order) {
  if (acquires(order)) {
    self.clock.join(object.clock);
  } else if (!object.clock.empty()) {
    fence_clocks(self).met.join(object.clock);
  }
}

/// A scheduling point under a search. A task that does the same again and again, with nothing changed anywhere, waits for a
/// change, unless it sleeps after a while.
void search_point(Op op, const void* address) {
  World& world = World::get();
  const Task& self = world.current();
  const std::uint32_t again = world.times_again(op, address);
  const auto at_least = [&](std::uint32_t times) { return again >= times || (op == Op::atomic_load && self.polls(address, times)); };
  const bool loop = again >= spins_told_apart && self.round.count > 1;
  // A compare-exchange may expect something else than the last one did.
  if (at_least(op == Op::atomic_cas ? spins_told_apart : spins_together)) return world.spinning_point(op, loop ? nullptr : address);
  if (op == Op::atomic_cas || !at_least(spins_told_apart)) world.point(op, address);
}

}  // namespace

void atomic_point(Op op, const void* address) {
  World& world = World::get();
  if (__builtin_expect(world.search_mode(), 0)) return search_point(op, address);
  const Task& self = world.current();
  if (__builtin_expect(!self.polls(address, Task::spins_told_apart), 1)) {
    world.point(op, address);
  } else if (self.polls(address, Task::spins_before_idle)) {
    world.idle_point(op, address);
  }
}

void atomic_loaded(const void* address, std::size_t size, std::uint64_t value, Order order) {
  World& world = World::get();
  access_atomic(address, size, false);
  world.accessed(address, Touch::Kind::read, false, value);
  SyncObject& object = seen_object(address, value);
  Task& self = world.current();
  read_from(object, self, order);
  self.found(address, value);
  world.event(Op::atomic_load, number(object), 0, false);
}

void atomic_stored(const void* address, std::size_t size, std::uint64_t old, std::uint64_t value, Order order) {
  World& world = World::get();
  access_atomic(address, size, true);
  world.accessed(address, Touch::Kind::write, true, old);
  Task& self = world.current();
  SyncObject& object = ObjectTable::get().at(address, ObjectKind::atomic);
  object.value = value;
  object.owner = nullptr;
  if (releases(order)) {
    object.clock.assign(self.clock);
    self.release();
  } else if (const VectorClock* const released = released_by_fence(self)) {
    object.clock.assign(*released);
  } else {
    object.clock.clear();
  }
  world.event(Op::atomic_store, number(object), 0);
}

void atomic_modified(const void* address, std::size_t size, Op op, std::uint64_t old, std::uint64_t value, Order order) {
  World& world = World::get();
  access_atomic(address, size, true);
  const bool changes = value != old || size > sizeof value;
  world.accessed(address, op == Op::atomic_cas ? Touch::Kind::attempt : Touch::Kind::write, true, old, old, changes);
  Task& self = world.current();
  const std::uint64_t epoch = self.epoch();
  SyncObject& object = seen_object(address, old);
  object.value = value;
  if (op == Op::atomic_rmw && object.owner == &self && sets_pointer_bit(size, value, old)) order = Order::acq_rel;
  object.owner = op == Op::atomic_cas && sets_pointer_bit(size, old, value) ? &self : nullptr;
  read_from(object, self, order);
  if (releases(order)) {
    object.clock.join(self.clock);
    self.release();
  } else if (const VectorClock* const released = released_by_fence(self)) {
    object.clock.join(*released);
  }
  if (changes) {
    self.polling.address = nullptr;
  } else {
    self.found(address, old, epoch);  // test_and_set in a loop
  }
  world.event(op, number(object), 1, changes);
}

void atomic_cas_failed(const void* address, std::size_t size, std::uint64_t value, std::uint64_t expected, Order order) {
  World& world = World::get();
  access_atomic(address, size, false);
  world.accessed(address, Touch::Kind::attempt, false, value, expected);
  SyncObject& object = seen_object(address, value);
  Task& self = world.current();
  read_from(object, self, order);
  self.found(address, value);
  world.event(Op::atomic_cas, number(object), 0, false);
}

void atomic_fence(Order order) {
  World& world = World::get();
  world.point(Op::atomic_fence, &fence_address);
  world.accessed(&fence_address, Touch::Kind::read, false);  // it changes nothing for others
  if (weak) return weak_fence(order);
  Task& self = world.current();
  if (acquires(order)) acquire_fence(self);
  if (releases(order)) release_fence(self);
  world.event(Op::atomic_fence, 0, 0, false);
}

void release_at(const void* address) {
  World::get().accessed(address, Touch::Kind::write);
  if (weak) return weak_release_at(address);
  Task& self = World::get().current();
  SyncObject& object = ObjectTable::get().at(address, ObjectKind::atomic);
  object.value = *static_cast<const unsigned char*>(address);
  object.clock.join(self.clock);
  self.release();
}

void acquire_at(const void* address) {
  World::get().current().clock.join(ObjectTable::get().at(address, ObjectKind::atomic).clock);
}

}  // namespace foreseed::memory
