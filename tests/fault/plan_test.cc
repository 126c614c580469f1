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
      .reset({"oms"}, {"iam"}, 7us)
      .half_open({"oms"}, {"iam"}, 8us)
      .truncate({"oms"}, {"iam"}, {.at = 1s}, 100)
      .stall("iam", {.at = 1s}, 2s, 0.5)
      .kill("iam", {.at = 1s})
      .in_the_middle(3, "orders.commit")
      .slow_cpu("iam", {.at = 1s}, 5us)
      .disk_full("iam", {.at = 1s}, 4096)
      .disk_error("iam", {.at = 1s}, 0.25)
      .no_memory("iam", {.at = 1s}, 10)
      .no_descriptors("iam", {.at = 1s}, 3)
      .fail("orders.commit", "oms", {.at = 1s});
  const FaultPlan read = from_json(R"({"faults": [
    {"kind": "partition", "at": "10s", "until": "15s", "between": [["oms", "client"], "iam"], "share": 0.5},
    {"kind": "partition", "at": "1.5s", "between": ["iam", "oms"], "one_way": true},
    {"kind": "flap", "until": "1h", "between": ["oms"], "amount": "5s", "period": "250ms"},
    {"kind": "crash", "at": "20s", "until": "22s", "host": "iam"},
    {"kind": "step_clock", "at": "3s", "host": "iam", "amount": "-30s"},
    {"kind": "drift_clock", "at": "1s", "until": "2s", "hosts": ["oms"], "number": -200},
    {"kind": "reset", "at": "7us", "between": ["oms", "iam"]},
    {"kind": "half_open", "at": "8us", "between": ["oms", "iam"]},
    {"kind": "truncate", "at": "1s", "between": ["oms", "iam"], "number": 100},
    {"kind": "stall", "at": "1s", "host": "iam", "amount": "2s", "share": 0.5},
    {"kind": "kill", "at": "1s", "host": "iam", "number": 3, "point": "orders.commit"},
    {"kind": "slow_cpu", "at": "1s", "host": "iam", "amount": "5us"},
    {"kind": "disk_full", "at": "1s", "host": "iam", "number": 4096},
    {"kind": "disk_error", "at": "1s", "host": "iam", "share": 0.25},
    {"kind": "no_memory", "at": "1s", "host": "iam", "number": 10},
    {"kind": "no_descriptors", "at": "1s", "host": "iam", "number": 3},
    {"kind": "fail", "at": "1s", "host": "oms", "point": "orders.commit"}]})",
                                   "plan.json");
  EXPECT_EQ(read.faults, built.faults);
  EXPECT_EQ(from_json(to_json(built), "again").faults, built.faults);
}

TEST(FaultPlan, what_is_wrong_is_named_with_its_place) {
  const std::pair<const char*, const char*> cases[] = {
      {"{", "plan.json: [json.exception.parse_error.101] parse error at line 1"},
      {"[]", "plan.json: must be an object with a list \"faults\""},
      {R"({"faults": [], "x": 1})", "plan.json: x: is not known"},
      {R"({"faults": [{}]})", "plan.json:1: faults[0]: has no \"kind\""},
      {R"({"faults": [{"kind": "meteor"}]})", "plan.json:1: faults[0].kind: must be one of partition, slow"},
      {R"({"faults": [{"kind": "crash", "host": "a", "at": 5}]})", "plan.json:1: faults[0].at: must be a duration"},
      {R"({"faults": [{"kind": "crash", "host": "a", "at": "5 parsecs"}]})", "faults[0].at: must be a duration"},
      {R"({"faults": [{"kind": "crash", "host": "a", "at": "5s", "until": "4s"}]})", "must not be before"},
      {R"({"faults": [{"kind": "crash", "at": "-5s", "host": "a"}]})", "must not be negative"},
      {R"({"faults": [{"kind": "crash", "at": "400000d", "host": "a"}]})", "292 years"},
      {R"({"faults": [{"kind": "crash"}]})", "\"host\" is missing"},
      {R"({"faults": [{"kind": "slow", "between": ["a"]}]})", "\"amount\""},
      {R"({"faults": [{"kind": "loss", "between": ["a"], "share": 2}]})", "\"share\" must lie in [0, 1]"},
      {R"({"faults": [{"kind": "loss", "between": ["a", "b", "c"]}]})", "one or two sides"},
      {R"({"faults": [{"kind": "dribble", "between": ["a"], "number": 0}]})", "\"number\""},
      {"{\"faults\": [\n{\"kind\": \"crash\", \"host\": \"{[\"},\n\n  {\"kind\": \"crash\"}]}", "plan.json:4: faults[1]: \"host\" is missing"},
      {R"({"faults": [{"kind": "stall", "host": "a"}]})", "\"amount\""},
      {R"({"faults": [{"kind": "disk_full", "host": "a", "number": -1}]})", "\"number\" must not be negative"},
      {R"({"faults": [{"kind": "crash", "host": "a", "number": 1e300}]})", "faults[0].number: must be a whole number"},
      {R"({"faults": [{"kind": "slow_cpu", "host": "a", "amount": "1ms", "point": "x"}]})", "\"point\" is for"},
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
