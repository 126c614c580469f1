#include "detectors/detector.h"

#include <gtest/gtest.h>

#include "run_scenario.h"

namespace foreseed::testing {

TEST_P(Detector, catches_the_bad_one) {
  std::uint64_t seed = 0;
  const auto finding = first_finding(GetParam().bad, GetParam().runs, &seed);
  ASSERT_TRUE(finding.has_value());
  EXPECT_EQ(to_string(finding->kind), to_string(GetParam().kind)) << finding->message;
  EXPECT_NE(finding->message.find(GetParam().message), std::string::npos) << finding->message;
}

TEST_P(Detector, finds_the_same_again_with_stacks) {
  std::uint64_t seed = 0;
  const auto finding = first_finding(GetParam().bad, GetParam().runs, &seed);
  ASSERT_TRUE(finding.has_value());
  const Execution light = run_seed(GetParam().bad, seed);
  const Execution recorded = run_seed(GetParam().bad, seed, true);
  EXPECT_EQ(light.fingerprint, recorded.fingerprint);
  ASSERT_TRUE(recorded.finding.has_value());
  EXPECT_EQ(recorded.finding->kind, finding->kind);
  for (const Place& place : recorded.finding->places) EXPECT_FALSE(place.stack.empty()) << place.role;
}

TEST_P(Detector, lets_the_good_one_pass) {
  const auto finding = first_finding(GetParam().good, 200);
  EXPECT_FALSE(finding.has_value()) << finding->message;
}

}  // namespace foreseed::testing
