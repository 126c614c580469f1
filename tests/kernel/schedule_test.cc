// Schedules: every interleaving is reached, about as often as its choices say; equal seeds are equal; records replay.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <thread>

#include "run_scenario.h"

namespace foreseed::testing {
namespace {

void two_threads_two_sections_each() {
  std::mutex mutex;
  char order[5] = {};
  int n = 0;
  const auto body = [&](char who) {
    for (int i = 0; i < 2; ++i) {
      const std::lock_guard lock(mutex);
      order[n++] = who;
    }
  };
  std::thread a(body, 'a');
  std::thread b(body, 'b');
  a.join();
  b.join();
  note(order);
}

std::string noted(const Execution& execution) {
  for (const Event& event : execution.recording->events) {
    if (event.op == Op::note) return execution.recording->texts[event.text];
  }
  return "";
}

TEST(Schedule, all_six_orders_of_two_by_two_sections_are_reached) {
  const RunSeries series;
  std::map<std::string, int> orders;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    ++orders[noted(run_seed(two_threads_two_sections_each, seed, true))];
  }
  EXPECT_EQ(orders.size(), 6u);  // C(4,2)
  for (const auto& [order, count] : orders) EXPECT_GT(count, 60) << order;
}

void one_flag() {
  std::atomic<int> x{0};
  std::thread other([&] { x = 1; });
  note(x == 1 ? "late" : "early");
  other.join();
}

TEST(Schedule, a_choice_between_two_is_fair) {
  const RunSeries series;
  int late = 0;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) late += noted(run_seed(one_flag, seed, true)) == "late";
  // Main's load stands behind one choice after the thread was made, the store behind two (start, store): the store comes
  // first with probability 1/2 * 1/2.
  EXPECT_NEAR(late, 1000, 120);
}

TEST(Schedule, the_same_seed_gives_the_same_fingerprint_recorded_or_not) {
  const RunSeries series;
  std::map<std::uint64_t, int> fingerprints;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::uint64_t first = run_seed(two_threads_two_sections_each, seed).fingerprint;
    EXPECT_EQ(first, run_seed(two_threads_two_sections_each, seed).fingerprint);
    EXPECT_EQ(first, run_seed(two_threads_two_sections_each, seed, true).fingerprint);
    ++fingerprints[first];
  }
  EXPECT_GT(fingerprints.size(), 50u);
}

/// Reads one atomic, and then another, which a compiler may have put where the first was.
template <bool in_one_place>
void two_that_are_read() {
  alignas(std::atomic<int>) static unsigned char places[2][sizeof(std::atomic<int>)];
  const auto read = [](unsigned char* place) {
    const auto* x = new (place) std::atomic<int>(0);
    for (int i = 0; i < 5; ++i) x->load();
  };
  std::mutex mutex;
  std::thread other([&] {
    for (int i = 0; i < 5; ++i) const std::lock_guard lock(mutex);
  });
  read(places[0]);
  { const std::lock_guard lock(mutex); }
  read(places[in_one_place ? 0 : 1]);
  other.join();
}

TEST(Schedule, where_a_compiler_puts_what_is_polled_does_not_matter) {
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(run_seed(two_that_are_read<true>, seed).fingerprint, run_seed(two_that_are_read<false>, seed).fingerprint) << seed;
  }
}

TEST(Schedule, recorded_choices_replay_and_missing_ones_read_as_0) {
  const RunSeries series;
  const Execution seeded = run_seed(two_threads_two_sections_each, 5);
  const std::uint64_t fingerprint = seeded.fingerprint;
  const std::vector<Choice> record(seeded.choices.begin(), seeded.choices.end());
  ASSERT_GT(record.size(), 4u);
  RunOptions options;
  options.replaying = true;
  options.replay = record;
  const Execution replayed = run_once(scenario_of(two_threads_two_sections_each), options);
  EXPECT_EQ(replayed.fingerprint, fingerprint);
  EXPECT_FALSE(replayed.diverged);
  for (std::size_t n = 0; n < record.size(); ++n) {
    options.replay = std::span(record).first(n);
    const Execution cut = run_once(scenario_of(two_threads_two_sections_each), options);
    EXPECT_FALSE(cut.diverged);
    EXPECT_FALSE(cut.finding.has_value());
    for (std::size_t i = n; i < cut.choices.size(); ++i) EXPECT_EQ(cut.choices[i].value, 0u);
  }
}

TEST(Schedule, a_record_that_does_not_fit_is_a_divergence) {
  const RunSeries series;
  const Execution seeded = run_seed(two_threads_two_sections_each, 5);
  std::vector<Choice> record(seeded.choices.begin(), seeded.choices.end());
  record[1].value = record[1].bound;
  RunOptions options;
  options.replaying = true;
  options.replay = record;
  EXPECT_TRUE(run_once(scenario_of(two_threads_two_sections_each), options).diverged);
}

void a_hundred_threads() {
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; ++i) threads.emplace_back([&] { ++sum; });
  for (std::thread& thread : threads) thread.join();
  FORESEED_CHECK(sum == 100);
}

TEST(Schedule, more_tasks_than_a_word_has_bits) {
  EXPECT_FALSE(first_finding(a_hundred_threads, 50).has_value());
}

}  // namespace
}  // namespace foreseed::testing
