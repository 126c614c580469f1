// POS and SURW draw interleavings in the proportions of their definitions: each strategy once more, by the book, on a model
// of two small programs, with other random numbers; and the library's on the programs.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "explore/orders.h"
#include "explore/random.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

// --- the programs' model: main waits for a, then for b

enum class Do { begin, lock, unlock, load, store, join_a, join_b };

struct Model {
  std::vector<Do> tasks[3];  // main, a, b
  std::size_t at[3] = {};
  int holder = -1;
  std::string order;

  Do next(int task) const { return tasks[task][at[task]]; }
  bool done(int task) const { return at[task] == tasks[task].size(); }
  bool open(int task) const {
    if (done(task)) return false;
    switch (next(task)) {
      case Do::lock: return holder < 0;
      case Do::join_a: return done(1);
      case Do::join_b: return done(2);
      default: return true;
    }
  }
  std::vector<int> open() const {
    std::vector<int> all;
    for (int task = 0; task < 3; ++task) {
      if (open(task)) all.push_back(task);
    }
    return all;
  }
  /// Whether the step is on the object that both tasks use.
  bool shared(int task) const { return !done(task) && next(task) >= Do::lock && next(task) <= Do::store; }
  void go(int task) {
    const Do step = next(task);
    ++at[task];
    if (step == Do::lock) holder = task;
    if (step == Do::unlock) holder = -1;
    if (step == Do::lock || step == Do::load || step == Do::store) order += static_cast<char>('a' + task - 1);
  }
};

Model model_of_lock_sections() {
  const std::vector<Do> worker{Do::begin, Do::lock, Do::unlock, Do::lock, Do::unlock};
  return {{{Do::join_a, Do::join_b}, worker, worker}, {}, -1, {}};
}
Model model_of_lost_updates() {
  const std::vector<Do> worker{Do::begin, Do::load, Do::store, Do::load, Do::store};
  return {{{Do::join_a, Do::join_b}, worker, worker}, {}, -1, {}};
}

using Random = std::mt19937_64;
double fraction(Random& random) { return static_cast<double>(random() >> 11) / 9007199254740992.0; }
std::size_t below(Random& random, std::size_t bound) { return random() % bound; }

/// Every pending step has a priority; when one is made, those of the steps that it raced with are drawn anew.
std::string pos(Model model, Random& random) {
  double priority[3];
  for (double& p : priority) p = fraction(random);
  for (std::vector<int> open; !(open = model.open()).empty();) {
    const int task = *std::max_element(open.begin(), open.end(), [&](int x, int y) { return priority[x] < priority[y]; });
    for (const int other : open) {
      const bool races = model.shared(task) && model.shared(other) && !(model.next(task) == Do::load && model.next(other) == Do::load);
      if (other != task && races) priority[other] = fraction(random);
    }
    priority[task] = fraction(random);
    model.go(task);
  }
  return model.order;
}

/// Steps on the object that matters - in one of six executions the one that there is - are made in the order in which
/// tasks are drawn by how many are still expected of each, here 1 to 8; all else is drawn evenly.
std::string surw(Model model, Random& random) {
  std::size_t expected[3];
  for (std::size_t& e : expected) e = 1 + below(random, 8);
  const bool matters = below(random, 6) == 0;
  int intended = -1;
  for (std::vector<int> open; !(open = model.open()).empty();) {
    if (intended >= 0 && !model.open(intended)) intended = -1;
    if (intended < 0) {
      std::size_t sum = 0;
      for (const int task : open) sum += expected[task];
      std::size_t left = below(random, sum);
      for (const int task : open) {
        if (intended >= 0) break;
        if (left < expected[task]) intended = task;
        else left -= expected[task];
      }
    }
    std::erase_if(open, [&](int task) { return matters && task != intended && model.shared(task); });
    const int task = open[below(random, open.size())];
    if (matters && model.shared(task)) {
      expected[task] = std::max<std::size_t>(expected[task], 2) - 1;
      intended = -1;
    }
    model.go(task);
  }
  return model.order;
}

struct Case {
  const char* name;
  const char* strategy;
  std::string (*by_the_book)(Model, Random&);
  Model (*model)();
  void (*program)();
  std::size_t orders;
};

class Proportions : public ::testing::TestWithParam<Case> {};

TEST_P(Proportions, are_those_of_the_definition) {
  constexpr int model_runs = 400'000;
  constexpr int runs = 100'000;
  std::map<std::string, double> expected, seen;
  Random random(12345);
  for (int i = 0; i < model_runs; ++i) expected[GetParam().by_the_book(GetParam().model(), random)] += 1.0 / model_runs;
  EXPECT_EQ(expected.size(), GetParam().orders);
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    RunOptions options;
    options.seed = seed;
    options.strategy = explore::strategy_named(GetParam().strategy, seed);
    EXPECT_FALSE(run_once(scenario_of(GetParam().program), options).finding.has_value());
    seen[std::string(order->by, order->size)] += 1.0 / runs;
  }
  double least = 1, farthest = 1;
  for (const auto& [name, p] : expected) {
    EXPECT_GT(seen[name], p / 3) << name << " of which the model makes " << p;
    EXPECT_LT(seen[name], p * 3) << name << " of which the model makes " << p;
    least = std::min(least, p);
    farthest = std::max({farthest, seen[name] / p, p / std::max(seen[name], 1e-9)});
  }
  EXPECT_EQ(seen.size(), expected.size());
  std::printf("%s: %zu orders, the rarest 1 in %.0f, none further than a factor %.2f from the model\n", GetParam().name, seen.size(),
              1 / least, farthest);
}

INSTANTIATE_TEST_SUITE_P(Strategies, Proportions,
                         ::testing::Values(Case{"pos_a", "pos", pos, model_of_lock_sections, lock_sections, 6},
                                           Case{"pos_b", "pos", pos, model_of_lost_updates, lost_updates<>, 70},
                                           Case{"surw_a", "surw", surw, model_of_lock_sections, lock_sections, 6},
                                           Case{"surw_b", "surw", surw, model_of_lost_updates, lost_updates<>, 70}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace foreseed::testing
