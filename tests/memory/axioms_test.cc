// Random tiny programs: what is reached under each memory model, by whichever search, is exactly what the model allows - RC11's
// axioms, the machine of x86-TSO, and that machine without its buffers.

#include <gtest/gtest.h>

#include "axioms.h"
#include "choice/prng.h"
#include "store_buffers.h"
#include "tiny_random.h"
#include "tiny_run.h"

namespace foreseed::testing {
namespace {

/// Whether the models differ: x86-TSO from sequential consistency, RC11 from x86-TSO.
struct Differ {
  bool tso, c11;
};
Differ compare(const Program& p) {
  const std::size_t count = results(p);
  program = &p;
  const Outcomes allowed[] = {StoreBuffers::outcomes(p, false).outcomes, StoreBuffers::outcomes(p, true).outcomes,
                              Axioms::outcomes(p).outcomes};
  for (const MemoryModel model : {MemoryModel::sc, MemoryModel::tso, MemoryModel::c11}) {
    const Outcomes& expected = allowed[static_cast<int>(model)];
    EXPECT_EQ(enumerated(interpret<int>, model, count).outcomes, expected) << to_string(model) << ": " << text(p);
    EXPECT_EQ(explored(interpret<int>, "dpor", model, count).outcomes, expected) << "dpor, " << to_string(model) << ": " << text(p);
    EXPECT_EQ(explored(interpret<int>, "dfs", model, count).outcomes, expected) << "dfs, " << to_string(model) << ": " << text(p);
  }
  return {allowed[1] != allowed[0], allowed[2] != allowed[1]};
}

/// Compares `programs` programs on so many locations whose threads have so many steps.
void compare(std::uint64_t seed, std::uint64_t places, const std::vector<std::size_t>& steps, int programs) {
  Prng prng(seed);
  int tso = 0;
  int c11 = 0;
  for (int n = 0; n < programs && !::testing::Test::HasFailure(); ++n) {
    Program p(steps.size());
    int value = 0;
    for (std::size_t t = 0; t < p.size(); ++t) {
      for (std::size_t i = 0; i < steps[t]; ++i) p[t].push_back(random_step(prng, places, ++value));
    }
    const Differ differ = compare(p);
    tso += differ.tso;
    c11 += differ.c11;
  }
  EXPECT_GT(tso, 0);
  EXPECT_GT(c11, 0);
}

TEST(Axioms, two_threads_of_three_steps) { compare(1, 2, {3, 3}, times(300)); }
TEST(Axioms, two_threads_of_four_steps) { compare(2, 2, {4, 4}, times(30)); }
TEST(Axioms, three_threads_of_three_two_and_one) { compare(3, 2, {1, 2, 3}, times(40)); }
TEST(Axioms, three_threads_of_two_steps) { compare(6, 2, {2, 2, 2}, times(40)); }
TEST(Axioms, three_threads_on_three_locations) { compare(5, 3, {3, 1, 3}, times(40)); }

/// The first thread finds y stored but not z, both before its own store reaches memory, which the third waits for: only where
/// y was stored before z, by others and to other places.
TEST(Axioms, stores_to_different_places_have_an_order) {
  constexpr std::size_t x = 0, y = 1, z = 2;
  const auto store = [](std::size_t at, std::memory_order order) { return Step{Act::store, order, at, 1}; };
  const auto load = [](std::size_t at) { return Step{Act::load, std::memory_order_acquire, at}; };
  const auto release = std::memory_order_release;
  Program p{{store(x, release), load(y), load(z)}, {store(y, release)}, {store(z, std::memory_order_seq_cst), load(x)}};
  compare(p);
  std::swap(p[1], p[2]);
  compare(p);
  std::swap(p[0], p[1]);
  compare(p);
}

/// The first use of y is after the other threads have ended, of which it tells nothing.
TEST(Axioms, a_place_that_nobody_has_used_tells_nothing) {
  constexpr std::size_t x = 0, y = 1, z = 2;
  const Step use[] = {{Act::store, std::memory_order_relaxed, y, 6}, {Act::load, std::memory_order_acquire, y}};
  for (const Step& first : use) {
    compare({{{Act::load, std::memory_order_relaxed, x}, {Act::add, std::memory_order_relaxed, z, 30}},
             {{Act::store, std::memory_order_relaxed, x, 4}},
             {{Act::load, std::memory_order_acquire, z}, first, {Act::add, std::memory_order_relaxed, x, 70}}});
  }
}

}  // namespace
}  // namespace foreseed::testing
