// The calls that g++ and clang emit with -fsanitize=thread: plain accesses, atomics, fences. Functions are named and
// typed as in the compilers' ThreadSanitizer ABI; the sanitizer's own runtime is not linked.

#include <cstdint>
#include <cstring>

#include "intercept/real.h"
#include "memory/atomics.h"
#include "memory/race.h"
#include "memory/racy.h"
#include "memory/weak.h"

using namespace foreseed;
using memory::order_of;

namespace {

// Always inlined: the return address is that of the program's code.

template <std::size_t size, bool writes>
__attribute__((always_inline)) inline void plain(const void* address) {
  if (simulated_code()) memory::access_plain<size, writes>(address, __builtin_return_address(0));
}

/// Accesses of other sizes, or that may span more than 8 aligned bytes.
__attribute__((always_inline)) inline void plain_range(const void* address, std::size_t size, bool writes) {
  if (simulated_code() && size != 0) memory::access_range(address, size, writes, __builtin_return_address(0));
}

}  // namespace

#define PLAIN(size)                                                                     \
  FORESEED_EXPORT void __tsan_read##size(void* a) { plain<size, false>(a); }            \
  FORESEED_EXPORT void __tsan_write##size(void* a) { plain<size, true>(a); }            \
  FORESEED_EXPORT void __tsan_volatile_read##size(void* a) { plain<size, false>(a); }   \
  FORESEED_EXPORT void __tsan_volatile_write##size(void* a) { plain<size, true>(a); }   \
  FORESEED_EXPORT void __tsan_read_write##size(void* a) { plain<size, true>(a); }
#define RANGE(unaligned, size)                                                                                       \
  FORESEED_EXPORT void __tsan_##unaligned##read##size(void* a) { plain_range(a, size, false); }                      \
  FORESEED_EXPORT void __tsan_##unaligned##write##size(void* a) { plain_range(a, size, true); }                      \
  FORESEED_EXPORT void __tsan_##unaligned##volatile_read##size(void* a) { plain_range(a, size, false); }             \
  FORESEED_EXPORT void __tsan_##unaligned##volatile_write##size(void* a) { plain_range(a, size, true); }             \
  FORESEED_EXPORT void __tsan_##unaligned##read_write##size(void* a) { plain_range(a, size, true); }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
RANGE(, 16)
RANGE(unaligned_, 2)
RANGE(unaligned_, 4)
RANGE(unaligned_, 8)
RANGE(unaligned_, 16)

FORESEED_EXPORT void __tsan_init() {}
FORESEED_EXPORT void __tsan_func_entry(void*) {}
FORESEED_EXPORT void __tsan_func_exit() {}
FORESEED_EXPORT void __tsan_read_range(void* a, std::size_t size) { plain_range(a, size, false); }
FORESEED_EXPORT void __tsan_write_range(void* a, std::size_t size) { plain_range(a, size, true); }
// Constructors and destructors store the vtable pointer again and again: only a change counts.
FORESEED_EXPORT void __tsan_vptr_update(void** place, void* value) {
  if (*place != value) plain<sizeof *place, true>(place);
}
FORESEED_EXPORT void __tsan_vptr_read(void** place) { plain<sizeof *place, false>(place); }

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

/// Values as the weak memory models keep them.
template <typename T>
memory::Value kept(T value) {
  return {static_cast<std::uint64_t>(value), 0};
}
template <typename T>
T taken(const memory::Value& value) {
  return static_cast<T>(value.low);
}

template <typename T>
T load(const volatile T* place, int order) {
  if (!simulated_code()) return __atomic_load_n(place, __ATOMIC_SEQ_CST);
  const Entry entry;
  const void* const address = const_cast<const T*>(place);
  memory::atomic_point(Op::atomic_load, address);
  if (memory::weak) return taken<T>(memory::weak_load(address, sizeof(T), order_of(order)));
  const T value = __atomic_load_n(place, __ATOMIC_RELAXED);
  memory::atomic_loaded(address, sizeof(T), low_bits(value), order_of(order));
  return value;
}

template <typename T>
void store(volatile T* place, T value, int order) {
  if (!simulated_code()) return __atomic_store_n(place, value, __ATOMIC_SEQ_CST);
  const Entry entry;
  void* const address = const_cast<T*>(place);
  memory::atomic_point(Op::atomic_store, address);
  if (memory::weak) return memory::weak_store(address, sizeof(T), kept(value), order_of(order));
  const T old = *place;
  __atomic_store_n(place, value, __ATOMIC_RELAXED);
  memory::atomic_stored(address, sizeof(T), low_bits(old), low_bits(value), order_of(order));
}

