#include "memory/weak.h"

#include <algorithm>

#include "kernel/world.h"
#include "memory/atomics.h"
#include "memory/fences.h"
#include "memory/race.h"
#include "memory/sc_order.h"
#include "memory/tso.h"
#include "sync/spurious.h"

namespace foreseed::memory {

bool weak = false;

namespace {

Histories histories;
ScOrder sc_order;
StoreOrder store_order;
bool tso = false;

/// A read-modify-write between its two halves.
struct Modification {
  void* address;
  Location* at;
  std::size_t read;
  Op op;
  Order order;
};
Modification under_way;

std::uint32_t epoch_of(const Task& task) { return task.clock.get(task.id); }

/// Before an operation of `self` on `address` (null: a fence).
void begin(const Task& self, const void* address) {
  if (tso) return store_order.begin(self);
  if (sc_order.full()) {
    sc_order.clear();
    histories.settle();
  }
  sc_order.begin(self, reinterpret_cast<std::uintptr_t>(address));
}

/// After it; `epoch` is the task's when it was done.
void end(const Task& self, std::uint32_t epoch) {
  if (tso) return store_order.end(self, epoch);
  sc_order.end(self);
}

Operation operation(Task& self, const void* address, Order order, const Store* source, bool writes) {
  Operation op{self, reinterpret_cast<std::uintptr_t>(address), order == Order::seq_cst, writes, Known(self.clock), {}};
  op.after = op.before;
  if (source != nullptr && acquires(order)) op.after.join(source->release);
  return op;
}

// --- what a load may read

bool is_known(const Store& store, const Task& self) {
  if (store.epoch <= self.clock.get(store.task)) return true;
  for (const Read& read : store.reads) {
    if (read.epoch <= self.clock.get(read.task)) return true;
  }
  return false;
}

/// The last store, in modification order, that happens before `self` or was read by what does: nothing older may be read,
/// and nothing stored before it.
std::size_t coherent_from(const Location& at, const Task& self) {
  std::size_t i = at.stores.size() - 1;
  while (i > 0 && !is_known(at.stores[i], self)) --i;
  return i;
}

std::uint32_t times_read(const Store& store, const Task& self) {
  std::uint32_t count = 0;
  for (const Read& read : store.reads) count += read.task == self.id ? read.count : 0;
  return count;
}

/// Whether store `i` has been read by a read-modify-write, which stands right after it.
bool is_taken(const Location& at, std::size_t i) { return i + 1 < at.stores.size() && at.stores[i + 1].modifies; }

/// The stores that a load may read, the newest first.
std::vector<std::size_t> readable(Task& self, const void* address, const Location& at, Order order) {
  const std::size_t newest = at.stores.size() - 1;
  std::vector<std::size_t> result{newest};
  const std::size_t oldest = tso ? store_order.oldest_readable(self, at) : coherent_from(at, self);
  for (std::size_t i = newest; i > oldest; --i) {
    const Store& store = at.stores[i - 1];
    if (times_read(store, self) >= stale_reads_max) break;
    if (tso || sc_order.allows(operation(self, address, order, &store, false), at, i)) result.push_back(i - 1);
  }
  return result;
}

/// How many of the read-modify-writes that end in store `i`, each reading the last, changed nothing or are the task's own.
std::uint32_t futile_before(const Location& at, std::size_t i, const Task& self) {
  std::uint32_t count = 0;
  for (; i > 0 && at.stores[i].modifies; --i) count += at.stores[i].task == self.id || at.stores[i].value == at.stores[i - 1].value;
  return count;
}

/// The stores that a read-modify-write may read, the newest first.
std::vector<std::size_t> modifiable(Task& self, const void* address, const Location& at, Order order) {
  const std::size_t newest = at.stores.size() - 1;
  std::vector<std::size_t> result{newest};
  if (tso) return result;
  for (std::size_t i = newest; i > coherent_from(at, self); --i) {
    const Store& store = at.stores[i - 1];
    if (is_taken(at, i - 1) || futile_before(at, i - 1, self) >= stale_reads_max) continue;
    if (sc_order.allows(operation(self, address, order, &store, true), at, i)) result.push_back(i - 1);
  }
  return result;
}

/// The positions at which a store may go, the end first.
std::vector<std::size_t> places(Task& self, const void* address, const Location& at, Order order) {
  std::vector<std::size_t> result{at.stores.size()};
  if (tso) return result;
  for (std::size_t i = at.stores.size() - 1; i > coherent_from(at, self); --i) {
    if (at.stores[i].modifies) continue;
    if (sc_order.allows(operation(self, address, order, nullptr, true), at, i)) result.push_back(i);
  }
  return result;
}

/// What a search has to know. Values are not told: what a load finds does not follow from the order of the steps alone. With
/// store buffers, which of two stores is first matters to others wherever they are; a load does not care what was stored
/// elsewhere, for it is done as early as it can be.
void touch(const void* address, Touch::Kind kind, bool wrote, bool changes = true) {
  World& world = World::get();
  world.accessed({address, kind, wrote, false, 0, 0, changes});
  if (tso && wrote) world.accessed(&store_order, Touch::Kind::write);
}

std::size_t choose(Op op, const std::vector<std::size_t>& among) {
  return among[World::get().choose(static_cast<std::uint32_t>(op), ChoiceKind::memory, among.size())];
}

// --- doing it

void acquire_from(const Store& store, Task& self, Order order) {
  if (acquires(order)) {
    store.release.join_into(self.clock);
  } else if (!store.release.empty()) {
    store.release.join_into(fence_clocks(self).met);
  }
}

/// What a store, or a read-modify-write of `source`, hands on.
Known handed_on(const Task& self, Order order, const Store* source) {
  Known release;
  if (source != nullptr) release = source->release;
  if (releases(order)) {
    release.join(self.clock);
  } else if (const VectorClock* const fence = released_by_fence(self)) {
    release.join(*fence);
  }
  return release;
}

/// Notes that `self` has read the store.
void note_reader(Store& store, const Task& self, std::uint32_t node) {
  Read* entry = nullptr;
  for (Read& read : store.reads) {
    if (read.task == self.id && (read.epoch == epoch_of(self) || !sc_order.has_fences())) entry = &read;
  }
  if (entry == nullptr) entry = &store.reads.emplace_back(Read{self.id, epoch_of(self), 0, 0, {}});
  ++entry->count;
  if (node != 0) entry->node = node;
  if (sc_order.has_fences()) entry->clock = Known(self.clock);
}

void read_at(Task& self, const void* address, Location& at, std::size_t i, Order order) {
  Store& store = at.stores[i];
  std::uint32_t node = 0;
  if (tso) {
    store_order.loaded(self, store);
  } else {
    node = sc_order.add(operation(self, address, order, &store, false), at, i + 1);
  }
  acquire_from(store, self, order);
  note_reader(store, self, node);
}

/// Puts a store at position `i`; memory holds the newest.
void insert(Task& self, void* address, Location& at, std::size_t i, Store&& made) {
  made.task = self.id;
  made.epoch = epoch_of(self);
  made.step = World::get().step() + 1;
  if (tso) store_order.stored(self, made);
  if (sc_order.has_fences()) made.clock = Known(self.clock);
  if (i == at.stores.size()) write_memory(address, at.size, made.value);
  at.stores.insert(at.stores.begin() + static_cast<std::ptrdiff_t>(i), std::move(made));
  if (at.stores.size() > stores_max) at.drop_oldest();
}

// --- events

/// The event of an operation; `newer` stores stand behind the one that it read or made.
void note(Op op, const void* address, std::size_t newer, bool progress, const Store* read) {
  World& world = World::get();
  if (!world.recording()) return world.event(op, 0, static_cast<std::int32_t>(newer), progress);
  std::string text;
  if (newer != 0 && read == nullptr) {
    text = "before newer ones";
  } else if (newer != 0 && read->epoch == 0) {
    text = "reads what was there first";
  } else if (newer != 0) {
    text = "reads an older one, of " + world.task_name(world.task(read->task)) + " at step " + std::to_string(read->step);
  }
  world.event(op, number_of(ObjectTable::get().at(address, ObjectKind::atomic)), static_cast<std::int32_t>(newer), progress);
  if (newer != 0) world.annotate(std::move(text));
}

/// With `orders_only`, a seq_cst fence that hands nothing on and learns nothing: races stay races.
void fence(Task& self, Order order, bool orders_only = false) {
  if (order == Order::seq_cst) self.release();  // what it did before is of an earlier epoch than the fence
  begin(self, nullptr);
  const std::uint32_t epoch = epoch_of(self);
  Operation op = operation(self, nullptr, order, nullptr, false);
  if (acquires(order) && !orders_only) acquire_fence(self);
  op.after = Known(self.clock);
  if (order == Order::seq_cst) {
    if (tso) {
      store_order.drain(self);
    } else {
      sc_order.add_fence(op, histories);
    }
  }
  if (releases(order) && !orders_only) release_fence(self);
  end(self, epoch);
}

}  // namespace

Value weak_load(const void* address, std::size_t size, Order order) {
  Task& self = World::get().current();
  access(address, size, false, true);
  touch(address, Touch::Kind::read, false);
  Location& at = histories.at(address, size, &self);
  begin(self, address);
  const std::uint32_t epoch = epoch_of(self);
  const std::size_t i = choose(Op::atomic_load, readable(self, address, at, order));
  read_at(self, address, at, i, order);
  end(self, epoch);
  const Value value = at.stores[i].value;
  self.found(address, value.low ^ value.high);
  note(Op::atomic_load, address, at.stores.size() - 1 - i, false, &at.stores[i]);
  return value;
}

void weak_store(void* address, std::size_t size, const Value& value, Order order) {
  Task& self = World::get().current();
  access(address, size, true, true);
  touch(address, Touch::Kind::write, true);
  Location& at = histories.at(address, size, nullptr);
  begin(self, address);
  const std::uint32_t epoch = epoch_of(self);
  const std::size_t i = choose(Op::atomic_store, places(self, address, at, order));
  const std::size_t newer = at.stores.size() - i;
  Store made;
  made.value = value;
  made.release = handed_on(self, order, nullptr);
  if (!tso) made.node = sc_order.add(operation(self, address, order, nullptr, true), at, i);
  insert(self, address, at, i, std::move(made));
  if (releases(order)) self.release();
  if (tso && order == Order::seq_cst) store_order.drain(self);
  end(self, epoch);
  note(Op::atomic_store, address, newer, true, nullptr);
}

Value weak_modify_read(void* address, std::size_t size, Op op, Order order) {
  Task& self = World::get().current();
  access(address, size, true, true);
  Location& at = histories.at(address, size, &self);
  begin(self, address);
  const std::size_t i = choose(op, modifiable(self, address, at, order));
  under_way = {address, &at, i, op, order};
  return at.stores[i].value;
}

void weak_modify_write(const Value& value) {
  const Modification m = under_way;
  Location& at = *m.at;
  Task& self = World::get().current();
  Store& source = at.stores[m.read];
  Order order = m.order;
  const bool undoes = m.op == Op::atomic_rmw && source.task == self.id && source.modifies;
  if (undoes && sets_pointer_bit(at.size, value.low, source.value.low)) order = Order::acq_rel;
  Store made;
  made.value = value;
  made.modifies = true;
  const std::uint32_t epoch = epoch_of(self);
  const std::uint64_t before = self.epoch();
  if (!tso) made.node = sc_order.add(operation(self, m.address, order, &source, true), at, m.read + 1);
  acquire_from(source, self, order);
  note_reader(source, self, made.node);
  made.release = handed_on(self, order, &source);
  const std::size_t newer = at.stores.size() - 1 - m.read;
  const Store read = source;
  insert(self, m.address, at, m.read + 1, std::move(made));
  if (releases(order)) self.release();
  if (tso) store_order.drain(self);
  end(self, epoch);
  const bool changes = value != read.value;
  touch(m.address, m.op == Op::atomic_cas ? Touch::Kind::attempt : Touch::Kind::write, true, changes);
  if (changes) {
    self.polling.address = nullptr;
  } else {
    self.found(m.address, value.low ^ value.high, before);
  }
  note(m.op, m.address, newer, changes, &read);
  // No processor does what follows, a seq_cst load, before a releasing read-modify-write, though C++ lets it. libstdc++ asks
  // so whether there is anyone to be woken. (The kernel's part in this is weak_futex().)
  const SyncObject* const word = releases(m.order) ? ObjectTable::get().find(m.address) : nullptr;
  if (word != nullptr && !word->waiters.empty()) fence(self, Order::seq_cst, true);
}

bool weak_compare_exchange(void* address, std::size_t size, Value& expected, const Value& desired, Order success,
                           Order failure, bool may_fail) {
  Task& self = World::get().current();
  access(address, size, false, true);
  Location& at = histories.at(address, size, &self);
  begin(self, address);
  // It succeeds where it reads what it expects, and then is a read-modify-write; otherwise it is a load.
  const bool fails = may_fail && sync::happens_spuriously(Op::atomic_cas);
  const std::vector<std::size_t> for_success = modifiable(self, address, at, success);
  const std::vector<std::size_t> for_failure = tso ? for_success : readable(self, address, at, failure);
  std::vector<std::size_t> among;
  for (std::size_t i = at.stores.size(); i-- > 0;) {
    const auto& allowed = at.stores[i].value == expected && !fails ? for_success : for_failure;
    if (std::find(allowed.begin(), allowed.end(), i) != allowed.end()) among.push_back(i);
  }
  const std::size_t i = choose(Op::atomic_cas, among);
  if (at.stores[i].value == expected && !fails) {
    access(address, size, true, true);
    under_way = {address, &at, i, Op::atomic_cas, success};
    weak_modify_write(desired);
    return true;
  }
  touch(address, Touch::Kind::attempt, false);
  const std::uint32_t epoch = epoch_of(self);
  expected = at.stores[i].value;
  read_at(self, address, at, i, failure);
  if (tso) store_order.drain(self);
  end(self, epoch);
  self.found(address, expected.low ^ expected.high);
  note(Op::atomic_cas, address, at.stores.size() - 1 - i, false, &at.stores[i]);
  return false;
}

void weak_fence(Order order) {
  World& world = World::get();
  fence(world.current(), order);
  world.event(Op::atomic_fence, 0, 0, false);
}

void weak_futex(const void* address, bool waits) {
  weak_fence(Order::seq_cst);
  if (!waits) return;
  Task& self = World::get().current();
  Location& at = histories.at(address, sizeof(std::uint32_t), &self);
  begin(self, address);
  const std::uint32_t epoch = epoch_of(self);
  read_at(self, address, at, at.stores.size() - 1, Order::relaxed);
  end(self, epoch);
}

void weak_release_at(const void* address) {
  Task& self = World::get().current();
  histories.forget(address, 1);
  histories.at(address, 1, nullptr).newest().release = Known(self.clock);
  self.release();
}

void weak_forget(const void* address, std::size_t size) { histories.forget(address, size); }

void weak_begin_run() {
  weak = World::get().memory() != MemoryModel::sc;
  tso = World::get().memory() == MemoryModel::tso;
}

void weak_end_run() {
  if (__builtin_expect(!weak, 1)) return;
  weak = false;
  histories.clear();
  sc_order.clear();
  store_order.clear();
}

}  // namespace foreseed::memory
