// The calls that g++ and clang emit with -fsanitize=thread: plain accesses, atomics, fences. Functions are named and
// typed as in the compilers' ThreadSanitizer ABI; the sanitizer's own runtime is not linked.

#include <cstdint>
#include <cstring>

#include "intercept/real.h"
#include "memory/atomics.h"
#include "memory/race.h"

using namespace foreseed;

namespace {

__attribute__((noinline)) void ask(const void* address, std::size_t size, bool writes) {
  const Entry entry;
  memory::access(address, size, writes, false);
}

inline void plain(const void* address, std::size_t size, bool writes) {
  if (!simulated_code() || memory::access_own(address, size, writes)) return;
  ask(address, size, writes);
}

/// Accesses of other sizes, or that may span more than 8 aligned bytes.
inline void plain_range(const void* address, std::size_t size, bool writes) {
  if (simulated_code() && size != 0) ask(address, size, writes);
}

}  // namespace

#define PLAIN_AS(check, size)                                                                   \
  FORESEED_EXPORT void __tsan_read##size(void* a) { check(a, size, false); }                    \
  FORESEED_EXPORT void __tsan_write##size(void* a) { check(a, size, true); }                    \
  FORESEED_EXPORT void __tsan_volatile_read##size(void* a) { check(a, size, false); }           \
  FORESEED_EXPORT void __tsan_volatile_write##size(void* a) { check(a, size, true); }           \
  FORESEED_EXPORT void __tsan_read_write##size(void* a) { check(a, size, true); }
#define UNALIGNED(size)                                                                               \
  FORESEED_EXPORT void __tsan_unaligned_read##size(void* a) { plain_range(a, size, false); }          \
  FORESEED_EXPORT void __tsan_unaligned_write##size(void* a) { plain_range(a, size, true); }          \
  FORESEED_EXPORT void __tsan_unaligned_volatile_read##size(void* a) { plain_range(a, size, false); } \
  FORESEED_EXPORT void __tsan_unaligned_volatile_write##size(void* a) { plain_range(a, size, true); } \
  FORESEED_EXPORT void __tsan_unaligned_read_write##size(void* a) { plain_range(a, size, true); }
PLAIN_AS(plain, 1)
PLAIN_AS(plain, 2)
PLAIN_AS(plain, 4)
PLAIN_AS(plain, 8)
PLAIN_AS(plain_range, 16)
UNALIGNED(2)
UNALIGNED(4)
UNALIGNED(8)
UNALIGNED(16)

FORESEED_EXPORT void __tsan_init() {}
FORESEED_EXPORT void __tsan_func_entry(void*) {}
FORESEED_EXPORT void __tsan_func_exit() {}
FORESEED_EXPORT void __tsan_ignore_thread_begin() {}
FORESEED_EXPORT void __tsan_ignore_thread_end() {}
FORESEED_EXPORT void __tsan_read_range(void* a, std::size_t size) { plain_range(a, size, false); }
FORESEED_EXPORT void __tsan_write_range(void* a, std::size_t size) { plain_range(a, size, true); }
// Constructors and destructors store the vtable pointer again and again: only a change counts.
FORESEED_EXPORT void __tsan_vptr_update(void** place, void* value) {
  if (*place != value) plain(place, sizeof *place, true);
}
FORESEED_EXPORT void __tsan_vptr_read(void** place) { plain(place, sizeof *place, false); }

FORESEED_EXPORT void* __tsan_memcpy(void* to, const void* from, std::size_t size) {
  plain_range(from, size, false);
  plain_range(to, size, true);
  return std::memcpy(to, from, size);
}
FORESEED_EXPORT void* __tsan_memmove(void* to, const void* from, std::size_t size) {
  plain_range(from, size, false);
  plain_range(to, size, true);
  return std::memmove(to, from, size);
}
FORESEED_EXPORT void* __tsan_memset(void* to, int value, std::size_t size) {
  plain_range(to, size, true);
  return std::memset(to, value, size);
}

// Inside a simulation only one OS thread touches the program's memory; outside, the program may be running natively with
// real threads.

