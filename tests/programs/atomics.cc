// Atomic operations, orders, fences, wait and notify.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

#include "checks.h"
#include "programs.h"

#if defined(__GNUC__) && !defined(__clang__)
// ThreadSanitizer itself does not see through fences; these programs are run
// by others too.
#pragma GCC diagnostic ignored "-Wtsan"
#endif

namespace programs {

namespace {

template <class T>
void one_thread_operations(Checks& check, std::memory_order order) {
  std::atomic<T> value{T(5)};
  const auto load_order = order == std::memory_order_acq_rel || order == std::memory_order_release ? std::memory_order_acquire : order;
  const auto store_order =
      order == std::memory_order_acq_rel || order == std::memory_order_acquire || order == std::memory_order_consume ? std::memory_order_release : order;
  check(value.load(load_order) == T(5), "load()");
  value.store(T(6), store_order);
  check(value.exchange(T(7), order) == T(6), "exchange()");
  T expected = T(1);
  check(!value.compare_exchange_strong(expected, T(2), order, load_order), "compare_exchange_strong() of another value");
  check(expected == T(7), "compare_exchange_strong() did not return the value");
  check(value.compare_exchange_strong(expected, T(9), order, std::memory_order_relaxed), "compare_exchange_strong()");
  expected = T(9);
  while (!value.compare_exchange_weak(expected, T(12), order, std::memory_order_relaxed)) expected = T(9);
  check(value.load(std::memory_order_relaxed) == T(12), "compare_exchange_weak()");
  expected = T(3);
  check(!value.compare_exchange_weak(expected, T(4), order), "compare_exchange_weak() of another value");
  check(expected == T(12), "compare_exchange_weak() did not return the value");
  if constexpr (std::is_integral_v<T>) {
    check(value.fetch_add(T(3), order) == T(12), "fetch_add()");
    check(value.fetch_sub(T(1), order) == T(15), "fetch_sub()");
    check(value.fetch_and(T(0x6), order) == T(14), "fetch_and()");
    check(value.fetch_or(T(0x9), order) == T(6), "fetch_or()");
    check(value.fetch_xor(T(0x5), order) == T(15), "fetch_xor()");
    check(value.load() == T(10), "fetch_xor() stored another value");
    // The extremes: nothing may spill into what is beside it.
    value.store(std::is_signed_v<T> ? T(-1) : T(~T(0)), store_order);
    check(value.fetch_add(T(1), order) == (std::is_signed_v<T> ? T(-1) : T(~T(0))), "fetch_add() at the end");
    check(value.load() == T(0), "fetch_add() does not wrap");
    check(value.fetch_sub(T(1)) == T(0), "fetch_sub() at the start");
    check(++value == T(0) && value++ == T(0) && --value == T(0) && value-- == T(0), "increment and decrement");
    check((value |= T(4)) == T(-1), "operator |=");
  }
}

template <class T>
void all_orders(Checks& check) {
  one_thread_operations<T>(check, std::memory_order_relaxed);
  one_thread_operations<T>(check, std::memory_order_acquire);
  one_thread_operations<T>(check, std::memory_order_release);
  one_thread_operations<T>(check, std::memory_order_acq_rel);
  one_thread_operations<T>(check, std::memory_order_seq_cst);
}

template <class T>
void concurrent_operations(Checks& check) {
  struct Cells {
    std::atomic<T> before{T(0x55)};
    std::atomic<T> sum{T(0)};
    std::atomic<T> bits{T(0)};
    std::atomic<T> toggled{T(0)};
    std::atomic<T> kept{T(0x3)};
    std::atomic<T> by_cas{T(0)};
    std::atomic<T> after{T(0x55)};
  } cells;
  const auto work = [&](T bit) {
    for (int i = 0; i < 3; ++i) {
      cells.sum.fetch_add(T(3), std::memory_order_relaxed);
      cells.sum.fetch_sub(T(1));
      cells.bits.fetch_or(bit, std::memory_order_release);
      cells.toggled.fetch_xor(bit, std::memory_order_acq_rel);
      T expected = cells.by_cas.load(std::memory_order_relaxed);
      while (!cells.by_cas.compare_exchange_weak(expected, static_cast<T>(expected + 1), std::memory_order_acq_rel, std::memory_order_relaxed)) {
      }
      expected = cells.by_cas.load();
      while (!cells.by_cas.compare_exchange_strong(expected, static_cast<T>(expected + 1))) {
      }
    }
    cells.kept.fetch_and(static_cast<T>(~bit));
  };
  std::thread a(work, T(1));
  std::thread b(work, T(2));
  a.join();
  b.join();
  check(cells.sum == T(12), "an addition was lost");
  check(cells.bits == T(3), "a fetch_or() was lost");
  check(cells.toggled == T(3), "a fetch_xor() was lost");
  check(cells.kept == T(0), "a fetch_and() was lost");
  check(cells.by_cas == T(12), "a compare and exchange was lost");
  check(cells.before == T(0x55) && cells.after == T(0x55), "an atomic beside was changed");
}

}  // namespace

void atomic_operations() {
  Checks check("atomic_operations");
  all_orders<std::int8_t>(check);
  all_orders<std::uint8_t>(check);
  all_orders<std::int16_t>(check);
  all_orders<std::uint16_t>(check);
  all_orders<std::int32_t>(check);
  all_orders<std::uint32_t>(check);
  all_orders<std::int64_t>(check);
  all_orders<std::uint64_t>(check);
  check.done();
}

void atomic_concurrent_1() {
  Checks check("atomic_concurrent_1");
  concurrent_operations<std::uint8_t>(check);
  check.done();
}

void atomic_concurrent_2() {
  Checks check("atomic_concurrent_2");
  concurrent_operations<std::int16_t>(check);
  check.done();
}

void atomic_concurrent_4() {
  Checks check("atomic_concurrent_4");
  concurrent_operations<std::int32_t>(check);
  check.done();
}

void atomic_concurrent_8() {
  Checks check("atomic_concurrent_8");
  concurrent_operations<std::uint64_t>(check);
  check.done();
}

void atomic_other_types() {
  Checks check("atomic_other_types");
  enum class Colour : std::uint8_t { red, green };
  struct alignas(4) Small {
    std::uint16_t a;
    std::uint16_t b;
  };
  std::atomic<bool> flag{false};
  std::atomic<Colour> colour{Colour::red};
  std::atomic<Small> small{Small{1, 2}};
  std::array<int, 4> cells{0, 1, 2, 3};
  std::atomic<int*> pointer{cells.data()};
  std::atomic<float> real{1.5F};
  std::thread thread([&] {
    check(!flag.exchange(true), "exchange() of a bool");
    colour = Colour::green;
    small.store(Small{3, 4});
    pointer.fetch_add(2);
    real.fetch_sub(0.5F);
  });
  const Small seen = small.load();
  check((seen.a == 1 && seen.b == 2) || (seen.a == 3 && seen.b == 4), "half of a struct was seen");
  thread.join();
  check(flag && colour.load() == Colour::green, "a bool or an enum was not stored");
  check(small.load().a == 3 && small.load().b == 4, "a struct was not stored");
  check(*pointer == 2 && *(pointer += 1) == 3 && *--pointer == 2, "a pointer was not moved");
  check(real == 1.0F, "a float was not changed");
  check.done();
}

void atomic_double_sum() {
  Checks check("atomic_double_sum");
  std::atomic<double> sum{0.0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&sum] {
      for (int j = 0; j < 4; ++j) sum.fetch_add(0.25, std::memory_order_relaxed);
    });
  }
  for (auto& thread : threads) thread.join();
  check(sum == 3.0, "an addition to a double was lost");
  check.done();
}

