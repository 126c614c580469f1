// Random tiny programs: what is reached under each memory model, by whichever search, is exactly what the model allows - RC11's
// axioms, the machine of x86-TSO, and that machine without its buffers.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "axioms.h"
#include "choice/prng.h"
#include "enumerate.h"
#include "explore/explore.h"
#include "store_buffers.h"

namespace foreseed::testing {
namespace {

constexpr std::memory_order orders[] = {std::memory_order_relaxed, std::memory_order_acquire, std::memory_order_release,
                                        std::memory_order_acq_rel, std::memory_order_seq_cst};

/// Calls `act` with the order as a constant, which is how the compilers hand it on.
template <typename Do>
void with_order(std::memory_order order, Do act) {
  switch (order) {
    case std::memory_order_relaxed: return act(std::integral_constant<std::memory_order, std::memory_order_relaxed>());
    case std::memory_order_acquire: return act(std::integral_constant<std::memory_order, std::memory_order_acquire>());
    case std::memory_order_release: return act(std::integral_constant<std::memory_order, std::memory_order_release>());
    case std::memory_order_acq_rel: return act(std::integral_constant<std::memory_order, std::memory_order_acq_rel>());
    default: return act(std::integral_constant<std::memory_order, std::memory_order_seq_cst>());
  }
}

int run_step(const Step& step, std::atomic<int>& at) {
  int result = 0;
  with_order(step.order, [&](auto order) {
    constexpr std::memory_order o = order();
    switch (step.act) {
      case Act::load:
        if constexpr (o != std::memory_order_release && o != std::memory_order_acq_rel) result = at.load(o);
        break;
      case Act::store:
        if constexpr (o != std::memory_order_acquire && o != std::memory_order_acq_rel) at.store(step.value, o);
        break;
      case Act::add: result = at.fetch_add(step.value, o); break;
      case Act::exchange: result = at.exchange(step.value, o); break;
      case Act::compare_exchange:
        result = step.expected;
        with_order(step.failure, [&](auto failure) {
          constexpr std::memory_order f = failure();
          if constexpr (f <= o && f != std::memory_order_release && f != std::memory_order_acq_rel) {
            at.compare_exchange_strong(result, step.value, o, f);
          }
        });
        break;
      case Act::fence: std::atomic_thread_fence(o); break;
    }
  });
  return result;
}

const Program* program = nullptr;

void interpret() {
  std::atomic<int> at[locations] = {};
  const auto run_thread = [&](std::size_t t, std::size_t next) {
    for (const Step& step : (*program)[t]) {
      const int value = run_step(step, at[step.location]);
      if (step.reads()) registers[next++] = value;
    }
  };
  std::vector<std::thread> threads;
  std::size_t next = 0;
  for (std::size_t t = 0; t < program->size(); ++t) {
    if (t + 1 < program->size()) {
      threads.emplace_back(run_thread, t, next);
    } else {
      run_thread(t, next);
    }
    for (const Step& step : (*program)[t]) next += step.reads();
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<int>& location : at) registers[next++] = location.load(std::memory_order_relaxed);
}

bool loads(std::memory_order order) { return order != std::memory_order_release && order != std::memory_order_acq_rel; }

/// `value` is nobody else's; on one of the first `places` locations.
Step random_step(Prng& prng, std::uint64_t places, int value) {
  static constexpr Act acts[] = {Act::load,     Act::load,  Act::load,  Act::load,    Act::store, Act::store,
                                 Act::store,    Act::store, Act::add,   Act::compare_exchange,
                                 Act::exchange, Act::fence, Act::fence};
  Step step;
  step.act = acts[prng.below(std::size(acts))];
  step.location = prng.below(places);
  step.value = step.act == Act::add ? 10 * value : value;
  step.expected = static_cast<int>(prng.below(static_cast<std::uint64_t>(value)));
  for (;;) {
    step.order = orders[prng.below(5)];
    if (step.act == Act::load && !loads(step.order)) continue;
    const bool acquires = step.order == std::memory_order_acquire || step.order == std::memory_order_acq_rel;
    if (step.act == Act::store && acquires) continue;
    if (step.act == Act::fence && step.order == std::memory_order_relaxed) continue;
    break;
  }
  do {
    step.failure = orders[prng.below(5)];
  } while (!loads(step.failure) || step.failure > step.order);
  return step;
}

std::string text(const Program& p) {
  static const char* const acts[] = {"load", "store", "add", "exchange", "compare_exchange", "fence"};
  static const char* const names[] = {"rlx", "consume", "acq", "rel", "acq_rel", "sc"};
  std::string out;
  for (const auto& thread : p) {
    for (const Step& s : thread) {
      out += std::string(acts[static_cast<int>(s.act)]) + "." + names[static_cast<int>(s.order)] +
             (s.act == Act::fence ? "" : std::string("(") + "xyz"[s.location]);
      if (s.act == Act::compare_exchange) out += ", " + std::to_string(s.expected) + " or " + names[static_cast<int>(s.failure)];
      if (s.act != Act::fence && s.act != Act::load) out += ", " + std::to_string(s.value);
      out += s.act == Act::fence ? "; " : "); ";
    }
    out += "|| ";
  }
  return out;
}

/// What a search reaches.
Outcomes explored(const char* strategy, MemoryModel memory, std::size_t count) {
  explore::ExploreOptions options;
  options.strategy = strategy;
  options.memory = memory;
  options.keep_going = true;
  Outcomes outcomes;
  const auto result = explore::explore(scenario_of(interpret), options, [&](const Execution&) {
    outcomes.insert(Outcome(registers, registers + count));
    return true;
  });
  EXPECT_TRUE(result.finished && result.failed == 0);
  return outcomes;
}

/// Whether the models differ: x86-TSO from sequential consistency, RC11 from x86-TSO.
struct Differ {
  bool tso, c11;
};
Differ compare(const Program& p) {
  std::size_t count = locations;
  for (const auto& thread : p) count += static_cast<std::size_t>(std::count_if(thread.begin(), thread.end(), [](const Step& s) { return s.reads(); }));
  program = &p;
  const Outcomes allowed[] = {StoreBuffers::outcomes(p, false), StoreBuffers::outcomes(p, true), Axioms::outcomes(p)};
  for (const MemoryModel model : {MemoryModel::sc, MemoryModel::tso, MemoryModel::c11}) {
    const Outcomes& expected = allowed[static_cast<int>(model)];
    const Enumeration reached = enumerate(interpret, model, count);
    EXPECT_TRUE(reached.findings.empty()) << text(p) << *reached.findings.begin();
    EXPECT_EQ(reached.outcomes, expected) << to_string(model) << ": " << text(p);
    EXPECT_EQ(explored("dpor", model, count), expected) << "dpor, " << to_string(model) << ": " << text(p);
    EXPECT_EQ(explored("dfs", model, count), expected) << "dfs, " << to_string(model) << ": " << text(p);
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

/// FORESEED_AXIOMS=100 compares a hundred times as many.
int times(int programs) {
  const char* const factor = std::getenv("FORESEED_AXIOMS");
  return factor == nullptr ? programs : programs * std::atoi(factor);
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