namespace {

template <typename T>
std::uint64_t low_bits(T value) {
  return static_cast<std::uint64_t>(value);
}

template <typename T>
T load(const volatile T* place) {
  if (!simulated_code()) return __atomic_load_n(place, __ATOMIC_SEQ_CST);
  const Entry entry;
  const void* const address = const_cast<const T*>(place);
  memory::atomic_point(Op::atomic_load, address);
  const T value = __atomic_load_n(place, __ATOMIC_RELAXED);
  memory::atomic_loaded(address, sizeof(T), low_bits(value));
  return value;
}

template <typename T>
void store(volatile T* place, T value) {
  if (!simulated_code()) return __atomic_store_n(place, value, __ATOMIC_SEQ_CST);
  const Entry entry;
  const void* const address = const_cast<const T*>(place);
  memory::atomic_point(Op::atomic_store, address);
  const T old = *place;
  __atomic_store_n(place, value, __ATOMIC_RELAXED);
  memory::atomic_stored(address, sizeof(T), low_bits(old), low_bits(value));
}

/// `modify(place)` does the machine operation and returns the old value.
template <typename T, typename Modify>
T modify(volatile T* place, Op op, Modify modify) {
  if (!simulated_code()) return modify(place);
  const Entry entry;
  const void* const address = const_cast<const T*>(place);
  memory::atomic_point(op, address);
  const T old = modify(place);
  memory::atomic_modified(address, sizeof(T), op, low_bits(old), low_bits(*place));
  return old;
}

template <typename T>
bool compare_exchange(volatile T* place, T* expected, T desired) {
  if (!simulated_code()) {
    return __atomic_compare_exchange_n(place, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  }
  const Entry entry;
  const void* const address = const_cast<const T*>(place);
  memory::atomic_point(Op::atomic_cas, address);
  const T found = *place;
  if (found != *expected) {
    const T wanted = *expected;
    *expected = found;
    memory::atomic_cas_failed(address, sizeof(T), low_bits(found), low_bits(wanted));
    return false;
  }
  *place = desired;
  memory::atomic_modified(address, sizeof(T), Op::atomic_cas, low_bits(found), low_bits(desired));
  return true;
}

}  // namespace

#define RMW(T, bits, name)                                                                             \
  FORESEED_EXPORT T __tsan_atomic##bits##_fetch_##name(volatile T* a, T v, int) {                      \
    return modify<T>(a, Op::atomic_rmw, [v](volatile T* p) { return __atomic_fetch_##name(p, v, __ATOMIC_SEQ_CST); }); \
  }
#define ATOMIC(T, bits)                                                                                \
  FORESEED_EXPORT T __tsan_atomic##bits##_load(const volatile T* a, int) { return load<T>(a); }        \
  FORESEED_EXPORT void __tsan_atomic##bits##_store(volatile T* a, T v, int) { store<T>(a, v); }        \
  FORESEED_EXPORT T __tsan_atomic##bits##_exchange(volatile T* a, T v, int) {                          \
    return modify<T>(a, Op::atomic_exchange,                                                           \
                     [v](volatile T* p) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); });      \
  }                                                                                                    \
  RMW(T, bits, add)                                                                                    \
  RMW(T, bits, sub)                                                                                    \
  RMW(T, bits, and)                                                                                    \
  RMW(T, bits, or)                                                                                     \
  RMW(T, bits, xor)                                                                                    \
  RMW(T, bits, nand)                                                                                   \
  FORESEED_EXPORT int __tsan_atomic##bits##_compare_exchange_strong(volatile T* a, T* c, T v, int, int) { \
    return compare_exchange<T>(a, c, v);                                                               \
  }                                                                                                    \
  FORESEED_EXPORT int __tsan_atomic##bits##_compare_exchange_weak(volatile T* a, T* c, T v, int, int) { \
    return compare_exchange<T>(a, c, v);                                                               \
  }                                                                                                    \
  FORESEED_EXPORT T __tsan_atomic##bits##_compare_exchange_val(volatile T* a, T c, T v, int, int) {    \
    compare_exchange<T>(a, &c, v);                                                                     \
    return c;                                                                                          \
  }

ATOMIC(std::uint8_t, 8)
ATOMIC(std::uint16_t, 16)
ATOMIC(std::uint32_t, 32)
ATOMIC(std::uint64_t, 64)

FORESEED_EXPORT void __tsan_atomic_thread_fence(int) {
  if (!simulated_code()) return __atomic_thread_fence(__ATOMIC_SEQ_CST);
  const Entry entry;
  memory::atomic_fence();
}
FORESEED_EXPORT void __tsan_atomic_signal_fence(int) {}
