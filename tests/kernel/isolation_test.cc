// Nothing leaks from one run into the next: globals, statics, memory allocated before the run, descriptors of a library (S4-02).

#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "run_scenario.h"

namespace foreseed::testing {
namespace {

int counter = 0;
std::string text = "short";
std::map<int, int> table = {{1, 1}};
std::vector<int> numbers(1000, 7);

int& made_at_first_use() {
  static int* const value = new int(0);
  return *value;
}

void changes_globals() {
  FORESEED_CHECK(counter == 0);
  FORESEED_CHECK(text == "short");
  FORESEED_CHECK(table.size() == 1);
  FORESEED_CHECK(numbers[500] == 7 && numbers.size() == 1000);
  FORESEED_CHECK(made_at_first_use() == 0);
  ++counter;
  text = "a string that is long enough to be allocated from the heap of the run";
  table[2] = 2;
  table.erase(1);
  numbers[500] = 8;
  numbers.push_back(1);
  ++made_at_first_use();
  std::ostringstream out;
  out << 1.5 << std::boolalpha << true;
  FORESEED_CHECK(out.str() == "1.5true");
}

TEST(Isolation, globals_are_put_back_after_each_run) {
  EXPECT_FALSE(first_finding(changes_globals, 50).has_value());
  EXPECT_EQ(counter, 0);
  EXPECT_EQ(text, "short");
  EXPECT_EQ(table.at(1), 1);
  EXPECT_EQ(numbers.size(), 1000u);
}

TEST(Isolation, what_the_host_changes_between_runs_stays) {
  const RunSeries series;
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(run_seed(changes_globals, 1).finding.has_value());
    EXPECT_EQ(numbers[2], 7 + i);
    ++numbers[2];
  }
  numbers[2] = 7;
}

void gives_up_half_way() {
  std::thread other([] { std::this_thread::sleep_for(std::chrono::hours(1)); });
  other.detach();
  std::vector<int> lost(100);
  ++counter;
  throw lost.size();
}

TEST(Isolation, a_run_that_is_given_up_leaves_nothing_behind) {
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_TRUE(run_seed(gives_up_half_way, seed).finding.has_value());
    EXPECT_FALSE(run_seed(changes_globals, seed).finding.has_value());
  }
}

}  // namespace
}  // namespace foreseed::testing
