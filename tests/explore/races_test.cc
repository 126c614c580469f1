// --races explore: racy plain accesses are scheduling points, and what the race does is found.

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "campaign/record.h"
#include "explore/explore.h"
#include "explore/random.h"
#include "run_scenario.h"
#include "trace/warnings.h"

namespace foreseed::testing {
namespace {

/// Keeps the compilers from taking a read and a write for one.
__attribute__((noinline)) void between() { asm volatile(""); }

template <typename Int>
void add_twice() {
  static Int counter;
  counter = 0;
  const auto add = [] {
    const int seen = counter;
    between();
    counter = seen + 1;
  };
  std::thread a(add), b(add);
  a.join(), b.join();
  FORESEED_CHECK(counter == 2);
}

void torn() {
  static struct {
    volatile int low, high;
  } pair;
  pair.low = 0;
  pair.high = 0;
  std::thread other([] {
    pair.low = 1;
    pair.high = 1;
  });
  const int low = pair.low;
  const int high = pair.high;
  FORESEED_CHECK(low >= high);
  other.join();
}

/// A race all right, but whoever wins, nothing comes of it.
void harmless() {
  static volatile int last;
  std::thread other([] { last = 1; });
  last = 1;
  other.join();
  FORESEED_CHECK(last == 1);
}

void waits_for_a_plain_flag() {
  static volatile bool ready;
  ready = false;
  std::thread other([] { ready = true; });
  while (!ready) {
  }
  other.join();
}

RunOptions exploring(std::uint64_t seed) {
  RunOptions options;
  options.seed = seed;
  options.races = Races::explore;
  return options;
}

explore::ExploreResult search(void (*body)(), bool races = true) {
  explore::ExploreOptions options;
  options.races = races ? Races::explore : Races::stop;
  options.keep_going = true;
  options.account = true;
  options.executions_max = 10'000;
  return explore::explore(scenario_of(body), options);
}

TEST(Races, are_no_failure_but_what_they_lead_to_is) {
  EXPECT_EQ(run_seed(add_twice<int>, 0).finding->kind, FindingKind::data_race);
  const RunSeries series;
  int failed = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Execution execution = run_once(scenario_of(add_twice<int>), exploring(seed));
    EXPECT_EQ(execution.racy_sites.size(), 2u);
    if (!execution.finding) continue;
    ++failed;
    EXPECT_EQ(execution.finding->kind, FindingKind::check_failed) << execution.finding->message;
    EXPECT_NE(execution.finding->details.find("data race before it: "), std::string::npos) << execution.finding->details;
  }
  EXPECT_GT(failed, 10);
  EXPECT_LT(failed, 90);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_TRUE(run_once(scenario_of(add_twice<std::atomic<int>>), exploring(seed)).racy_sites.empty());
  }
}

TEST(Races, that_tear_a_value_or_do_no_harm) {
  const RunSeries series;
  int failed = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    failed += run_once(scenario_of(torn), exploring(seed)).finding.has_value();
    const Execution held = run_once(scenario_of(harmless), exploring(seed));
    EXPECT_FALSE(held.finding.has_value()) << held.finding->message;
    EXPECT_EQ(held.racy_sites.size(), 2u);
  }
  EXPECT_GT(failed, 5);
}

TEST(Races, a_loop_on_a_plain_flag_ends) {
  for (const std::string& strategy : explore::strategy_names()) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      RunOptions options = exploring(seed);
      options.strategy = explore::strategy_named(strategy, seed);
      const Execution execution = run_once(scenario_of(waits_for_a_plain_flag), options);
      ASSERT_FALSE(execution.finding.has_value()) << strategy << ": " << execution.finding->message;
    }
  }
  const explore::ExploreResult all = search(waits_for_a_plain_flag);
  EXPECT_TRUE(all.finished);
  EXPECT_EQ(all.failed, 0u);
}

TEST(Races, each_trace_is_explored_once) {
  // Reads commute, all else does not: one after the other, either first, and both reads before the writes in either order.
  const explore::ExploreResult result = search(add_twice<int>);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.counts.complete, 4u);
  EXPECT_EQ(result.counts.redundant, 0u);
  EXPECT_EQ(result.counts.blocked, 0u);
  EXPECT_EQ(result.failed, 2u);
  EXPECT_EQ(result.racy_sites.size(), 2u);
  EXPECT_EQ(search(add_twice<std::atomic<int>>).counts.complete, 4u);
  EXPECT_EQ(search(harmless).failed, 0u);
  EXPECT_GE(search(harmless, false).failed, 1u);
}

TEST(Races, are_part_of_the_trace_and_its_replay) {
  Setting setting;
  setting.races = Races::explore;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Trace trace = record_seed(scenario_of(add_twice<int>), seed, setting);
    EXPECT_EQ(trace.racy_sites.size(), 2u);
    EXPECT_EQ(trace.fingerprint, record_seed(scenario_of(add_twice<int>), seed, setting).fingerprint);
    EXPECT_EQ(warnings_of(trace).size(), trace.failed ? 0u : 1u);
    bool diverged = true;
    const Trace replayed = replay_trace(scenario_of(add_twice<int>), trace, diverged);
    EXPECT_FALSE(diverged);
    EXPECT_EQ(replayed.failed, trace.failed);
    if (!trace.failed) continue;
    ASSERT_GE(trace.finding.places.size(), 3u);
    for (const TracePlace& place : trace.finding.places) EXPECT_FALSE(trace.stacks[place.stack].empty()) << place.role;
    EXPECT_TRUE(trace.finding.places[1].role.starts_with("racing ")) << trace.finding.places[1].role;
    EXPECT_TRUE(trace.finding.places[2].role.starts_with("earlier racing ")) << trace.finding.places[2].role;
  }
}

}  // namespace
}  // namespace foreseed::testing
