// What the minimiser leaves of a failure, against what running every schedule shows to be the least.

#include "campaign/minimize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "bad_programs.h"
#include "campaign/campaign.h"
#include "least_preemptions.h"
#include "trace/signature.h"

namespace foreseed::testing {
namespace {

Trace failure_of(void (*body)()) {
  std::uint64_t seed = 0;
  const auto finding = first_finding(body, 20'000, &seed);
  if (!finding) return {};
  return record_seed(scenario_of(body), seed, {.strategy = "uniform"});  // as first_finding()
}

TEST(Minimize, leaves_the_fewest_preemptions_that_are_possible) {
  int compared = 0;
  int least = 0;
  std::vector<double> seconds;
  for (const BadProgram& program : bad_programs) {
    SCOPED_TRACE(program.name);
    const Trace failure = failure_of(program.body);
    ASSERT_TRUE(failure.failed);
    const auto start = std::chrono::steady_clock::now();
    const Minimized minimized = minimize(scenario_of(program.body), failure, {});
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    ASSERT_TRUE(minimized.reproduced);
    EXPECT_EQ(signature_of(minimized.trace), signature_of(failure));
    EXPECT_LE(minimized.after, minimized.before);
    const auto possible = Exhaustive(program.body, failure, 300'000).least(minimized.after.preemptions);
    std::printf("%-32s %s; least %s; %llu executions, %.3f s%s\n", program.name, describe(minimized).c_str(),
                possible ? std::to_string(*possible).c_str() : "unknown",
                static_cast<unsigned long long>(minimized.executions), seconds.back(),
                minimized.least_preemptions ? "" : ", not all schedules tried");
    if (!possible) continue;
    ++compared;
    least += minimized.after.preemptions == *possible;
    EXPECT_LE(minimized.after.preemptions, *possible + 1);
  }
  EXPECT_GE(compared, 20);
  EXPECT_GE(least * 10, compared * 9);
  std::sort(seconds.begin(), seconds.end());
  std::printf("median %.3f s\n", seconds[seconds.size() / 2]);
}

TEST(Minimize, makes_a_trace_that_replays_to_the_same_failure) {
  const Trace failure = failure_of(lost_update_of_many);
  const Minimized minimized = minimize(scenario_of(lost_update_of_many), failure, {});
  bool diverged = true;
  const Trace again = replay_trace(scenario_of(lost_update_of_many), minimized.trace, diverged);
  EXPECT_FALSE(diverged);
  EXPECT_EQ(signature_of(again), signature_of(failure));
  EXPECT_EQ(again.fingerprint, minimized.trace.fingerprint);
}

// Two failures, of which the first needs a preemption and the second none.
void hard_and_easy() {
  std::atomic<int> x{0};
  std::thread other([&] { x = x + 1; });
  x = x + 1;
  other.join();
  if (x == 1) FORESEED_CHECK(!"lost");
  FORESEED_CHECK(!"always");
}

TEST(Minimize, never_slips_to_another_failure) {
  std::uint64_t seed = 0;
  {
    const RunSeries series;
    while (run_seed(hard_and_easy, seed).finding->message.find("lost") == std::string::npos) ASSERT_LT(++seed, 1000u);
  }
  const Trace failure = record_seed(scenario_of(hard_and_easy), seed, {.strategy = "uniform"});
  const Minimized minimized = minimize(scenario_of(hard_and_easy), failure, {});
  ASSERT_TRUE(minimized.reproduced);
  EXPECT_NE(minimized.trace.finding.message.find("lost"), std::string::npos);
  EXPECT_EQ(minimized.after.preemptions, 1u);
}

void drawn_number_is_large() { FORESEED_CHECK(choose(1'000'000) < 777); }

TEST(Minimize, lowers_what_was_drawn) {
  const Trace failure = failure_of(drawn_number_is_large);
  const Minimized minimized = minimize(scenario_of(drawn_number_is_large), failure, {});
  ASSERT_EQ(minimized.trace.choices.size(), 1u);
  EXPECT_EQ(minimized.trace.choices[0].value, 777u);
}

void drawn_work() {
  std::atomic<int> done{0};
  for (std::uint32_t left = choose(100); left != 0; --left) ++done;
  FORESEED_CHECK(done < 10);
}

TEST(Minimize, takes_the_fewest_steps) {
  const Trace failure = failure_of(drawn_work);
  const Minimized minimized = minimize(scenario_of(drawn_work), failure, {});
  ASSERT_EQ(minimized.trace.choices.size(), 1u);
  EXPECT_EQ(minimized.trace.choices[0].value, 10u);
}

TEST(Minimize, says_where_a_trace_does_not_fail_that_way) {
  Trace failure = failure_of(lost_update);
  failure.choices.clear();
  EXPECT_FALSE(minimize(scenario_of(lost_update), failure, {}).reproduced);
}

TEST(Minimize, stops_when_its_executions_are_spent) {
  const Trace failure = failure_of(philosophers_who_eat_often);
  const Minimized minimized = minimize(scenario_of(philosophers_who_eat_often), failure, {.seconds = 60, .runs = 50});
  EXPECT_TRUE(minimized.reproduced);
  EXPECT_LE(minimized.executions, 52u);
  EXPECT_EQ(signature_of(minimized.trace), signature_of(failure));
}

}  // namespace
}  // namespace foreseed::testing
