// What programs built with -fsanitize=thread call by name, beside what the compiler calls: dynamic annotations
// (Annotate*) and <sanitizer/tsan_interface.h>. Only what orders tasks or excuses accesses does anything.

#include <cstddef>

#include "intercept/real.h"
#include "memory/annotations.h"
#include "memory/atomics.h"

using namespace foreseed;

namespace {

/// What is a synchronisation object already, says itself what it orders.
bool orders_by_itself(const void* address) {
  const SyncObject* const object = ObjectTable::get().find(address);
  return object != nullptr && object->kind != ObjectKind::atomic;
}

void releases(const void* address) {
  if (!simulated_code()) return;
  const Entry entry;
  if (!orders_by_itself(address)) memory::release_at(address);
}

void acquires(const void* address) {
  if (!simulated_code()) return;
  const Entry entry;
  if (!orders_by_itself(address)) memory::acquire_at(address);
}

void ignores(bool begin) {
  if (!simulated_code()) return;
  const Entry entry;
  memory::ignore_accesses(begin);
}

void allows(const void* address, std::size_t size) {
  if (!simulated_code()) return;
  const Entry entry;
  memory::allow_races(address, size);
}

}  // namespace

#define ANNOTATION(name, ...) FORESEED_EXPORT void Annotate##name(const char*, int __VA_OPT__(,) __VA_ARGS__)
#define NOTHING {}

ANNOTATION(HappensBefore, const volatile void* address) { releases(const_cast<const void*>(address)); }
ANNOTATION(HappensAfter, const volatile void* address) { acquires(const_cast<const void*>(address)); }
ANNOTATION(RWLockAcquired, const volatile void* lock, long) { acquires(const_cast<const void*>(lock)); }
ANNOTATION(RWLockReleased, const volatile void* lock, long) { releases(const_cast<const void*>(lock)); }
ANNOTATION(IgnoreReadsBegin) { ignores(true); }
ANNOTATION(IgnoreReadsEnd) { ignores(false); }
ANNOTATION(IgnoreWritesBegin) { ignores(true); }
ANNOTATION(IgnoreWritesEnd) { ignores(false); }
ANNOTATION(BenignRace, const volatile void* address, const char*) { allows(const_cast<const void*>(address), 8); }
ANNOTATION(BenignRaceSized, const volatile void* address, std::size_t size, const char*) {
  allows(const_cast<const void*>(address), size);
}
ANNOTATION(RWLockCreate, const volatile void*) NOTHING
ANNOTATION(RWLockCreateStatic, const volatile void*) NOTHING
ANNOTATION(RWLockDestroy, const volatile void*) NOTHING
ANNOTATION(IgnoreSyncBegin) NOTHING
ANNOTATION(IgnoreSyncEnd) NOTHING
ANNOTATION(CondVarSignal, const volatile void*) NOTHING
ANNOTATION(CondVarSignalAll, const volatile void*) NOTHING
ANNOTATION(CondVarWait, const volatile void*, const volatile void*) NOTHING
ANNOTATION(EnableRaceDetection, int) NOTHING
ANNOTATION(MemoryIsInitialized, const volatile void*, std::size_t) NOTHING
ANNOTATION(MemoryIsUninitialized, const volatile void*, std::size_t) NOTHING
ANNOTATION(NewMemory, const volatile void*, std::size_t) NOTHING
ANNOTATION(ThreadName, const char*) NOTHING

FORESEED_EXPORT void __tsan_acquire(void* address) { acquires(address); }
FORESEED_EXPORT void __tsan_release(void* address) { releases(address); }
FORESEED_EXPORT void __tsan_ignore_thread_begin() { ignores(true); }
FORESEED_EXPORT void __tsan_ignore_thread_end() { ignores(false); }

// A lock of the program's own: what holds it one after the other is ordered.
FORESEED_EXPORT void __tsan_mutex_create(void*, unsigned) {}
FORESEED_EXPORT void __tsan_mutex_destroy(void*, unsigned) {}
FORESEED_EXPORT void __tsan_mutex_pre_lock(void*, unsigned) {}
FORESEED_EXPORT void __tsan_mutex_post_lock(void* mutex, unsigned flags, int) {
  constexpr unsigned lock_failed = 1u << 4;
  if ((flags & lock_failed) == 0) acquires(mutex);
}
FORESEED_EXPORT int __tsan_mutex_pre_unlock(void* mutex, unsigned) {
  releases(mutex);
  return 1;
}
FORESEED_EXPORT void __tsan_mutex_post_unlock(void*, unsigned) {}
FORESEED_EXPORT void __tsan_mutex_pre_signal(void*, unsigned) {}
FORESEED_EXPORT void __tsan_mutex_post_signal(void*, unsigned) {}
FORESEED_EXPORT void __tsan_mutex_pre_divert(void*, unsigned) {}
FORESEED_EXPORT void __tsan_mutex_post_divert(void*, unsigned) {}

// Fibres of the program's own are parts of the task that they run in.
FORESEED_EXPORT void* __tsan_get_current_fiber() {
  static char here;
  return &here;
}
FORESEED_EXPORT void* __tsan_create_fiber(unsigned) { return __tsan_get_current_fiber(); }
FORESEED_EXPORT void __tsan_destroy_fiber(void*) {}
FORESEED_EXPORT void __tsan_switch_to_fiber(void*, unsigned) {}
FORESEED_EXPORT void __tsan_set_fiber_name(void*, const char*) {}

FORESEED_EXPORT void __tsan_flush_memory() {}
FORESEED_EXPORT void* __tsan_external_register_tag(const char*) { return nullptr; }
FORESEED_EXPORT void __tsan_external_register_header(void*, const char*) {}
FORESEED_EXPORT void __tsan_external_assign_tag(void*, void*) {}
FORESEED_EXPORT void __tsan_external_read(void*, void*, void*) {}
FORESEED_EXPORT void __tsan_external_write(void*, void*, void*) {}
