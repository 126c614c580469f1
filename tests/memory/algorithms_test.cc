// Algorithms that hold under one memory model and break under another, and their repaired twins; data races judged by the
// declared orders; what may happen for no reason; memory that is used again.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>

#include "api/foreseed/scenario.h"
#include "enumerate.h"
#include "explore/explore.h"

namespace foreseed::testing {
namespace {

constexpr auto rlx = std::memory_order_relaxed;
constexpr auto acq = std::memory_order_acquire;
constexpr auto rel = std::memory_order_release;
constexpr auto seq = std::memory_order_seq_cst;

template <typename A, typename B>
void two(A a, B b) {
  std::thread thread(a);
  b();
  thread.join();
}

/// The message of the first finding in seeds 0 .. runs-1, "" if there is none.
std::string found(void (*body)(), MemoryModel memory, std::uint64_t runs = 400) {
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    RunOptions options;
    options.seed = seed;
    options.memory = memory;
    const Execution execution = run_once(scenario_of(body), options);
    if (execution.finding) return execution.finding->message;
  }
  return "";
}

// --- algorithms

template <std::memory_order Load, std::memory_order Store>
void dekker() {
  std::atomic<int> wants[2] = {0, 0}, inside{0};
  const auto enter = [&](int me) {
    wants[me].store(1, Store);
    if (wants[1 - me].load(Load) == 0) FORESEED_CHECK(inside.exchange(1, rlx) == 0);
  };
  two([&] { enter(0); }, [&] { enter(1); });
}
template <std::memory_order Load, std::memory_order Store>
void peterson() {
  std::atomic<int> wants[2] = {0, 0}, turn{0}, inside{0};
  const auto enter = [&](int me) {
    wants[me].store(1, Store);
    turn.store(1 - me, Store);
    while (wants[1 - me].load(Load) == 1 && turn.load(Load) == 1 - me) {
    }
    FORESEED_CHECK(inside.fetch_add(1, rlx) == 0);
    inside.fetch_sub(1, rlx);
    wants[me].store(0, Store);
  };
  two([&] { enter(0); }, [&] { enter(1); });
}
template <std::memory_order Load, std::memory_order Store>
void double_checked_locking() {
  std::atomic<int*> instance{nullptr};
  std::mutex mutex;
  int value = 0;
  const auto get = [&] {
    int* p = instance.load(Load);
    if (p == nullptr) {
      const std::lock_guard lock(mutex);
      p = instance.load(rlx);
      if (p == nullptr) {
        value = 42;
        p = &value;
        instance.store(p, Store);
      }
    }
    FORESEED_CHECK(*p == 42);
  };
  two(get, get);
}
template <bool Fences>
void seqlock() {  // Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012
  std::atomic<int> sequence{0}, a{0}, b{0};
  two(
      [&] {
        sequence.store(1, rlx);
        if (Fences) std::atomic_thread_fence(rel);
        a.store(1, rlx);
        b.store(1, rlx);
        sequence.store(2, Fences ? rel : rlx);
      },
      [&] {
        const int before = sequence.load(Fences ? acq : rlx);
        const int x = a.load(rlx);
        const int y = b.load(rlx);
        if (Fences) std::atomic_thread_fence(acq);
        if (before % 2 == 0 && sequence.load(rlx) == before) FORESEED_CHECK(x == y);
      });
}
template <std::memory_order Load, std::memory_order Store>
void ring() {
  // On the heap: clang 14 does not instrument accesses to arrays on the stack of the function itself.
  const auto memory = std::make_unique<std::array<int, 2>>();
  std::array<int, 2>& slots = *memory;
  std::atomic<unsigned> head{0}, tail{0};
  two(
      [&] {
        for (int i = 1; i <= 3; ++i) {
          while (tail.load(rlx) - head.load(Load) == slots.size()) {
          }
          slots[tail.load(rlx) % slots.size()] = i;
          tail.store(tail.load(rlx) + 1, Store);
        }
      },
      [&] {
        for (int i = 1; i <= 3; ++i) {
          while (head.load(rlx) == tail.load(Load)) {
          }
          FORESEED_CHECK(slots[head.load(rlx) % slots.size()] == i);
          head.store(head.load(rlx) + 1, Store);
        }
      });
}
template <std::memory_order Load, std::memory_order Store>
void flag() {
  int data = 0;
  std::atomic<bool> ready{false};
  two([&] { data = 1; ready.store(true, Store); }, [&] { if (ready.load(Load)) FORESEED_CHECK(data == 1); });
}
template <std::memory_order Unlock>
void spin_lock_by_hand() {
  int data = 0;
  std::atomic<int> locked{0};
  const auto work = [&] {
    while (locked.exchange(1, acq) == 1) {
    }
    ++data;
    locked.store(0, Unlock);
  };
  two(work, work);
}
template <std::memory_order Drop>
void reference_count() {
  struct Shared {
    std::atomic<int> count{2};
    int data = 0;
  };
  auto* const shared = new Shared;
  const auto drop = [=] {
    if (shared->count.fetch_sub(1, Drop) == 1) {
      shared->data = 2;
      delete shared;
    }
  };
  two([=] { drop(); }, [=] { shared->data = 1; drop(); });
}

struct Algorithm {
  const char* name;
  void (*body)();
  bool breaks[3];       ///< under sc, tso, c11
  const char* message;  ///< part of it
};

const Algorithm algorithms[] = {
    {"dekker_seq_cst", dekker<seq, seq>, {false, false, false}, ""},
    {"dekker_release_acquire", dekker<acq, rel>, {false, true, true}, "inside"},
    {"peterson_seq_cst", peterson<seq, seq>, {false, false, false}, ""},
    {"peterson_release_acquire", peterson<acq, rel>, {false, true, true}, "inside"},
    {"double_checked", double_checked_locking<acq, rel>, {false, false, false}, ""},
    {"double_checked_relaxed", double_checked_locking<rlx, rlx>, {true, true, true}, "data race"},
    {"seqlock", seqlock<true>, {false, false, false}, ""},
    {"seqlock_relaxed", seqlock<false>, {false, false, true}, "x == y"},
    {"ring", ring<acq, rel>, {false, false, false}, ""},
    {"ring_relaxed", ring<rlx, rlx>, {true, true, true}, "data race"},
    {"flag", flag<acq, rel>, {false, false, false}, ""},
    {"flag_relaxed", flag<rlx, rlx>, {true, true, true}, "data race"},
    {"flag_read_relaxed", flag<rlx, rel>, {true, true, true}, "data race"},
    {"spin_lock", spin_lock_by_hand<rel>, {false, false, false}, ""},
    {"spin_lock_relaxed", spin_lock_by_hand<rlx>, {true, true, true}, "data race"},
    {"reference_count", reference_count<std::memory_order_acq_rel>, {false, false, false}, ""},
    {"reference_count_relaxed", reference_count<rlx>, {true, true, true}, "data race"},
};

class Algorithms : public ::testing::TestWithParam<Algorithm> {};

TEST_P(Algorithms, break_just_where_they_should) {
  const Algorithm& a = GetParam();
  for (const MemoryModel model : {MemoryModel::sc, MemoryModel::tso, MemoryModel::c11}) {
    const std::string message = found(a.body, model);
    EXPECT_EQ(!message.empty(), a.breaks[static_cast<int>(model)]) << "under " << to_string(model) << ": " << message;
    EXPECT_TRUE(message.empty() || message.find(a.message) != std::string::npos) << message;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Algorithms, ::testing::ValuesIn(algorithms),
                         [](const auto& info) { return std::string(info.param.name); });

// --- fairness, and what happens for no reason

void spin_on_relaxed_flag() {
  std::atomic<bool> go{false};
  two([&] { go.store(true, rlx); }, [&] { while (!go.load(rlx)) {} });
}
void spin_by_test_and_set() {
  std::atomic_flag held;
  const auto lock_once = [&] {
    while (held.test_and_set(acq)) {
    }
    held.clear(rel);
  };
  two(lock_once, lock_once);
}
void increments_by_weak_exchange() {
  std::atomic<int> x{0};
  const auto add = [&] {
    int seen = x.load(rlx);
    while (!x.compare_exchange_weak(seen, seen + 1, rlx)) {
    }
  };
  two(add, add);
  FORESEED_CHECK(x.load() == 2);
}
void weak_exchange_alone() {
  std::atomic<int> x{0};
  int expected = 0;
  registers[0] = x.compare_exchange_weak(expected, 1) ? 1 : 0;
  registers[1] = expected;
}
void strong_exchange_alone() {
  std::atomic<int> x{0};
  int expected = 0;
  registers[0] = x.compare_exchange_strong(expected, 1) ? 1 : 0;
}
void wait_without_a_loop() {
  std::mutex mutex;
  std::condition_variable ready;
  bool done = false;
  std::thread other([&] {
    const std::lock_guard lock(mutex);
    done = true;
    ready.notify_one();
  });
  {
    std::unique_lock lock(mutex);
    if (!done) ready.wait(lock);
    registers[0] = done ? 1 : 0;
  }
  other.join();
}

TEST(Weak, a_spin_on_a_relaxed_flag_ends) {
  for (const MemoryModel model : {MemoryModel::tso, MemoryModel::c11}) EXPECT_EQ(found(spin_on_relaxed_flag, model), "");
}

TEST(Weak, a_search_does_not_spin_on_outdated_stores_for_ever) {
  explore::ExploreOptions options;
  options.memory = MemoryModel::c11;
  EXPECT_EQ(explore::explore(scenario_of(spin_by_test_and_set), options).failed, 0u);
}

/// Who counts down asks, with a seq_cst load after a releasing read-modify-write, whether anyone sleeps.
void latch_of_two() {
  std::latch latch(2);
  two([&] { latch.arrive_and_wait(); }, [&] { latch.count_down(); });
}
TEST(Weak, a_latch_wakes_who_sleeps) {
  explore::ExploreOptions options;
  options.memory = MemoryModel::c11;
  const explore::ExploreResult result = explore::explore(scenario_of(latch_of_two), options);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.failed, 0u);
}

TEST(Weak, a_loop_around_a_weak_exchange_adds_up) {
  for (const MemoryModel model : {MemoryModel::tso, MemoryModel::c11}) {
    EXPECT_EQ(found(increments_by_weak_exchange, model), "");
  }
}

TEST(Weak, a_weak_exchange_may_fail_for_no_reason_under_c11_only) {
  const std::set<Outcome> done{{1, 0}};
  const std::set<Outcome> either{{0, 0}, {1, 0}};
  EXPECT_EQ(enumerate(weak_exchange_alone, MemoryModel::sc, 2).outcomes, done);
  EXPECT_EQ(enumerate(weak_exchange_alone, MemoryModel::tso, 2).outcomes, done);
#ifdef __clang__  // whose instrumentation calls all of them strong
  EXPECT_EQ(enumerate(weak_exchange_alone, MemoryModel::c11, 2).outcomes, done);
#else
  EXPECT_EQ(enumerate(weak_exchange_alone, MemoryModel::c11, 2).outcomes, either);
#endif
  EXPECT_EQ(enumerate(strong_exchange_alone, MemoryModel::c11, 1).outcomes, std::set<Outcome>{{1}});
}

TEST(Weak, a_condition_variable_may_wake_for_no_reason_under_c11_only) {
  EXPECT_EQ(enumerate(wait_without_a_loop, MemoryModel::sc, 1).outcomes, std::set<Outcome>{{1}});
  const std::set<Outcome> either{{0}, {1}};
  EXPECT_EQ(enumerate(wait_without_a_loop, MemoryModel::c11, 1).outcomes, either);
}

// --- memory

__attribute__((noinline)) int once(int start) {
  std::atomic<int> x{start};
  std::thread other([&] { x.fetch_add(1, rlx); });
  const int seen = x.load(rlx);
  other.join();
  FORESEED_CHECK(seen == start || seen == start + 1);
  return x.load(rlx);
}
void stack_is_used_again() {
  for (int i = 0; i < 6; ++i) FORESEED_CHECK(once(i % 2) == i % 2 + 1);
}
void heap_is_used_again() {
  for (int i = 0; i < 6; ++i) {
    const auto x = std::make_unique<std::atomic<int>>(i % 2);
    std::thread other([&] { x->store(7, rlx); });
    const int seen = x->load(rlx);
    other.join();
    FORESEED_CHECK(seen == i % 2 || seen == 7);
  }
}
void sizes_are_mixed() {
  std::uint64_t wide = std::uint64_t{2} << 32 | 1;
  auto* const words = static_cast<std::uint32_t*>(static_cast<void*>(&wide));
  std::atomic_ref<std::uint32_t> low(words[0]);
  std::thread other([&] { low.store(3, rel); });
  const auto both = std::atomic_ref<std::uint64_t>(wide).load(acq);
  FORESEED_CHECK(both == (std::uint64_t{2} << 32 | 1) || both == (std::uint64_t{2} << 32 | 3));
  other.join();
  FORESEED_CHECK(low.load(rlx) == 3);
}
void long_histories() {  // more stores than are kept, and more seq_cst operations than the graph holds
  std::atomic<int> x{0}, y{0};
  two([&] { for (int i = 1; i <= 700; ++i) { x.store(i); y.store(i, rlx); } },
      [&] {
        int last = 0;
        for (int i = 0; i < 700; ++i) {
          const int now = y.load(rlx);
          FORESEED_CHECK(now >= last);
          last = now;
          x.load();
        }
      });
  FORESEED_CHECK(x.load(rlx) == 700 && y.load(rlx) == 700);
}

TEST(Weak, memory_that_is_used_again_has_no_history) {
  for (const MemoryModel model : {MemoryModel::tso, MemoryModel::c11}) {
    EXPECT_EQ(found(stack_is_used_again, model), "");
    EXPECT_EQ(found(heap_is_used_again, model), "");
    EXPECT_EQ(found(sizes_are_mixed, model), "");
  }
}

TEST(Weak, histories_longer_than_what_is_kept_stay_coherent) {
  for (const MemoryModel model : {MemoryModel::tso, MemoryModel::c11}) EXPECT_EQ(found(long_histories, model, 5), "");
}

TEST(Weak, a_recorded_run_replays_and_says_what_was_read) {
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    RunOptions options;
    options.seed = seed;
    options.memory = MemoryModel::c11;
    const Execution first = run_once(scenario_of(peterson<acq, rel>), options);
    if (!first.finding) continue;
    const std::vector<Choice> choices(first.choices.begin(), first.choices.end());
    options.replaying = options.record = true;
    options.replay = choices;
    const Execution again = run_once(scenario_of(peterson<acq, rel>), options);
    EXPECT_EQ(again.fingerprint, first.fingerprint);
    EXPECT_FALSE(again.diverged);
    const auto& texts = again.recording->texts;
    EXPECT_TRUE(std::any_of(texts.begin(), texts.end(), [](const std::string& text) {
      return text.starts_with("reads what was there first") || text.starts_with("reads an older one, of ");
    }));
    return;
  }
  ADD_FAILURE() << "nothing was found";
}

}  // namespace
}  // namespace foreseed::testing