/// `modify(place)` does the machine operation and returns the old value.
template <typename T, typename Modify>
T modify(volatile T* place, Op op, int order, Modify modify) {
  if (!simulated_code()) return modify(place);
  const Entry entry;
  void* const address = const_cast<T*>(place);
  memory::atomic_point(op, address);
  if (memory::weak) {
    T cell = taken<T>(memory::weak_modify_read(address, sizeof(T), op, order_of(order)));
    const T found = modify(&cell);
    memory::weak_modify_write(kept(cell));
    return found;
  }
  const T old = modify(place);
  memory::atomic_modified(address, sizeof(T), op, low_bits(old), low_bits(*place), order_of(order));
  return old;
}

template <typename T>
bool compare_exchange(volatile T* place, T* expected, T desired, int success, int failure, bool may_fail) {
  if (!simulated_code()) {
    return __atomic_compare_exchange_n(place, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  }
  const Entry entry;
  void* const address = const_cast<T*>(place);
  memory::atomic_point(Op::atomic_cas, address);
  if (memory::weak) {
    memory::Value found = kept(*expected);
    const bool done = memory::weak_compare_exchange(address, sizeof(T), found, kept(desired), order_of(success),
                                                    order_of(failure), may_fail);
    *expected = taken<T>(found);
    return done;
  }
  const T found = *place;
  if (found != *expected) {
    const T wanted = *expected;
    *expected = found;
    memory::atomic_cas_failed(address, sizeof(T), low_bits(found), low_bits(wanted), order_of(failure));
    return false;
  }
  *place = desired;
  memory::atomic_modified(address, sizeof(T), Op::atomic_cas, low_bits(found), low_bits(desired), order_of(success));
  return true;
}

}  // namespace

#define RMW(T, bits, name)                                                                                     \
  FORESEED_EXPORT T __tsan_atomic##bits##_fetch_##name(volatile T* a, T v, int order) {                        \
    return modify<T>(a, Op::atomic_rmw, order,                                                                 \
                     [v](volatile T* p) { return __atomic_fetch_##name(p, v, __ATOMIC_SEQ_CST); });            \
  }
#define CAS(T, bits, strength, may_fail)                                                                       \
  FORESEED_EXPORT int __tsan_atomic##bits##_compare_exchange_##strength(volatile T* a, T* c, T v, int success, \
                                                                        int failure) {                         \
    return compare_exchange<T>(a, c, v, success, failure, may_fail);                                           \
  }
#define ATOMIC(T, bits)                                                                                        \
  FORESEED_EXPORT T __tsan_atomic##bits##_load(const volatile T* a, int order) { return load<T>(a, order); }   \
  FORESEED_EXPORT void __tsan_atomic##bits##_store(volatile T* a, T v, int order) { store<T>(a, v, order); }   \
  FORESEED_EXPORT T __tsan_atomic##bits##_exchange(volatile T* a, T v, int order) {                            \
    return modify<T>(a, Op::atomic_exchange, order,                                                            \
                     [v](volatile T* p) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); });              \
  }                                                                                                            \
  RMW(T, bits, add)                                                                                            \
  RMW(T, bits, sub)                                                                                            \
  RMW(T, bits, and)                                                                                            \
  RMW(T, bits, or)                                                                                             \
  RMW(T, bits, xor)                                                                                            \
  RMW(T, bits, nand)                                                                                           \
  CAS(T, bits, strong, false)                                                                                  \
  CAS(T, bits, weak, true)                                                                                     \
  FORESEED_EXPORT T __tsan_atomic##bits##_compare_exchange_val(volatile T* a, T c, T v, int success, int failure) { \
    compare_exchange<T>(a, &c, v, success, failure, false);                                                    \
    return c;                                                                                                  \
  }

ATOMIC(std::uint8_t, 8)
ATOMIC(std::uint16_t, 16)
ATOMIC(std::uint32_t, 32)
ATOMIC(std::uint64_t, 64)

FORESEED_EXPORT void __tsan_atomic_thread_fence(int order) {
  if (!simulated_code()) return __atomic_thread_fence(__ATOMIC_SEQ_CST);
  const Entry entry;
  memory::atomic_fence(order_of(order));
}
FORESEED_EXPORT void __tsan_atomic_signal_fence(int) {}
