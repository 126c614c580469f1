#include "sync/objects.h"

#include <bit>
#include <utility>

#include "kernel/clear.h"
#include "kernel/layout.h"
#include "kernel/world.h"

namespace foreseed {

const char* to_string(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::mutex: return "mutex";
    case ObjectKind::cond: return "cond";
    case ObjectKind::rwlock: return "rwlock";
    case ObjectKind::semaphore: return "semaphore";
    case ObjectKind::barrier: return "barrier";
    case ObjectKind::once: return "once";
    case ObjectKind::spin: return "spinlock";
    case ObjectKind::futex: return "futex";
    case ObjectKind::atomic: return "atomic";
  }
  return "object";
}

std::uint32_t give_number(SyncObject& object) {
  return object.number = World::get().number_object(to_string(object.kind));
}

namespace {
SyncObject nothing;  // of run 0, which never is
}

ObjectTable::ObjectTable() : slots_(256, &nothing), mask_(255), shift_(64 - 8) {}

ObjectTable ObjectTable::instance_;

void ObjectTable::begin_run() {
  used_ = 0;
  for (const std::uint32_t word : heap_words_) heap_bits_[word] = 0;
  clear_rare(heap_words_);
  if (__builtin_expect(++run_ != 0, 1)) return;
  run_ = 1;
  for (const auto& object : pool_) object->place = 0;
}

void ObjectTable::drop_clocks() {
  for (std::size_t i = 0; i < used_; ++i) pool_[i]->clear_clocks();
}

SyncObject& ObjectTable::renew(SyncObject& object, std::uintptr_t key, ObjectKind kind) {
  object.address = key;
  object.number = 0;
  object.kind = kind;
  object.type = 0;
  object.flag = false;
  object.owner = nullptr;
  object.count = 0;
  object.value = 0;
  object.generation = 0;
  object.limit = 0;
  object.waiters.clear();
  object.readers.clear();
  clear_rare(object.holders);
  object.clear_clocks();
  return object;
}

SyncObject& ObjectTable::insert(std::size_t position, std::uintptr_t key, ObjectKind kind) {
  if (__builtin_expect(used_ * 2 > mask_, 0)) {
    grow();
    position = free_slot(key);
  }
  if (__builtin_expect(used_ == pool_.size(), 0)) pool_.push_back(std::make_unique<SyncObject>());
  if (in_heap(key)) mark_heap(key);
  SyncObject& object = *pool_[used_++];
  slots_[position] = &object;
  object.place = place(position);
  return renew(object, key, kind);
}

std::size_t ObjectTable::free_slot(std::uintptr_t key) const {
  std::size_t i = slot(key);
  while (slots_[i]->place == place(i)) i = (i + 1) & mask_;
  return i;
}

/// Makes room: forgotten objects are used again, and where most are not forgotten there are twice as many slots.
void ObjectTable::grow() {
  std::size_t kept = 0;
  for (std::size_t k = 0; k < used_; ++k) {
    pool_[k]->address != erased || pool_[k]->in_use() ? std::swap(pool_[kept++], pool_[k]) : pool_[k]->clear_clocks();
  }
  used_ = kept;
  const bool more = used_ * 4 > mask_;
  slots_.assign(slots_.size() * (more ? 2 : 1), &nothing);
  mask_ = slots_.size() - 1;
  shift_ -= more;
  for (std::size_t k = 0; k < used_; ++k) {
    SyncObject* const object = pool_[k].get();
    if (object->address == erased) continue;
    const std::size_t position = free_slot(object->address);
    slots_[position] = object;
    object->place = place(position);
  }
}

SyncObject* ObjectTable::find(const void* address) {
  const auto key = reinterpret_cast<std::uintptr_t>(address);
  for (std::size_t i = slot(key); slots_[i]->place == place(i); i = (i + 1) & mask_) {
    if (slots_[i]->address == key) return slots_[i];
  }
  return nullptr;
}

void ObjectTable::forget(const void* address) {
  if (SyncObject* const object = find(address); object != nullptr) object->address = erased;
}

void ObjectTable::mark_heap(std::uintptr_t key) {
  const std::size_t granule = (key - heap_base) / 64;
  const std::size_t word = granule / 64;
  if (word >= heap_bits_.size()) {
    heap_bits_.resize(word + 1024, 0);
    heap_bytes_.resize(heap_bits_.size() * 64);
  }
  if (heap_bits_[word] == 0) heap_words_.push_back(static_cast<std::uint32_t>(word));
  std::uint64_t& bytes = heap_bytes_[granule];
  const std::uint64_t bit = std::uint64_t{1} << (granule % 64);
  if ((heap_bits_[word] & bit) == 0) bytes = 0;  // what an earlier run left
  heap_bits_[word] |= bit;
  bytes |= std::uint64_t{1} << (key % 64);
}

void ObjectTable::forget_range(std::uintptr_t address, std::size_t size) {
  const std::size_t first = (address - heap_base) / 64;
  const std::size_t last = (address - heap_base + size - 1) / 64;
  for (std::size_t granule = first; granule <= last; ++granule) {
    const std::size_t word = granule / 64;
    if (word >= heap_bits_.size()) return;
    if (heap_bits_[word] == 0) {
      granule = word * 64 + 63;
      continue;
    }
    if (((heap_bits_[word] >> (granule % 64)) & 1) == 0) continue;
    std::uint64_t& bytes = heap_bytes_[granule];
    for (std::uint64_t left = bytes; left != 0; left &= left - 1) {
      const int byte = std::countr_zero(left);
      const std::uintptr_t key = heap_base + granule * 64 + static_cast<std::uintptr_t>(byte);
      if (key < address || key >= address + size) continue;
      forget(reinterpret_cast<const void*>(key));
      bytes &= ~(std::uint64_t{1} << byte);
    }
  }
}

}  // namespace foreseed
