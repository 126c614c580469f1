#pragma once
// What is known of each synchronisation object of a run: found by its address, made at its first use.
//
// The program's own bytes stay untouched (but for pthread_once_t and static guards, whose "done" state code reads
// directly, and for what is destroyed, see sync_state.h), so an object works natively before and after a run, and a run
// that is given up leaves nothing behind.
// Entries die with the run, with *_destroy, and with the heap block they lie in.

#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/hidden.h"
#include "kernel/layout.h"
#include "kernel/task.h"
#include "kernel/vector_clock.h"

namespace foreseed {

enum class ObjectKind : std::uint8_t { mutex, cond, rwlock, semaphore, barrier, once, spin, futex, atomic };

const char* to_string(ObjectKind kind);

struct SyncObject {
  std::uintptr_t address = 0;    ///< 1 once it is forgotten
  std::uint64_t place = 0;       ///< the run it is good for, and its slot in the table
  std::uint32_t number = 0;      ///< for reports; 0 until it is needed
  ObjectKind kind = ObjectKind::mutex;
  std::uint8_t type = 0;         ///< mutex: PTHREAD_MUTEX_*; cond: its clock
  bool flag = false;             ///< once, guard: running
  Task* owner = nullptr;         ///< mutex, spin, rwlock (writer), once; atomic: who set a bit of it
  std::int64_t count = 0;        ///< recursion depth, semaphore value, readers, barrier arrivals
  std::uint64_t value = 0;       ///< atomic: what instrumented code last saw there
  std::uint64_t generation = 0;  ///< barrier rounds
  std::uint32_t limit = 0;       ///< barrier size
  WaitList waiters;              ///< rwlock: writers
  WaitList readers;              ///< rwlock only
  std::vector<std::uint16_t> holders;  ///< rwlock: tasks that read
  VectorClock clock;             ///< what its last releases knew
  VectorClock readers_clock;     ///< rwlock: what those knew that have released it as readers; writers learn it only

  /// Whether this is still what is known of `where`, after others may have gone on.
  bool is(const void* where, ObjectKind what) const {
    return address == reinterpret_cast<std::uintptr_t>(where) && kind == what;
  }
  /// Whether tasks wait at it or hold it, even where it was forgotten.
  bool in_use() const { return !waiters.empty() || !readers.empty() || !holders.empty(); }
  void clear_clocks() {
    clock.clear();
    readers_clock.clear();
  }
};

class ObjectTable {
 public:
  static ObjectTable& get() { return instance_; }

  void begin_run();
  void drop_clocks();

  /// The object of `kind` at `address`; `fresh` is set if this made it (or made it anew as another kind).
  SyncObject& at(const void* address, ObjectKind kind, bool& fresh) {
    const auto key = reinterpret_cast<std::uintptr_t>(address);
    for (std::size_t i = slot(key);; i = (i + 1) & mask_) {
      SyncObject& object = *slots_[i];
      if (__builtin_expect(object.place != place(i), 0)) {
        fresh = true;
        return insert(i, key, kind);
      }
      if (__builtin_expect(object.address == key, 1)) {
        fresh = object.kind != kind;
        return __builtin_expect(fresh, 0) ? renew(object, key, kind) : object;
      }
    }
  }

  SyncObject& at(const void* address, ObjectKind kind) {
    bool fresh;
    return at(address, kind, fresh);
  }

  SyncObject* find(const void* address);

  /// Forgets the object at `address`, if there is one.
  void forget(const void* address);
  /// Forgets what lies in a heap block that is being freed: next to nothing where the block holds no objects.
  void forget_block(std::uintptr_t address, std::size_t size) {
    const std::size_t first = (address - heap_base) / 64;
    const std::size_t last = (address - heap_base + size - 1) / 64;
    if (__builtin_expect(first / 64 == last / 64, 1)) {
      const std::uint64_t mask = (~std::uint64_t{0} >> (63 - (last - first))) << (first % 64);
      if (__builtin_expect(first / 64 >= heap_bits_.size() || (heap_bits_[first / 64] & mask) == 0, 1)) return;
    }
    forget_range(address, size);
  }

  std::size_t size() const { return used_; }
  SyncObject& nth(std::size_t index) { return *pool_[index]; }

 private:
  static constexpr std::uintptr_t erased = 1;

  ObjectTable();
  FORESEED_HIDDEN static ObjectTable instance_;
  std::uint64_t place(std::size_t slot) const { return std::uint64_t{run_} << 32 | slot; }
  std::size_t slot(std::uintptr_t key) const { return (key * 0x9e3779b97f4a7c15ull) >> shift_; }
  SyncObject& insert(std::size_t position, std::uintptr_t key, ObjectKind kind);
  std::size_t free_slot(std::uintptr_t key) const;
  SyncObject& renew(SyncObject& object, std::uintptr_t key, ObjectKind kind);
  void grow();
  void mark_heap(std::uintptr_t key);
  void forget_range(std::uintptr_t address, std::size_t size);

  // A slot whose object is not placed there in this run is free.
  std::vector<SyncObject*> slots_;
  std::size_t mask_ = 0;
  int shift_ = 0;
  std::uint32_t run_ = 1;
  std::vector<std::unique_ptr<SyncObject>> pool_;
  std::size_t used_ = 0;

  // One bit per 64 bytes of heap: whether an object was ever seen there in this run.
  std::vector<std::uint64_t> heap_bits_;
  std::vector<std::uint32_t> heap_words_;  ///< words of heap_bits_ that are not 0
  std::vector<std::uint64_t> heap_bytes_;  ///< for each of those bits, at which of the 64 bytes
};

std::uint32_t give_number(SyncObject& object);

/// The number of an object in reports, given at first asking.
inline std::uint32_t number_of(SyncObject& object) {
  return __builtin_expect(object.number != 0, 1) ? object.number : give_number(object);
}

}  // namespace foreseed
