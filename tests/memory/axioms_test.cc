// Random tiny programs: what --memory c11 reaches is exactly what RC11's axioms allow.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "axioms.h"
#include "choice/prng.h"
#include "enumerate.h"

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
      case Act::fence: std::atomic_thread_fence(o); break;
    }
  });
  return result;
}

const Program* program = nullptr;

void interpret() {
  std::atomic<int> at[2] = {0, 0};
  const auto run_thread = [&](std::size_t t, std::size_t next) {
    for (const Step& step : (*program)[t]) {
      const int value = run_step(step, at[step.location]);
      if (step.act == Act::load || step.act == Act::add) registers[next++] = value;
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
    for (const Step& step : (*program)[t]) next += step.act == Act::load || step.act == Act::add;
  }
  for (std::thread& thread : threads) thread.join();
  registers[next++] = at[0].load(std::memory_order_relaxed);
  registers[next] = at[1].load(std::memory_order_relaxed);
}

Step random_step(Prng& prng, int value) {
  Step step;
  const std::uint64_t kind = prng.below(10);
  step.act = kind < 4 ? Act::load : kind < 7 ? Act::store : kind < 8 ? Act::add : Act::fence;
  step.location = static_cast<int>(prng.below(2));
  step.value = step.act == Act::add ? 10 * value : value;
  for (;;) {
    step.order = orders[prng.below(5)];
    const bool acquire = step.order == std::memory_order_acquire;
    const bool release = step.order == std::memory_order_release;
    const bool both = step.order == std::memory_order_acq_rel;
    if (step.act == Act::load && (release || both)) continue;
    if (step.act == Act::store && (acquire || both)) continue;
    if (step.act == Act::fence && step.order == std::memory_order_relaxed) continue;
    return step;
  }
}

std::string text(const Program& p) {
  static const char* const acts[] = {"load", "store", "add", "fence"};
  static const char* const names[] = {"rlx", "consume", "acq", "rel", "acq_rel", "sc"};
  std::string out;
  for (const auto& thread : p) {
    for (const Step& s : thread) {
      out += std::string(acts[static_cast<int>(s.act)]) + "." + names[static_cast<int>(s.order)] +
             (s.act == Act::fence ? "" : s.location == 0 ? "(x)" : "(y)") + "; ";
    }
    out += "|| ";
  }
  return out;
}

/// Compares `programs` programs whose threads have so many steps.
void compare(std::uint64_t seed, const std::vector<std::size_t>& steps, int programs) {
  Prng prng(seed);
  std::size_t weak_ones = 0;
  for (int n = 0; n < programs; ++n) {
    Program p(steps.size());
    int value = 0;
    std::size_t read = 0;
    for (std::size_t t = 0; t < p.size(); ++t) {
      for (std::size_t i = 0; i < steps[t]; ++i) {
        p[t].push_back(random_step(prng, ++value));
        read += p[t].back().act == Act::load || p[t].back().act == Act::add;
      }
    }
    program = &p;
    const Enumeration reached = enumerate(interpret, MemoryModel::c11, read + 2);
    ASSERT_TRUE(reached.findings.empty()) << text(p) << *reached.findings.begin();
    ASSERT_EQ(reached.outcomes, Axioms::outcomes(p)) << text(p);
    weak_ones += reached.outcomes != enumerate(interpret, MemoryModel::sc, read + 2).outcomes;
  }
  EXPECT_GT(weak_ones, 0u);
}

/// FORESEED_AXIOMS=100 compares a hundred times as many.
int times(int programs) {
  const char* const factor = std::getenv("FORESEED_AXIOMS");
  return factor == nullptr ? programs : programs * std::atoi(factor);
}

TEST(Axioms, two_threads_of_three_steps) { compare(1, {3, 3}, times(300)); }
TEST(Axioms, two_threads_of_four_steps) { compare(2, {4, 4}, times(30)); }
TEST(Axioms, three_threads_of_three_two_and_one) { compare(3, {1, 2, 3}, times(40)); }
TEST(Axioms, three_threads_of_two_steps) { compare(4, {2, 2, 2}, times(30)); }

}  // namespace
}  // namespace foreseed::testing
