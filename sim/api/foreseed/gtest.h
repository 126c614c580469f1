#pragma once
// Scenarios inside GoogleTest:
//
//   FORESEED_TEST(Counter, TwoWriters) {
//     ...threads...
//     EXPECT_EQ(counter, 2);
//   }
//
// runs its body as a scenario under many seeds. An EXPECT_* or ASSERT_* that fails is a failed execution, like any other
// finding; the test then fails once, with the seed, the finding with its source lines, and the command that replays it.
// Environment: FORESEED_RUNS (default 100), FORESEED_SEED (the first seed, default 0), FORESEED_REPLAY (a trace file that
// the one test selected follows instead). Compile the test with foreseed_instrument(); link foreseed and gtest.
//
//   FORESEED_REGRESSIONS(Counter, "tests/traces");
//
// is a test that replays every trace kept in a directory that a test of this program, or a scenario of it, has left. It
// fails, with the finding, where one still fails, or where the program has changed so much that its trace says nothing.

#include <foreseed/scenario.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <string>

namespace foreseed::detail {

struct TestOutcome {
  bool held;
  const char* message;  ///< valid until the next call; ends in a newline
};

/// Runs the scenario as the environment says; a failure leaves its trace in results/<name>-<seed>.json.
FORESEED_API TestOutcome run_gtest_scenario(const Scenario& scenario, const char* test_name);

/// Replays every trace of the directory.
FORESEED_API TestOutcome run_gtest_regressions(const char* directory);

/// Turns GoogleTest's failures inside a simulation into findings.
class ExpectationReporter : public testing::ScopedFakeTestPartResultReporter {
 public:
  ExpectationReporter() : ScopedFakeTestPartResultReporter(INTERCEPT_ALL_THREADS, nullptr) {}
  void ReportTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed() || !simulated()) return;
    fail(result.message(), result.file_name() != nullptr ? result.file_name() : "?", result.line_number());
  }
};

inline void run_test(const Scenario& scenario, const char* test_name) {
  TestOutcome outcome{};
  {
    const ExpectationReporter reporter;
    outcome = run_gtest_scenario(scenario, test_name);
  }
  if (!outcome.held) {
    GTEST_MESSAGE_AT_(scenario.file, scenario.line, outcome.message, testing::TestPartResult::kNonFatalFailure);
  }
}

inline void run_regressions(const char* directory, const char* file, int line) {
  TestOutcome outcome{};
  {
    const ExpectationReporter reporter;
    outcome = run_gtest_regressions(directory);
  }
  if (!outcome.held) GTEST_MESSAGE_AT_(file, line, outcome.message, testing::TestPartResult::kNonFatalFailure);
}

}  // namespace foreseed::detail

/// A GoogleTest test whose body runs under many seeds.
#define FORESEED_TEST(Suite, Name)                                                                              \
  static void foreseed_test_##Suite##_##Name();                                                                 \
  static const ::foreseed::Registration foreseed_registration_##Suite##_##Name(                                 \
      ::foreseed::Scenario{#Suite "." #Name, "", foreseed_test_##Suite##_##Name, __FILE__, __LINE__});          \
  TEST(Suite, Name) {                                                                                           \
    ::foreseed::detail::run_test(                                                                               \
        ::foreseed::Scenario{#Suite "." #Name, "", foreseed_test_##Suite##_##Name, __FILE__, __LINE__},         \
        #Suite "." #Name);                                                                                      \
  }                                                                                                             \
  static void foreseed_test_##Suite##_##Name()

/// A GoogleTest test that replays the traces kept in a directory.
#define FORESEED_REGRESSIONS(Suite, directory) \
  TEST(Suite, Regressions) { ::foreseed::detail::run_regressions(directory, __FILE__, __LINE__); }
