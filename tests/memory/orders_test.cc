// What litmus.csv does not have: fences, release sequences, read-modify-writes, mixed orders. Each program with one
// outcome, and under which models it is possible.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "enumerate.h"

namespace foreseed::testing {
namespace {

constexpr auto rlx = std::memory_order_relaxed;
constexpr auto acq = std::memory_order_acquire;
constexpr auto rel = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;
constexpr auto seq = std::memory_order_seq_cst;

/// Two tasks, the second of them the body.
template <typename A, typename B>
void two(A a, B b) {
  std::thread thread(a);
  b();
  thread.join();
}
template <typename A, typename B, typename C>
void three(A a, B b, C c) {
  std::thread first(a);
  std::thread second(b);
  c();
  first.join();
  second.join();
}

using Atomic = std::atomic<int>;

template <std::memory_order Fence>
void sb_with_fences() {
  Atomic x{0}, y{0};
  two([&] { x.store(1, rlx); std::atomic_thread_fence(Fence); registers[0] = y.load(rlx); },
      [&] { y.store(1, rlx); std::atomic_thread_fence(Fence); registers[1] = x.load(rlx); });
}
void sb_with_one_fence() {
  Atomic x{0}, y{0};
  two([&] { x.store(1, rlx); std::atomic_thread_fence(seq); registers[0] = y.load(rlx); },
      [&] { y.store(1, rlx); registers[1] = x.load(rlx); });
}
template <std::memory_order Order>
void sb_with_exchanges() {
  Atomic x{0}, y{0};
  // One whose result nobody looks at may be compiled to a store.
  two([&] { if (x.exchange(1, Order) == 0) registers[0] = y.load(rlx); },
      [&] { if (y.exchange(1, Order) == 0) registers[1] = x.load(rlx); });
}
void sb_with_sc_stores_only() {
  Atomic x{0}, y{0};
  two([&] { x.store(1, seq); registers[0] = y.load(acq); }, [&] { y.store(1, seq); registers[1] = x.load(acq); });
}
template <bool Release, bool Acquire>
void mp_with_fences() {
  Atomic x{0}, y{0};
  two([&] { x.store(1, rlx); if (Release) std::atomic_thread_fence(rel); y.store(1, rlx); },
      [&] { registers[0] = y.load(rlx); if (Acquire) std::atomic_thread_fence(acq); registers[1] = x.load(rlx); });
}
void mp_release_to_relaxed() {
  Atomic x{0}, y{0};
  two([&] { x.store(1, rlx); y.store(1, rel); }, [&] { registers[0] = y.load(rlx); registers[1] = x.load(rlx); });
}
void mp_release_store_to_acquire_fence() {
  Atomic x{0}, y{0};
  two([&] { x.store(1, rlx); y.store(1, rel); },
      [&] { registers[0] = y.load(rlx); std::atomic_thread_fence(acq); registers[1] = x.load(rlx); });
}
template <std::memory_order Modify>
void release_sequence() {
  Atomic x{0}, y{0};
  three([&] { x.store(1, rlx); y.store(1, rel); }, [&] { y.fetch_add(1, Modify); },
        [&] { registers[0] = y.load(acq); registers[1] = x.load(rlx); });
}
void release_sequence_broken_by_own_store() {  // C++20
  Atomic x{0}, y{0};
  two([&] { x.store(1, rlx); y.store(1, rel); y.store(2, rlx); },
      [&] { registers[0] = y.load(acq); registers[1] = x.load(rlx); });
}
template <std::memory_order Load, std::memory_order Store>
void wrc() {
  Atomic x{0}, y{0};
  three([&] { x.store(1, Store); }, [&] { registers[0] = x.load(Load); y.store(1, Store); },
        [&] { registers[1] = y.load(Load); registers[2] = x.load(Load); });
}
template <std::memory_order Load, std::memory_order Store>
void isa2() {
  Atomic x{0}, y{0}, z{0};
  three([&] { x.store(1, rlx); y.store(1, Store); }, [&] { registers[0] = y.load(Load); z.store(1, Store); },
        [&] { registers[1] = z.load(Load); registers[2] = x.load(rlx); });
}
void cowr() {
  Atomic x{0};
  two([&] { x.store(1, rlx); registers[0] = x.load(rlx); }, [&] { x.store(2, rlx); });
  registers[1] = x.load(rlx);
}
void corw() {
  Atomic x{0};
  two([&] { registers[0] = x.load(rlx); x.store(1, rlx); }, [&] { x.store(2, rlx); });
  registers[1] = x.load(rlx);
}
void two_additions() {
  Atomic x{0};
  two([&] { registers[0] = x.fetch_add(1, rlx); }, [&] { registers[1] = x.fetch_add(1, rlx); });
  registers[2] = x.load(rlx);
}
void addition_and_store() {
  Atomic x{0};
  two([&] { registers[0] = x.fetch_add(1, rlx); }, [&] { x.store(10, rlx); });
  registers[1] = x.load(rlx);
}
void addition_seen_before_store() {  // the addition comes later in every schedule, and yet earlier in modification order
  Atomic x{0}, y{0};
  two([&] { x.store(10, rlx); y.store(1, rlx); }, [&] { registers[0] = y.load(rlx); registers[1] = x.fetch_add(1, rlx); });
  registers[2] = x.load(rlx);
}
void two_exchanges_by_comparison() {
  Atomic x{0};
  const auto claim = [&](int who) {
    int expected = 0;
    registers[who] = x.compare_exchange_strong(expected, who + 1, rlx, rlx) ? 1 : 0;
  };
  two([&] { claim(0); }, [&] { claim(1); });
}
void exchange_by_comparison_fails_on_an_older_store() {
  Atomic x{0}, y{0};
  two([&] { x.store(1, rlx); y.store(1, rlx); }, [&] {
    registers[0] = y.load(rlx);
    int expected = 1;
    registers[1] = x.compare_exchange_strong(expected, 2, rlx, rlx) ? 1 : 0;
  });
}
template <std::memory_order Load, std::memory_order Store, bool Fences>
void iriw() {
  Atomic x{0}, y{0};
  std::thread a([&] { x.store(1, Store); });
  std::thread b([&] { y.store(1, Store); });
  const auto reader = [](Atomic& first, Atomic& second, int at) {
    registers[at] = first.load(Load);
    if (Fences) std::atomic_thread_fence(seq);
    registers[at + 1] = second.load(Load);
  };
  two([&] { reader(x, y, 0); }, [&] { reader(y, x, 2); });
  a.join();
  b.join();
}
void iriw_acquire_then_sc() {  // RC11 paper, figure 2: allowed, because Power does it
  Atomic x{0}, y{0};
  std::thread a([&] { x.store(1, seq); });
  std::thread b([&] { y.store(1, seq); });
  two([&] { registers[0] = x.load(acq); registers[1] = y.load(seq); },
      [&] { registers[2] = y.load(acq); registers[3] = x.load(seq); });
  a.join();
  b.join();
}
void z6_u() {  // RC11 paper, figure 1: no total order of the seq_cst operations agrees with happens-before
  Atomic x{0}, y{0};
  three([&] { x.store(1, seq); y.store(1, rel); }, [&] { registers[0] = y.fetch_add(1, seq); registers[1] = y.load(rlx); },
        [&] { y.store(3, seq); registers[2] = x.load(seq); });
}
void rwc_with_fences() {
  Atomic x{0}, y{0};
  three([&] { x.store(1, rlx); },
        [&] { registers[0] = x.load(rlx); std::atomic_thread_fence(seq); registers[1] = y.load(rlx); },
        [&] { y.store(1, rlx); std::atomic_thread_fence(seq); registers[2] = x.load(rlx); });
}
void w_rwc_with_fences() {
  Atomic x{0}, y{0}, z{0};
  three([&] { x.store(1, rlx); z.store(1, rel); },
        [&] { registers[0] = z.load(acq); std::atomic_thread_fence(seq); registers[1] = y.load(rlx); },
        [&] { y.store(1, rlx); std::atomic_thread_fence(seq); registers[2] = x.load(rlx); });
}
template <bool Fences>
void two_plus_two_w() {
  Atomic x{0}, y{0};
  two([&] { x.store(1, rlx); if (Fences) std::atomic_thread_fence(seq); y.store(2, rlx); },
      [&] { y.store(1, rlx); if (Fences) std::atomic_thread_fence(seq); x.store(2, rlx); });
  registers[0] = x.load(rlx);
  registers[1] = y.load(rlx);
}
template <std::memory_order Load, std::memory_order Store>
void s() {
  Atomic x{0}, y{0};
  two([&] { x.store(2, rlx); y.store(1, Store); }, [&] { registers[0] = y.load(Load); x.store(1, rlx); });
  registers[1] = x.load(rlx);
}
template <std::memory_order Load, std::memory_order Store>
void r() {
  Atomic x{0}, y{0};
  two([&] { x.store(1, Store); y.store(1, Store); }, [&] { y.store(2, Store); registers[0] = x.load(Load); });
  registers[1] = y.load(rlx);
}

/// A store that waits forwards its value to its own task's loads, and does not show others.
void own_store_is_read_early() {
  Atomic x{0}, y{0};
  two([&] { x.store(1, rlx); registers[0] = x.load(rlx); registers[1] = y.load(rlx); },
      [&] { y.store(1, rlx); registers[2] = y.load(rlx); registers[3] = x.load(rlx); });
}

struct Case {
  const char* name;
  void (*body)();
  Outcome outcome;
  bool possible[3];  ///< under sc, tso, c11
};

const Case cases[] = {
    {"sb_sc_fences", sb_with_fences<seq>, {0, 0}, {false, false, false}},
    {"sb_acq_rel_fences", sb_with_fences<acq_rel>, {0, 0}, {false, true, true}},
    {"sb_one_fence", sb_with_one_fence, {0, 0}, {false, true, true}},
    {"sb_relaxed_exchanges", sb_with_exchanges<rlx>, {0, 0}, {false, false, true}},
    {"sb_sc_exchanges_relaxed_loads", sb_with_exchanges<seq>, {0, 0}, {false, false, true}},
    {"sb_sc_stores_acquire_loads", sb_with_sc_stores_only, {0, 0}, {false, false, true}},
    {"mp_both_fences", mp_with_fences<true, true>, {1, 0}, {false, false, false}},
    {"mp_release_fence_only", mp_with_fences<true, false>, {1, 0}, {false, false, true}},
    {"mp_acquire_fence_only", mp_with_fences<false, true>, {1, 0}, {false, false, true}},
    {"mp_release_to_relaxed", mp_release_to_relaxed, {1, 0}, {false, false, true}},
    {"mp_release_to_fence", mp_release_store_to_acquire_fence, {1, 0}, {false, false, false}},
    {"release_sequence", release_sequence<rlx>, {2, 0}, {false, false, false}},
    {"release_sequence_reached", release_sequence<rlx>, {2, 1}, {true, true, true}},
    {"release_sequence_of_releases", release_sequence<rel>, {2, 0}, {false, false, false}},
    {"release_sequence_ends_at_own_store", release_sequence_broken_by_own_store, {2, 0}, {false, false, true}},
    {"wrc_relaxed", wrc<rlx, rlx>, {1, 1, 0}, {false, false, true}},
    {"wrc_release_acquire", wrc<acq, rel>, {1, 1, 0}, {false, false, false}},
    {"isa2_relaxed", isa2<rlx, rlx>, {1, 1, 0}, {false, false, true}},
    {"isa2_release_acquire", isa2<acq, rel>, {1, 1, 0}, {false, false, false}},
    {"cowr_older", cowr, {0, 1}, {false, false, false}},
    {"cowr_backwards", cowr, {2, 1}, {false, false, false}},
    {"cowr_forwards", cowr, {2, 2}, {true, true, true}},
    {"corw_backwards", corw, {2, 2}, {false, false, false}},
    {"corw_forwards", corw, {2, 1}, {true, true, true}},
    {"additions_lost", two_additions, {0, 0, 1}, {false, false, false}},
    {"additions", two_additions, {1, 0, 2}, {true, true, true}},
    {"addition_split_by_store", addition_and_store, {0, 1}, {false, false, false}},
    {"addition_after_store", addition_and_store, {10, 11}, {true, true, true}},
    {"addition_mo_before_store", addition_seen_before_store, {1, 0, 10}, {false, false, true}},
    {"addition_overwrites_store", addition_seen_before_store, {1, 0, 1}, {false, false, false}},
    {"both_claim", two_exchanges_by_comparison, {1, 1}, {false, false, false}},
    {"nobody_claims", two_exchanges_by_comparison, {0, 0}, {false, false, false}},
    {"cas_fails_on_older", exchange_by_comparison_fails_on_an_older_store, {1, 0}, {false, false, true}},
    {"iriw_sc_fences", iriw<rlx, rlx, true>, {1, 0, 1, 0}, {false, false, false}},
    {"iriw_sc_loads_of_relaxed_stores", iriw<seq, rlx, false>, {1, 0, 1, 0}, {false, false, true}},
    {"iriw_acquire_then_sc", iriw_acquire_then_sc, {1, 0, 1, 0}, {false, false, true}},
    {"z6_u", z6_u, {1, 3, 0}, {false, false, true}},
    {"rwc_sc_fences", rwc_with_fences, {1, 0, 0}, {false, false, false}},
    {"w_rwc_sc_fences", w_rwc_with_fences, {1, 0, 0}, {false, false, false}},
    {"two_plus_two_w_relaxed", two_plus_two_w<false>, {1, 1}, {false, false, true}},
    {"two_plus_two_w_sc_fences", two_plus_two_w<true>, {1, 1}, {false, false, false}},
    {"s_relaxed", s<rlx, rlx>, {1, 2}, {false, false, true}},
    {"s_release_acquire", s<acq, rel>, {1, 2}, {false, false, false}},
    {"r_relaxed", r<rlx, rlx>, {0, 2}, {false, true, true}},
    {"r_sc", r<seq, seq>, {0, 2}, {false, false, false}},
    {"own_stores_early", own_store_is_read_early, {1, 0, 1, 0}, {false, true, true}},
    {"own_store_missed", own_store_is_read_early, {0, 0, 1, 0}, {false, false, false}},
};

class Orders : public ::testing::TestWithParam<Case> {};

TEST_P(Orders, allow_the_outcome_just_where_they_should) {
  const Case& c = GetParam();
  for (const MemoryModel model : {MemoryModel::sc, MemoryModel::tso, MemoryModel::c11}) {
    const Enumeration all = enumerate(c.body, model, c.outcome.size());
    EXPECT_EQ(all.outcomes.contains(c.outcome), c.possible[static_cast<int>(model)]) << "under " << to_string(model);
    EXPECT_TRUE(all.findings.empty()) << *all.findings.begin();
    EXPECT_GT(all.outcomes.size(), 1u);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Orders, ::testing::ValuesIn(cases), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace foreseed::testing
