// Random tiny programs of atomics, locks, semaphores, threads and plain variables: what is reached under each memory model, by
// whichever search, is exactly what the model allows; a deadlock and a data race are found if there are any.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "axioms.h"
#include "choice/prng.h"
#include "store_buffers.h"
#include "tiny_random.h"
#include "tiny_run.h"

namespace foreseed::testing {
namespace {

/// How a program is run, and how thoroughly.
struct How {
  void (*body)() = interpret<int>;
  bool all = true;    ///< by dfs and by enumeration too
  bool weak = false;  ///< compare-exchange may fail for no reason
  bool racy = false;  ///< plain variables are accessed without locks too
  bool waits = false; ///< at atomics
};

bool contains(const Outcomes& all, const Outcomes& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

void expect(const Verdict& reached, const Verdict& allowed, const std::string& what) {
  EXPECT_EQ(reached.outcomes, allowed.outcomes) << what;
  EXPECT_EQ(reached.stuck, allowed.stuck) << what;
  EXPECT_EQ(reached.races, allowed.races) << what;
}

struct Counts {
  int tso = 0, c11 = 0, stuck = 0, races = 0;
};

/// What is reached of a program with a data race: that ends executions, behind which dpor looks no further.
void compare_racy(const Program& p, const How& how, const Verdict& c11) {
  const std::size_t count = results(p);
  for (const MemoryModel model : {MemoryModel::sc, MemoryModel::tso, MemoryModel::c11}) {
    const Verdict all = enumerated(how.body, model, count);
    const std::string what = std::string(to_string(model)) + ": " + text(p);
    if (model == MemoryModel::c11) expect(all, c11, "enumeration, " + what);
    expect(explored(how.body, "dfs", model, count), all, "dfs, " + what);
    EXPECT_EQ(explored(how.body, "dpor", model, count).races, all.races) << "dpor, " << what;
  }
}

void compare(const Program& p, const How& how, Counts& counts) {
  const std::size_t count = results(p);
  ASSERT_LE(count, registers_max);
  program = &p;
  Verdict c11 = Axioms::outcomes(p);
  const Verdict sc = StoreBuffers::outcomes(p, false);
  const Verdict tso = StoreBuffers::outcomes(p, true);
  const Verdict locked = StoreBuffers::outcomes(p, true, StoreBuffers::Takes::locked);
  counts.tso += tso.outcomes != sc.outcomes;
  counts.c11 += c11.outcomes != tso.outcomes;
  counts.stuck += sc.stuck;
  counts.races += c11.races;
  if (how.racy && sc.stuck) return;  // where it gets stuck the axioms do not look for what has raced before
  if (c11.races) return compare_racy(p, how, c11);
  // Attempts and semaphores tell others of what is done before the task's own stores reach memory.
  const bool exact = !any(p, [](const Step& step) { return step.attempts() || step.semaphore(); });
  const auto check = [&](const char* search, MemoryModel model, const Verdict& got) {
    const std::string what = std::string(search) + ", " + std::string(to_string(model)) + ": " + text(p);
    if (model == MemoryModel::sc) return expect(got, sc, what);
    EXPECT_FALSE(got.races) << what;
    if (!how.waits) {
      EXPECT_EQ(got.stuck, sc.stuck) << what;
    }
    if (model == MemoryModel::c11) {
      EXPECT_EQ(got.outcomes, c11.outcomes) << what;
    } else if (exact) {
      EXPECT_EQ(got.outcomes, tso.outcomes) << what;
    } else {
      EXPECT_TRUE(contains(got.outcomes, locked.outcomes) && contains(tso.outcomes, got.outcomes)) << what;
    }
  };
  for (const MemoryModel model : {MemoryModel::sc, MemoryModel::tso, MemoryModel::c11}) {
    check("dpor", model, explored(how.body, "dpor", model, count));
    if (!how.all) continue;
    check("dfs", model, explored(how.body, "dfs", model, count));
    check("enumeration", model, enumerated(how.body, model, count));
  }
}

/// A random thread, of so many accesses and semaphore calls, some of them within locked sections.
class RandomThread {
 public:
  RandomThread(Prng& prng, const How& how, int& value) : prng_(prng), how_(how), value_(value) {}

  std::vector<Step> operator()(std::size_t accesses) {
    add(accesses, {});
    return std::move(steps_);
  }

 private:
  static constexpr std::size_t shared = shared_lock + locks;  ///< the lock, held together with others

  bool one_in(std::uint64_t n) { return prng_.below(n) == 0; }

  void add(std::size_t accesses, std::vector<std::size_t> held) {
    while (accesses > 0) {
      const std::size_t lock = prng_.below(locks);
      const bool is_held = std::any_of(held.begin(), held.end(), [&](std::size_t h) { return h % locks == lock; });
      if (sections_ < 2 && one_in(3) && !is_held) {
        ++sections_;
        const std::size_t within = 1 + prng_.below(std::min<std::size_t>(accesses, 2));
        section(lock, within, held);
        accesses -= within;
        continue;
      }
      --accesses;
      access(held);
    }
  }

  void section(std::size_t lock, std::size_t accesses, std::vector<std::size_t> held) {
    const bool shares = lock == shared_lock && one_in(2);
    const bool tries = one_in(4);
    const std::size_t first = steps_.size();
    steps_.push_back({tries ? (shares ? Act::try_lock_shared : Act::try_lock) : (shares ? Act::lock_shared : Act::lock),
                      std::memory_order_relaxed, lock});
    held.push_back(shares ? shared : lock);
    add(accesses, held);
    steps_.push_back({shares ? Act::unlock_shared : Act::unlock, std::memory_order_relaxed, lock});
    if (tries) steps_[first].value = static_cast<int>(steps_.size() - first - 1);
  }

  /// Cell i belongs to lock i, and may be read by who shares it.
  void access(const std::vector<std::size_t>& held) {
    const auto holds = [&](std::size_t lock) { return std::find(held.begin(), held.end(), lock) != held.end(); };
    const std::size_t cell = prng_.below(cells);
    const bool may_write = holds(cell) || how_.racy;
    const bool may_read = may_write || (cell == shared_lock && holds(shared));
    if (may_read && one_in(2)) {
      const bool writes = may_write && one_in(2);
      steps_.push_back({writes ? Act::write : Act::read, std::memory_order_relaxed, cell, writes ? ++value_ : 0});
      return;
    }
    if (one_in(8)) {
      static constexpr Act acts[] = {Act::post, Act::take, Act::try_take};
      steps_.push_back({acts[prng_.below(3)], std::memory_order_relaxed, prng_.below(semaphores)});
      return;
    }
    Step step = random_step(prng_, 2, ++value_);
    if (how_.waits && step.act == Act::load && one_in(2)) {
      step.act = Act::wait;
      step.expected = static_cast<int>(one_in(2) ? 0 : prng_.below(static_cast<std::uint64_t>(value_)));
    }
    step.weak = step.act == Act::compare_exchange && how_.weak && one_in(2);
    steps_.push_back(step);
  }

  Prng& prng_;
  const How& how_;
  int& value_;
  std::size_t sections_ = 0;
  std::vector<Step> steps_;
};

/// Some threads are started, and joined, in the middle of the last one; but not where an attempt leaves steps out.
void start_late(Prng& prng, Program& p) {
  std::vector<Step>& last = p.back();
  for (std::size_t t = 0; t + 1 < p.size(); ++t) {
    if (prng.below(3) != 0) continue;
    const auto tries = std::find_if(last.begin(), last.end(), [](const Step& step) { return step.attempts(); });
    const auto end = static_cast<std::size_t>(tries - last.begin());
    const std::size_t start = prng.below(end + 1);
    last.insert(last.begin() + static_cast<std::ptrdiff_t>(start), {Act::start, std::memory_order_relaxed, t});
    if (prng.below(2) == 0) continue;
    const std::size_t join = start + 1 + prng.below(end - start + 1);
    last.insert(last.begin() + static_cast<std::ptrdiff_t>(join), {Act::join, std::memory_order_relaxed, t});
  }
}

/// Threads with so many steps besides those that take and release locks, start and join.
Program random_program(Prng& prng, const std::vector<std::size_t>& accesses, const How& how) {
  Program p;
  int value = 0;
  for (const std::size_t count : accesses) p.push_back(RandomThread(prng, how, value)(count));
  start_late(prng, p);
  return p;
}

Counts compare(std::uint64_t seed, const std::vector<std::size_t>& accesses, int programs, const How& how = {}) {
  Prng prng(seed);
  Counts counts;
  for (int n = 0; n < programs && !::testing::Test::HasFailure(); ++n) compare(random_program(prng, accesses, how), how, counts);
  return counts;
}

TEST(Mixed, two_threads) {
  const Counts counts = compare(1, {3, 3}, times(60));
  EXPECT_GT(counts.tso, 0);
  EXPECT_GT(counts.c11, 0);
  EXPECT_GT(counts.stuck, 0);
}

TEST(Mixed, three_threads) { compare(2, {1, 2, 2}, times(4)); }
TEST(Mixed, three_threads_by_dpor) { compare(3, {2, 2, 3}, times(60), {.all = false}); }
TEST(Mixed, four_threads_by_dpor) { compare(10, {1, 1, 2, 2}, times(20), {.all = false}); }
TEST(Mixed, data_races) { EXPECT_GT(compare(4, {2, 3}, times(60), {.racy = true}).races, 0); }
TEST(Mixed, weak_compare_exchange) { compare(5, {2, 3}, times(50), {.weak = true}); }
TEST(Mixed, atomics_of_1_byte) { compare(6, {2, 3}, times(20), {.body = interpret<unsigned char>}); }
TEST(Mixed, atomics_of_2_bytes) { compare(7, {2, 3}, times(20), {.body = interpret<short>}); }
TEST(Mixed, atomics_of_8_bytes) { compare(8, {2, 3}, times(20), {.body = interpret<long>}); }
TEST(Mixed, atomics_of_16_bytes) { compare(11, {2, 3}, times(20), {.body = interpret_wide, .weak = true}); }
TEST(Mixed, references_to_atomics) { compare(9, {2, 3}, times(20), {.body = interpret_by_reference<int>}); }
// Under weaker models a deadlock may also come of what is stored last, which no order of calls tells.
TEST(Mixed, waits_for_atomics) { EXPECT_GT(compare(12, {2, 2}, times(60), {.all = false, .waits = true}).stuck, 0); }
TEST(Mixed, waits_of_three_threads) { compare(13, {1, 1, 2}, times(20), {.all = false, .waits = true}); }

/// An attempt that fails leaves out an access that does not commute with the store. So the store can be before the other access
/// to its location, and the attempt within the section: of the race of attempt and unlock that is wanted in some executions only.
TEST(Mixed, what_an_attempt_leaves_out) {
  constexpr auto relaxed = std::memory_order_relaxed;
  constexpr std::size_t x = 0, y = 1, third = 1;
  const auto run = [](const Step& left_out, const Step& access) {
    Counts counts;
    compare({{{Act::try_lock, relaxed, 0, 2}, left_out, {Act::unlock, relaxed, 0}},
             {access},
             {{Act::lock, relaxed, 0}, {Act::unlock, relaxed, 0}},
             {{Act::start, relaxed, third}, {Act::store, relaxed, y, 4}}},
            {.all = false}, counts);
  };
  run({Act::load, relaxed, y}, {Act::load, relaxed, y});
  run({Act::store, relaxed, x, 1}, {Act::compare_exchange, relaxed, y, 2, 1, relaxed});  // tso orders both stores
}

/// Races that end nothing: plain variables are accessed as the program has it.
TEST(Mixed, races_explored) {
  Prng prng(14);
  const How how{.racy = true};
  for (int n = 0; n < times(40) && !HasFailure(); ++n) {
    const Program p = random_program(prng, {2, 3}, how);
    program = &p;
    for (const char* const strategy : {"dpor", "dfs"}) {
      const Verdict reached = explored(how.body, strategy, MemoryModel::sc, results(p), Races::explore);
      expect(reached, StoreBuffers::outcomes(p, false), strategy + text(p));
    }
  }
}

}  // namespace
}  // namespace foreseed::testing
