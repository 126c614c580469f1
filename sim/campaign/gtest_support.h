#pragma once
// What <foreseed/gtest.h> calls, as the simulator's own sources see it: no GoogleTest here.

#include "api/foreseed/scenario.h"

namespace foreseed::detail {

struct TestOutcome {
  bool held;
  const char* message;
};

FORESEED_API TestOutcome run_gtest_scenario(const Scenario& scenario, const char* test_name);
FORESEED_API const char* const* gtest_regressions(const char* directory);
FORESEED_API TestOutcome run_gtest_regression(const char* file);

}  // namespace foreseed::detail
