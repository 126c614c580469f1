#include "fault/plan.h"

#include <gtest/gtest.h>

namespace foreseed::fault {
namespace {

using namespace std::chrono_literals;

TEST(FaultPlan, json_and_builders_give_the_same_value) {
  FaultPlan built;
  built.partition({"oms", "client"}, {"iam"}, {.at = 10s, .until = 15s}, 0.5)
      .partition_one_way({"iam"}, {"oms"}, {.at = 1500ms})
      .flap({"oms"}, {}, {.at = 0s, .until = 1h}, 5s, 250ms)
      .crash("iam", {.at = 20s, .until = 22s})
      .step_clock("iam", 3s, -30s)
      .drift_clock("oms", {.at = 1s, .until = 2s}, -200)
      .reset({"oms"}, {"iam"}, 7us);
  const FaultPlan read = from_json(R"({"faults": [
    {"kind": "partition", "at": "10s", "until": "15s", "between": [["oms", "client"], "iam"], "share": 0.5},
    {"kind": "partition", "at": "1.5s", "between": ["iam", "oms"], "one_way": true},
    {"kind": "flap", "until": "1h", "between": ["oms"], "amount": "5s", "period": "250ms"},
    {"kind": "crash", "at": "20s", "until": "22s", "host": "iam"},
    {"kind": "step_clock", "at": "3s", "host": "iam", "amount": "-30s"},
    {"kind": "drift_clock", "at": "1s", "until": "2s", "hosts": ["oms"], "number": -200},
    {"kind": "reset", "at": "7us", "between": ["oms", "iam"]}]})",
                                   "plan.json");
  EXPECT_EQ(read.faults, built.faults);
  EXPECT_EQ(from_json(to_json(built), "again").faults, built.faults);
}

TEST(FaultPlan, what_is_wrong_is_named_with_its_place) {
  const std::pair<const char*, const char*> cases[] = {
      {"{", "plan.json: [json.exception.parse_error.101] parse error at line 1"},
      {"[]", "plan.json: must be an object with a list \"faults\""},
      {R"({"faults": [], "x": 1})", "plan.json: x: is not known"},
      {R"({"faults": [{}]})", "plan.json: faults[0]: has no \"kind\""},
      {R"({"faults": [{"kind": "meteor"}]})", "plan.json: faults[0].kind: must be one of partition, slow"},
      {R"({"faults": [{"kind": "crash", "host": "a", "at": 5}]})", "plan.json: faults[0].at: must be a duration"},
      {R"({"faults": [{"kind": "crash", "host": "a", "at": "5 parsecs"}]})", "faults[0].at: must be a duration"},
      {R"({"faults": [{"kind": "crash", "host": "a", "at": "5s", "until": "4s"}]})", "must not be before"},
      {R"({"faults": [{"kind": "crash", "at": "-5s", "host": "a"}]})", "must not be negative"},
      {R"({"faults": [{"kind": "crash", "at": "400000d", "host": "a"}]})", "292 years"},
      {R"({"faults": [{"kind": "crash"}]})", "\"host\" is missing"},
      {R"({"faults": [{"kind": "slow", "between": ["a"]}]})", "\"amount\""},
      {R"({"faults": [{"kind": "loss", "between": ["a"], "share": 2}]})", "\"share\" must lie in [0, 1]"},
      {R"({"faults": [{"kind": "loss", "between": ["a", "b", "c"]}]})", "one or two sides"},
      {R"({"faults": [{"kind": "dribble", "between": ["a"], "number": 0}]})", "\"number\""},
      {R"({"faults": [{"kind": "pause", "host": "a", "colour": 1}]})", "faults[0].colour: is not known"},
  };
  for (const auto& [text, message] : cases) {
    try {
      from_json(text, "plan.json");
      ADD_FAILURE() << "accepted: " << text;
    } catch (const PlanError& error) {
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
    }
  }
  std::string deep(100'000, '[');
  EXPECT_THROW(from_json(deep, "deep"), PlanError);
  EXPECT_THROW(from_json(std::string(2 << 20, ' '), "large"), PlanError);
  EXPECT_THROW(from_file("/nowhere/plan.json"), PlanError);
}

}  // namespace
}  // namespace foreseed::fault