void atomic_flag_handover() {
  Checks check("atomic_flag_handover");
  std::atomic_flag taken = ATOMIC_FLAG_INIT;
  std::atomic<int> winners{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      if (!taken.test_and_set(std::memory_order_acq_rel)) ++winners;
      check(taken.test(), "the flag is clear after test_and_set()");
    });
  }
  for (auto& thread : threads) thread.join();
  check(winners == 1, "not exactly one thread set the flag");
  taken.clear();
  check(!taken.test(), "the flag is set after clear()");
  alignas(64) std::atomic_flag ready;
  int value = 0;
  std::thread waiter([&] {
    ready.wait(false);
    check(value == 1, "what was written before the flag was set is not seen");
  });
  value = 1;
  ready.test_and_set();
  ready.notify_all();
  waiter.join();
  check.done();
}

void atomic_ref_counter() {
  Checks check("atomic_ref_counter");
  alignas(std::atomic_ref<int>::required_alignment) int counter = 0;
  alignas(std::atomic_ref<std::uint8_t>::required_alignment) std::uint8_t small = 0;
  alignas(std::atomic_ref<double>::required_alignment) double real = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 4; ++j) {
        std::atomic_ref<int>(counter).fetch_add(1, std::memory_order_relaxed);
        ++std::atomic_ref<std::uint8_t>(small);
        std::atomic_ref<double> ref(real);
        double expected = ref.load();
        while (!ref.compare_exchange_weak(expected, expected + 0.5)) {
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(counter == 8 && small == 8 && real == 4.0, "an increment through atomic_ref was lost");
  check.done();
}

// Release and acquire publish plain data.
void atomic_message_passing() {
  Checks check("atomic_message_passing");
  int data = 0;
  std::atomic<int> flag{0};
  std::thread writer([&] {
    data = 42;
    flag.store(1, std::memory_order_release);
  });
  std::thread relay([&] {
    for (int i = 0; i < 20; ++i) {
      if (flag.load(std::memory_order_acquire) == 1) {
        check(data == 42, "what was released is not acquired");
        flag.fetch_add(1, std::memory_order_relaxed);  // continues the release sequence
        return;
      }
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 20; ++i) {
    if (flag.load(std::memory_order_acquire) == 2) {
      check(data == 42, "a release sequence was broken");
      break;
    }
    std::this_thread::yield();
  }
  writer.join();
  relay.join();
  check(data == 42, "what a joined thread wrote is not seen");
  check.done();
}

// Store buffering and independent reads: what sequential consistency forbids.
void atomic_seq_cst_litmus() {
  Checks check("atomic_seq_cst_litmus");
  std::atomic<int> x{0};
  std::atomic<int> y{0};
  int saw_x = 0;
  int saw_y = 0;
  std::thread a([&] {
    x.store(1);
    saw_y = y.load();
  });
  std::thread b([&] {
    y.store(1);
    saw_x = x.load();
  });
  a.join();
  b.join();
  check(saw_x == 1 || saw_y == 1, "two seq_cst stores were both missed");
  std::atomic<int> p{0};
  std::atomic<int> q{0};
  std::array<int, 4> seen{};
  std::thread writer_p([&] { p.store(1); });
  std::thread writer_q([&] { q.store(1); });
  std::thread reader([&] {
    seen[0] = p.load();
    seen[1] = q.load();
  });
  seen[2] = q.load();
  seen[3] = p.load();
  writer_p.join();
  writer_q.join();
  reader.join();
  check(!(seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 0), "two readers saw two stores in opposite orders");
  check.done();
}

// Coherence of one atomic, and what no order at all may break.
void atomic_relaxed_litmus() {
  Checks check("atomic_relaxed_litmus");
  std::atomic<int> x{0};
  std::thread writer([&] {
    for (int i = 1; i <= 4; ++i) x.store(i, std::memory_order_relaxed);
  });
  std::thread reader([&] {
    int last = 0;
    for (int i = 0; i < 4; ++i) {
      const int now = x.load(std::memory_order_relaxed);
      check(now >= last, "one atomic was seen to go back");
      last = now;
    }
  });
  writer.join();
  reader.join();
  check(x.load(std::memory_order_relaxed) == 4, "the last store is not seen after a join");
  check.done();
}

// The data is atomic (and relaxed), so that it is free of races also to those
// who do not know fences.
void atomic_fences() {
  Checks check("atomic_fences");
  std::atomic<int> data{0};
  std::atomic<bool> ready{false};
  std::thread writer([&] {
    data.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    ready.store(true, std::memory_order_relaxed);
  });
  if (ready.load(std::memory_order_relaxed)) {
    std::atomic_thread_fence(std::memory_order_acquire);
    check(data.load(std::memory_order_relaxed) == 1, "what was written before a fence is not seen after one");
  }
  writer.join();
  std::atomic<int> x{0};
  std::atomic<int> y{0};
  int saw_x = 0;
  int saw_y = 0;
  std::thread a([&] {
    x.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    saw_y = y.load(std::memory_order_relaxed);
  });
  std::thread b([&] {
    y.store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    saw_x = x.load(std::memory_order_relaxed);
  });
  a.join();
  b.join();
  check(saw_x == 1 || saw_y == 1, "two stores before seq_cst fences were both missed");
  std::atomic_signal_fence(std::memory_order_seq_cst);
  check.done();
}

// The data is plain: free of races, by the fences alone.
void atomic_fences_plain_data() {
  Checks check("atomic_fences_plain_data");
  int data = 0;
  int more = 0;
  std::atomic<int> stage{0};
  std::thread writer([&] {
    data = 7;
    std::atomic_thread_fence(std::memory_order_release);
    stage.store(1, std::memory_order_relaxed);
  });
  std::thread second([&] {
    for (int i = 0; i < 20; ++i) {
      if (stage.load(std::memory_order_relaxed) == 1) {
        std::atomic_thread_fence(std::memory_order_acquire);
        check(data == 7, "what was written before a fence is not seen after one");
        more = data + 1;
        std::atomic_thread_fence(std::memory_order_acq_rel);
        stage.store(2, std::memory_order_relaxed);
        return;
      }
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 20; ++i) {
    if (stage.load(std::memory_order_relaxed) == 2) {
      std::atomic_thread_fence(std::memory_order_seq_cst);
      check(data == 7 && more == 8, "what was written before two fences is not seen");
      break;
    }
    std::this_thread::yield();
  }
  writer.join();
  second.join();
  check.done();
}

void atomic_wait_int() {
  Checks check("atomic_wait_int");
  alignas(64) std::atomic<int> turn{0};
  int value = 0;
  std::thread other([&] {
    for (int i = 1; i <= 5; i += 2) {
      for (int now = turn.load(); now < i; now = turn.load()) turn.wait(now);
      value += i;
      turn.store(i + 1);
      turn.notify_one();
    }
  });
  for (int i = 0; i <= 4; i += 2) {
    for (int now = turn.load(); now < i; now = turn.load()) turn.wait(now);
    value += i;
    turn.store(i + 1);
    turn.notify_one();
  }
  other.join();
  check(value == 15, "a turn was lost");
  turn.wait(5);  // it is 6: returns at once
  check.done();
}

void atomic_wait_small() {
  Checks check("atomic_wait_small");
  struct alignas(64) Cells {
    std::atomic<bool> ready{false};
    std::atomic<char> letter{'a'};
    std::atomic<std::uint16_t> number{0};
  } cells;
  int data = 0;
  std::thread first([&] {
    cells.ready.wait(false, std::memory_order_acquire);
    check(data == 1, "what was written before notify is not seen");
    cells.letter.store('b');
    cells.letter.notify_one();
  });
  std::thread second([&] {
    cells.letter.wait('a');
    check(cells.letter.load() == 'b', "another letter");
    cells.number.store(3);
    cells.number.notify_all();
  });
  data = 1;
  cells.ready.store(true, std::memory_order_release);
  cells.ready.notify_one();
  cells.number.wait(0);
  check(cells.number.load() == 3, "another number");
  first.join();
  second.join();
  check.done();
}

void atomic_wait_wide() {
  Checks check("atomic_wait_wide");
  alignas(64) std::atomic<std::uint64_t> value{1};
  std::thread thread([&] {
    value.wait(1);
    check(value.load() == (std::uint64_t{1} << 40) + 1, "half of a wide value was seen");
  });
  value.store((std::uint64_t{1} << 40) + 1);  // the lower half is as it was
  value.notify_one();
  thread.join();
  check.done();
}

void atomic_notify_all() {
  Checks check("atomic_notify_all");
  alignas(64) std::atomic<int> go{0};
  alignas(64) std::atomic<bool> small_go{false};
  std::atomic<int> woken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      go.wait(0);
      check(go.load() == 1, "woken before the value changed");
      small_go.wait(false);
      check(small_go.load(), "woken before the small value changed");
      ++woken;
    });
  }
  go.store(1);
  go.notify_all();
  small_go.store(true);
  small_go.notify_all();
  for (auto& thread : threads) thread.join();
  check(woken == 3, "notify_all() did not wake all");
  check.done();
}

// A correct program; but libstdc++ 12 lets go of the lock of an
// atomic<shared_ptr> with a relaxed store in load(), so that its own read of
// the pointer races with the next store.
void atomic_shared_ptr() {
  Checks check("atomic_shared_ptr");
  std::atomic<std::shared_ptr<const int>> current{std::make_shared<const int>(0)};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 3; ++j) {
        std::shared_ptr<const int> seen = current.load();
        while (!current.compare_exchange_weak(seen, std::make_shared<const int>(*seen + 1))) {
        }
      }
    });
  }
  threads.emplace_back([&] {
    int last = 0;
    for (int j = 0; j < 3; ++j) {
      const auto seen = current.load();
      check(seen && *seen >= last && *seen <= 6, "the pointer went back");
      last = *seen;
    }
  });
  for (auto& thread : threads) thread.join();
  check(*current.load() == 6, "an exchange of a pointer was lost");
  check(*current.exchange(nullptr) == 6 && !current.load(), "exchange() of a pointer");
  check.done();
}

}  // namespace programs
