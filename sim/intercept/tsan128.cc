// 16-byte atomics, compiled with -mcx16: natively by cmpxchg16b, as the program itself would.

#include "intercept/real.h"
#include "memory/atomics.h"

using namespace foreseed;

namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t folded(Wide value) { return static_cast<std::uint64_t>(value ^ (value >> 64)); }

/// Natively every operation is a compare-exchange loop; `next` gives the new value, or the old one to leave it.
template <typename Next>
Wide native(volatile Wide* place, Next next) {
  Wide old = *place;
  for (;;) {
    const Wide seen = __sync_val_compare_and_swap(place, old, next(old));
    if (seen == old) return old;
    old = seen;
  }
}

template <typename Next>
Wide modify(volatile Wide* place, Op op, Next next) {
  if (!simulated_code()) return native(place, next);
  const Entry entry;
  const void* const address = const_cast<const Wide*>(place);
  memory::atomic_point(op, address);
  const Wide old = *place;
  const Wide value = next(old);
  *place = value;
  if (op == Op::atomic_store) {
    memory::atomic_stored(address, 16, folded(old), folded(value));
  } else {
    memory::atomic_modified(address, 16, op, folded(old), folded(value));
  }
  return old;
}

bool compare_exchange(volatile Wide* place, Wide* expected, Wide desired) {
  if (!simulated_code()) {
    const Wide seen = __sync_val_compare_and_swap(place, *expected, desired);
    const bool same = seen == *expected;
    *expected = seen;
    return same;
  }
  const Entry entry;
  const void* const address = const_cast<const Wide*>(place);
  memory::atomic_point(Op::atomic_cas, address);
  const Wide found = *place;
  if (found != *expected) {
    const Wide wanted = *expected;
    *expected = found;
    memory::atomic_cas_failed(address, 16, folded(found), folded(wanted));
    return false;
  }
  *place = desired;
  memory::atomic_modified(address, 16, Op::atomic_cas, folded(found), folded(desired));
  return true;
}

}  // namespace

FORESEED_EXPORT Wide __tsan_atomic128_load(const volatile Wide* a, int) {
  auto* const place = const_cast<volatile Wide*>(a);
  if (!simulated_code()) return native(place, [](Wide old) { return old; });
  const Entry entry;
  memory::atomic_point(Op::atomic_load, const_cast<const Wide*>(a));
  const Wide value = *a;
  memory::atomic_loaded(const_cast<const Wide*>(a), 16, folded(value));
  return value;
}
FORESEED_EXPORT void __tsan_atomic128_store(volatile Wide* a, Wide v, int) {
  modify(a, Op::atomic_store, [v](Wide) { return v; });
}
FORESEED_EXPORT Wide __tsan_atomic128_exchange(volatile Wide* a, Wide v, int) {
  return modify(a, Op::atomic_exchange, [v](Wide) { return v; });
}
#define RMW128(name, expression)                                                \
  FORESEED_EXPORT Wide __tsan_atomic128_fetch_##name(volatile Wide* a, Wide v, int) { \
    return modify(a, Op::atomic_rmw, [v](Wide old) { return expression; });     \
  }
RMW128(add, old + v)
RMW128(sub, old - v)
RMW128(and, old & v)
RMW128(or, old | v)
RMW128(xor, old ^ v)
RMW128(nand, ~(old & v))
FORESEED_EXPORT int __tsan_atomic128_compare_exchange_strong(volatile Wide* a, Wide* c, Wide v, int, int) {
  return compare_exchange(a, c, v);
}
FORESEED_EXPORT int __tsan_atomic128_compare_exchange_weak(volatile Wide* a, Wide* c, Wide v, int, int) {
  return compare_exchange(a, c, v);
}
FORESEED_EXPORT Wide __tsan_atomic128_compare_exchange_val(volatile Wide* a, Wide c, Wide v, int, int) {
  compare_exchange(a, &c, v);
  return c;
}
