// 16-byte atomics, compiled with -mcx16: natively by cmpxchg16b, as the program itself would.

#include "intercept/real.h"
#include "memory/atomics.h"
#include "memory/weak.h"

using namespace foreseed;
using memory::order_of;

namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t folded(Wide value) { return static_cast<std::uint64_t>(value ^ (value >> 64)); }

memory::Value kept(Wide value) {
  return {static_cast<std::uint64_t>(value), static_cast<std::uint64_t>(value >> 64)};
}
Wide taken(const memory::Value& value) { return Wide{value.high} << 64 | value.low; }

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
Wide modify(volatile Wide* place, Op op, int order, Next next) {
  if (!simulated_code()) return native(place, next);
  const Entry entry;
  void* const address = const_cast<Wide*>(place);
  memory::atomic_point(op, address);
  if (memory::weak) {
    if (op == Op::atomic_store) return memory::weak_store(address, 16, kept(next(0)), order_of(order)), 0;
    const Wide found = taken(memory::weak_modify_read(address, 16, op, order_of(order)));
    memory::weak_modify_write(kept(next(found)));
    return found;
  }
  const Wide old = *place;
  const Wide value = next(old);
  *place = value;
  if (op == Op::atomic_store) {
    memory::atomic_stored(address, 16, folded(old), folded(value), order_of(order));
  } else {
    memory::atomic_modified(address, 16, op, folded(old), folded(value), order_of(order));
  }
  return old;
}

bool compare_exchange(volatile Wide* place, Wide* expected, Wide desired, int success, int failure, bool may_fail) {
  if (!simulated_code()) {
    const Wide seen = __sync_val_compare_and_swap(place, *expected, desired);
    const bool same = seen == *expected;
    *expected = seen;
    return same;
  }
  const Entry entry;
  void* const address = const_cast<Wide*>(place);
  memory::atomic_point(Op::atomic_cas, address);
  if (memory::weak) {
    memory::Value found = kept(*expected);
    const bool done = memory::weak_compare_exchange(address, 16, found, kept(desired), order_of(success),
                                                    order_of(failure), may_fail);
    *expected = taken(found);
    return done;
  }
  const Wide found = *place;
  if (found != *expected) {
    const Wide wanted = *expected;
    *expected = found;
    memory::atomic_cas_failed(address, 16, folded(found), folded(wanted), order_of(failure));
    return false;
  }
  *place = desired;
  memory::atomic_modified(address, 16, Op::atomic_cas, folded(found), folded(desired), order_of(success));
  return true;
}

}  // namespace

FORESEED_EXPORT Wide __tsan_atomic128_load(const volatile Wide* a, int order) {
  auto* const place = const_cast<volatile Wide*>(a);
  if (!simulated_code()) return native(place, [](Wide old) { return old; });
  const Entry entry;
  memory::atomic_point(Op::atomic_load, const_cast<const Wide*>(a));
  if (memory::weak) return taken(memory::weak_load(const_cast<const Wide*>(a), 16, order_of(order)));
  const Wide value = *a;
  memory::atomic_loaded(const_cast<const Wide*>(a), 16, folded(value), order_of(order));
  return value;
}
FORESEED_EXPORT void __tsan_atomic128_store(volatile Wide* a, Wide v, int order) {
  modify(a, Op::atomic_store, order, [v](Wide) { return v; });
}
FORESEED_EXPORT Wide __tsan_atomic128_exchange(volatile Wide* a, Wide v, int order) {
  return modify(a, Op::atomic_exchange, order, [v](Wide) { return v; });
}
#define RMW128(name, expression)                                                                 \
  FORESEED_EXPORT Wide __tsan_atomic128_fetch_##name(volatile Wide* a, Wide v, int order) {      \
    return modify(a, Op::atomic_rmw, order, [v](Wide old) { return expression; });               \
  }
RMW128(add, old + v)
RMW128(sub, old - v)
RMW128(and, old & v)
RMW128(or, old | v)
RMW128(xor, old ^ v)
RMW128(nand, ~(old & v))
#define CAS128(strength, may_fail)                                                                    \
  FORESEED_EXPORT int __tsan_atomic128_compare_exchange_##strength(volatile Wide* a, Wide* c, Wide v, \
                                                                   int success, int failure) {        \
    return compare_exchange(a, c, v, success, failure, may_fail);                                     \
  }
CAS128(strong, false)
CAS128(weak, true)
FORESEED_EXPORT Wide __tsan_atomic128_compare_exchange_val(volatile Wide* a, Wide c, Wide v, int success, int failure) {
  compare_exchange(a, &c, v, success, failure, false);
  return c;
}
