// The join of RapidCheck and foreseed: parameters by the one, schedules by the other, and failures made small in both.

#include <foreseed/property.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "campaign/minimize.h"
#include "campaign/record.h"
#include "run_scenario.h"
#include "trace/signature.h"

namespace foreseed::testing {
namespace {

rc::Gen<std::vector<int>> numbers() {
  return rc::gen::resize(6, rc::gen::container<std::vector<int>>(rc::gen::resize(100, rc::gen::inRange(0, 300))));
}

FORESEED_PROPERTY(all_below_100, "a plain failure", numbers(), const std::vector<int>& given) {
  for (const int n : given) FORESEED_CHECK(n < 100);
}

FORESEED_PROPERTY(two_failures, "fewer elements fail in another way", numbers(), const std::vector<int>& given) {
  if (given.size() >= 3) FORESEED_CHECK(!"three or more");
  if (!given.empty()) FORESEED_CHECK(!"one or two");
}

struct Workload {
  int increments;
  std::vector<int> ballast;
};
void showValue(const Workload& w, std::ostream& out) { out << w.increments << " increments, ballast of " << w.ballast.size(); }

rc::Gen<Workload> workloads() {
  return rc::gen::map(rc::gen::pair(rc::gen::inRange(0, 10), numbers()), [](auto two) { return Workload{two.first, std::move(two.second)}; });
}

FORESEED_PROPERTY(lost_update, "fails under some schedules only",
                  workloads(), const Workload& given) {
  std::atomic<int> counter{0};
  const auto add = [&] {
    for (int i = 0; i < given.increments; ++i) counter.store(counter.load() + 1);
  };
  std::thread other(add);
  add();
  other.join();
  FORESEED_CHECK(counter == 2 * given.increments);
}

FORESEED_PROPERTY(no_value, "there is nothing to draw from", rc::gen::suchThat(numbers(), [](const auto&) { return false; }),
                  const std::vector<int>&) {}

Trace failure_of(void (*body)()) {
  std::uint64_t seed = 0;
  if (!first_finding(body, 5'000, &seed)) return {};
  return record_seed(scenario_of(body), seed, {});
}

Minimized smallest(void (*body)(), const Trace& failure) {
  MinimizeOptions options;
  options.seconds = 60;  // a bound of executions, not of time
  options.runs = 20'000;
  return minimize(scenario_of(body), failure, options);
}

TEST(Property, a_failure_is_shrunk_to_where_rapidcheck_has_nothing_simpler) {
  const Trace failure = failure_of(foreseed_body_all_below_100);
  ASSERT_TRUE(failure.failed);
  const Minimized minimized = smallest(foreseed_body_all_below_100, failure);
  EXPECT_EQ(minimized.trace.finding.details, "given [100]\n");
  EXPECT_GT(minimized.simpler, 0u);
  EXPECT_EQ(minimized.slipped, 0u);
}

TEST(Property, a_simpler_value_that_fails_in_another_way_is_refused) {
  Trace failure;
  for (std::uint64_t seed = 0; failure.finding.message.find("three") == std::string::npos; ++seed) {
    failure = record_seed(scenario_of(foreseed_body_two_failures), seed, {});
  }
  const Minimized minimized = smallest(foreseed_body_two_failures, failure);
  EXPECT_EQ(minimized.trace.finding.details, "given [0, 0, 0]\n");
  EXPECT_GT(minimized.slipped, 0u);
  EXPECT_EQ(signature_of(minimized.trace), signature_of(failure));
}

TEST(Property, parameters_and_schedule_become_small_together) {
  const Trace failure = failure_of(foreseed_body_lost_update);
  ASSERT_TRUE(failure.failed);
  const Minimized minimized = smallest(foreseed_body_lost_update, failure);
  EXPECT_EQ(minimized.trace.finding.details, "given 1 increments, ballast of 0\n");
  EXPECT_EQ(minimized.after.preemptions, 1u);
}

TEST(Property, the_small_trace_replays_with_its_parameters) {
  const Trace failure = failure_of(foreseed_body_lost_update);
  const Minimized minimized = smallest(foreseed_body_lost_update, failure);
  bool diverged = true;
  const Trace again = replay_trace(scenario_of(foreseed_body_lost_update), minimized.trace, diverged);
  EXPECT_FALSE(diverged);
  EXPECT_EQ(again.finding.details, minimized.trace.finding.details);
  EXPECT_EQ(again.fingerprint, minimized.trace.fingerprint);
}

TEST(Property, a_generator_that_gives_up_is_a_finding) {
  const Trace failure = record_seed(scenario_of(foreseed_body_no_value), 0, {});
  ASSERT_TRUE(failure.failed);
  EXPECT_NE(failure.finding.message.find("the generator of the property failed"), std::string::npos);
}

}  // namespace
}  // namespace foreseed::testing
