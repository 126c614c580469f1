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
// makes a test of every trace kept in a directory that a test of this program, or a scenario of it, has left: one of
// two_writers.json is Kept/CounterRegressions.Holds/two_writers. It fails, with the finding, where the failure is still
// there, or where the program has changed so much that the trace says nothing. The directory is read when the program
// starts.

#include <foreseed/scenario.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace foreseed::detail {

struct TestOutcome {
  bool held;
  const char* message;  ///< valid until the next call; ends in a newline
};

/// Runs the scenario as the environment says; a failure leaves its trace in results/<name>-<seed>.json.
FORESEED_API TestOutcome run_gtest_scenario(const Scenario& scenario, const char* test_name);

/// The files of the directory's traces of scenarios of this program, and what there cannot be read; null behind the last.
/// Valid until the next call.
FORESEED_API const char* const* gtest_regressions(const char* directory);

/// Replays the trace.
FORESEED_API TestOutcome run_gtest_regression(const char* file);

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

inline void run_regression(const std::string& trace, const char* file, int line) {
  TestOutcome outcome{};
  {
    const ExpectationReporter reporter;
    outcome = run_gtest_regression(trace.c_str());
  }
  if (!outcome.held) GTEST_MESSAGE_AT_(file, line, outcome.message, testing::TestPartResult::kNonFatalFailure);
}

inline std::vector<std::string> kept_traces(const char* directory) {
  std::vector<std::string> files;
  for (const char* const* file = gtest_regressions(directory); *file != nullptr; ++file) files.emplace_back(*file);
  return files;
}

/// The file's name without directory and ending, of letters, digits and _ only.
inline std::string name_of_trace(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param.substr(info.param.rfind('/') + 1);
  if (name.ends_with(".json")) name.resize(name.size() - 5);
  for (char& c : name) {
    if (c < '0' || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') || c > 'z') c = '_';
  }
  return name;
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

/// A GoogleTest test for each of the traces kept in a directory.
#define FORESEED_REGRESSIONS(Suite, directory)                                                                \
  class Suite##Regressions : public ::testing::TestWithParam<std::string> {};                                 \
  TEST_P(Suite##Regressions, Holds) { ::foreseed::detail::run_regression(GetParam(), __FILE__, __LINE__); }   \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Suite##Regressions); /* none are kept */                      \
  INSTANTIATE_TEST_SUITE_P(Kept, Suite##Regressions,                                                          \
                           ::testing::ValuesIn(::foreseed::detail::kept_traces(directory)),                   \
                           ::foreseed::detail::name_of_trace)
