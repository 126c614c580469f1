// kinds.csv: where each kind of fault is shown on a library that somebody else wrote and compiled. A kind without a row
// fails here, and so does a row whose test is gone, or a kind without a plan in JSON and in C++ (tests/net/faults_test.cc).

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "foreseed/faults.h"

namespace foreseed::testing {
namespace {

#ifdef WITH_SQLITE
constexpr const char* left_out = "";
#else
constexpr const char* left_out = "sqlite";  ///< this build has no such program
#endif

/// "Suite.test" of each test of a program, with its parameter.
std::set<std::string> tests_of(const std::string& program) {
  FILE* const pipe = popen((std::string(PROGRAMS) + '/' + program + " --gtest_list_tests").c_str(), "r");
  if (pipe == nullptr) return {};
  std::set<std::string> tests;
  std::string suite;
  char buffer[1024];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) {
    std::string line = buffer;
    line = line.substr(0, line.find_first_of("#\n"));
    line.erase(line.find_last_not_of(' ') + 1);
    if (line.starts_with("  ")) {
      tests.insert(suite + line.substr(2));
    } else {
      suite = line;
    }
  }
  return pclose(pipe) == 0 ? tests : std::set<std::string>();
}

TEST(FaultKinds, are_each_shown_on_a_compiled_library_and_planned_in_both_forms) {
  std::map<std::string, std::set<std::string>> tests;  // of each program
  const auto exists = [&](const std::string& program, const std::string& test) {
    if (!tests.contains(program)) tests[program] = tests_of(program);
    return tests[program].contains(test);
  };
  std::set<std::string> shown;
  std::ifstream table(KINDS_CSV);
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream row(line);
    std::string kind, library, program, test;
    std::getline(std::getline(std::getline(std::getline(row, kind, ','), library, ','), program, ','), test);
    EXPECT_TRUE(program == left_out || exists(program, test)) << line << ": no such test";
    shown.insert(kind);
  }
  std::set<std::string> kinds;
  for (std::uint8_t i = 0; to_string(static_cast<FaultKind>(i)) != "?"; ++i) {
    kinds.emplace(to_string(static_cast<FaultKind>(i)));
  }
  EXPECT_EQ(shown, kinds);
  for (const std::string& kind : kinds) EXPECT_TRUE(exists("net", "Of/TwoForms.are_the_same_executions/" + kind)) << kind;
}

}  // namespace
}  // namespace foreseed::testing
