#include <gtest/gtest.h>

#include "sample.h"

namespace foreseed {
namespace {

TEST(Show, columns_finding_and_escapes) {
  EXPECT_EQ(show(sample_trace(), {80, 60}),
            "prog: two_writers, seed 18446744073709551614, 3 steps in 1.500ms of virtual time\n"
            "  step        time  main                          T1\n"
            "     1         0ns  task_start\n"
            "     2     1.000us                                mutex_lock mutex#1 = -110  a.cc:7\n"
            "     3     1.500ms  note a note \\x1b[31m  b.cc:9\n"
            "data race: write by T1 and read by main\n"
            "  data_race after step 3, at 1.500ms of virtual time, seed 18446744073709551614\n"
            "  T1: write, a.cc:7\n"
            "      a.cc:7 writer()\n"
            "  main: previous read, dir/b.cc:9\n"
            "      dir/b.cc:9 reader()\n"
            "  a detail\n"
            "  another\n");
}

TEST(Show, says_what_it_leaves_out) {
  const std::string text = show(sample_trace(), {80, 1});
  EXPECT_NE(text.find("2 earlier steps"), std::string::npos);
  EXPECT_EQ(text.find("mutex_lock"), std::string::npos);
}

TEST(Show, ends_where_it_is_told_to) {
  const std::string text = show(sample_trace(), {80, 60, 2});
  EXPECT_NE(text.find("mutex_lock"), std::string::npos);
  EXPECT_EQ(text.find("note"), std::string::npos);
  EXPECT_EQ(text.find("data race"), std::string::npos);
}

TEST(Show, tasks_that_do_not_fit_share_the_last_column) {
  Trace trace = sample_trace();
  for (int i = 2; i < 30; ++i) trace.tasks.push_back("T" + std::to_string(i));
  trace.events[1].task = 20;
  EXPECT_NE(show(trace, {80, 60}).find("T20: mutex_lock"), std::string::npos);
}

}  // namespace
}  // namespace foreseed
