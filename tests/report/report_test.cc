#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "../trace/sample.h"
#include "report/export.h"
#include "report/page.h"
#include "report/sources.h"
#include "report/timeline.h"
#include "trace/causality.h"

namespace foreseed {
namespace {

/// Events given as (task, operation, object), one a microsecond.
Trace trace_of(int tasks, const std::vector<std::tuple<std::uint16_t, Op, std::uint32_t>>& steps) {
  Trace trace;
  for (int i = 0; i < tasks; ++i) trace.tasks.push_back("T" + std::to_string(i));
  trace.task_hosts.assign(static_cast<std::size_t>(tasks), 0);
  trace.hosts = {"client"};
  trace.objects = {"", "mutex#1", "mutex#2", "cond#3"};
  trace.texts = {""};
  trace.stacks = {{}};
  for (const auto& [task, op, object] : steps) {
    const auto step = static_cast<std::uint32_t>(trace.events.size() + 1);
    trace.events.push_back({step * 1000ull, step, task, op, object, 0, 0, 0});
  }
  trace.virtual_ns = trace.events.size() * 1000ull;
  return trace;
}

TEST(Causality, orders_that_follow_from_others_are_dropped) {
  Trace trace = trace_of(3, std::vector<std::tuple<std::uint16_t, Op, std::uint32_t>>(
                                {{0, Op::note, 0}, {1, Op::note, 0}, {2, Op::note, 0}, {2, Op::note, 0}, {1, Op::note, 0}}));
  // 1 -> 2 -> 3; 1 -> 3 follows. 4 -> 5 brings nothing of 1 that task 1 did not know.
  trace.orders = {{1, 2}, {1, 3}, {2, 3}, {1, 5}, {4, 5}};
  drop_implied_orders(trace);
  EXPECT_EQ(trace.orders, (std::vector<Order>{{1, 2}, {2, 3}, {4, 5}}));
}

TEST(Causality, an_order_learned_later_does_not_imply_an_earlier_one) {
  Trace trace = trace_of(3, {{0, Op::note, 0}, {1, Op::note, 0}, {1, Op::note, 0}, {2, Op::note, 0}});
  // Task 1 learns of step 1 in step 3, but task 2 knows of task 1 only up to step 2.
  trace.orders = {{1, 3}, {1, 4}, {2, 4}};
  drop_implied_orders(trace);
  EXPECT_EQ(trace.orders, (std::vector<Order>{{1, 3}, {2, 4}, {1, 4}}));
}

TEST(Causality, the_past_is_what_is_reached_backwards) {
  Trace trace = trace_of(3, {{0, Op::note, 0}, {1, Op::note, 0}, {2, Op::note, 0}, {1, Op::note, 0}, {0, Op::note, 0}});
  trace.orders = {{1, 2}, {4, 5}};
  EXPECT_EQ(past_of(trace, 5), (std::vector<bool>{true, true, false, true, true}));
  EXPECT_EQ(past_of(trace, 3), (std::vector<bool>{false, false, true, false, false}));
  EXPECT_EQ(past_of(trace, 6), std::vector<bool>(5, false));
}

TEST(Timeline, a_condition_wait_gives_the_mutex_back_and_has_it_again) {
  const Trace trace = trace_of(1, {{0, Op::mutex_lock, 1}, {0, Op::mutex_unlock, 1}, {0, Op::cond_wait, 3}, {0, Op::mutex_unlock, 1}});
  const auto holds = report::timeline_of(trace).holds;
  ASSERT_EQ(holds.size(), 2u);
  EXPECT_EQ(std::pair(holds[0].from, holds[0].to), std::pair(1u, 2u));
  EXPECT_EQ(std::pair(holds[1].from, holds[1].to), std::pair(3u, 4u));
}

TEST(Timeline, what_is_held_and_waited_for_at_the_end_is_open) {
  Trace trace = trace_of(2, {{0, Op::mutex_lock, 1}, {1, Op::mutex_lock, 2}});
  trace.waits = {{2000, 2, 0, Op::mutex_lock, 2, 0}};
  const report::Timeline timeline = report::timeline_of(trace);
  ASSERT_EQ(timeline.holds.size(), 2u);
  EXPECT_EQ(timeline.holds[0].to, 0u);
  ASSERT_EQ(timeline.waits.size(), 1u);
  EXPECT_EQ(timeline.waits[0].to, 0u);
  EXPECT_EQ(timeline.waits[0].label, "mutex_lock mutex#2");
}

TEST(Timeline, waking_in_vain_is_one_wait) {
  Trace trace = trace_of(2, {{0, Op::note, 0}, {1, Op::note, 0}, {0, Op::mutex_lock, 1}});
  trace.waits = {{1000, 1, 0, Op::mutex_lock, 1, 0}, {2000, 2, 0, Op::mutex_lock, 1, 0}};
  const auto waits = report::timeline_of(trace).waits;
  ASSERT_EQ(waits.size(), 1u);
  EXPECT_EQ(std::pair(waits[0].from, waits[0].to), std::pair(1u, 3u));
}

TEST(Timeline, a_host_that_crashes_ends_its_tasks_waits) {
  Trace trace = trace_of(2, {{0, Op::note, 0}, {0, Op::host, 0}, {0, Op::note, 0}});
  trace.hosts = {"client", "server"};
  trace.task_hosts = {0, 1};
  trace.texts.push_back("server crashes");
  trace.events[1].text = 1;
  trace.waits = {{1000, 1, 1, Op::sleep, 0, 0}};
  const report::Timeline timeline = report::timeline_of(trace);
  ASSERT_EQ(timeline.downs.size(), 1u);
  EXPECT_EQ(timeline.downs[0].lane, 1u);
  EXPECT_EQ(timeline.waits.at(0).to, 2u);
}

TEST(Difference, names_the_first_step_and_the_choice) {
  const Trace one = sample_trace();
  EXPECT_EQ(show_difference(one, one, 100, 60), "");
  Trace other = one;
  other.choices[0].value = 0;
  other.events[1].op = Op::mutex_trylock;
  const std::string text = show_difference(one, other, 100, 60);
  EXPECT_EQ(text.rfind("they part at step 2\nchoice 1: schedule at main chose 1 of 2, in the other schedule at main chose 0 of 2\n", 0), 0u) << text;
  EXPECT_NE(text.find("| T1: mutex_lock mutex#1"), std::string::npos);
  other = one;
  other.failed = false;
  EXPECT_NE(show_difference(one, other, 100, 60).find("not the end"), std::string::npos);
}

TEST(Page, quotes_sources_below_the_directory_only) {
  const auto outside = std::filesystem::temp_directory_path() / ("report" + std::to_string(getpid()));
  const auto inside = outside / "inside";
  std::filesystem::create_directories(inside / "src");
  std::ofstream(inside / "src" / "b.cc") << "of another checkout\n";
  std::ofstream(outside / "secret.cc") << "secret\n";
  std::ofstream(inside / "a.cc") << "one\ntwo\nthree\n";
  std::ofstream(inside / "notes.txt") << "notes\n";
  std::filesystem::create_symlink(outside / "secret.cc", inside / "link.cc");
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(inside);
  Trace trace = sample_trace();
  trace.frames.clear();
  for (const char* file : {"a.cc", "../../inside/a.cc", "../secret.cc", "link.cc", "notes.txt", "/etc/passwd", "/dev/zero", "gone.cc",
                           "gone/a.cc", "/ci/checkout/src/b.cc"}) {
    trace.frames.push_back({"", 1, "f()", file, 2, true});
  }
  trace.frames.push_back({"", 1, "f()", (outside / "secret.cc").string(), 1, true});
  trace.stacks = {{}, {}, {}};
  const auto excerpts = report::excerpts_of(trace);
  std::filesystem::current_path(here);
  std::filesystem::remove_all(outside);
  ASSERT_EQ(excerpts.size(), 3u) << excerpts.rbegin()->first;
  EXPECT_EQ(excerpts.at("a.cc").at(2), "two");
  EXPECT_EQ(excerpts.at("/ci/checkout/src/b.cc").at(1), "of another checkout");
  EXPECT_EQ(excerpts.at("../../inside/a.cc").at(2), "two");  // as compilers write it from within a build directory
}

TEST(Page, holds_the_trace_as_data_only) {
  Trace trace = sample_trace();
  trace.scenario = trace.finding.message = trace.objects[1] = "</script><script>alert(1)</script>&\xff@DATA@";
  const std::string page = report::page(trace, {"replay \"it\""});
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_NE(page.find("&lt;/script&gt;&lt;script&gt;alert(1)"), std::string::npos);
  EXPECT_NE(page.find("\\u003c/script>"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

TEST(Export, xml_has_no_place_for_control_characters_or_broken_utf8) {
  EXPECT_EQ(report::xml_escaped("a<b>&\"\n"), "a&lt;b&gt;&amp;&quot;&#10;");
  const std::string replaced = "\xef\xbf\xbd";
  EXPECT_EQ(report::xml_escaped(std::string_view("\x00\x1b", 2)), replaced + replaced);
  EXPECT_EQ(report::xml_escaped("\xc3\xa4\xe2\x82\xac"), "\xc3\xa4\xe2\x82\xac");
  EXPECT_EQ(report::xml_escaped("\xc0\x80\xed\xa0\x80"), replaced + replaced + replaced + replaced + replaced);
  EXPECT_EQ(report::xml_escaped("\xef\xbf\xbf"), replaced + replaced + replaced);
}

TEST(Export, an_annotation_is_one_line) {
  Trace trace = sample_trace();
  trace.finding.message = "a\nb::c%";
  EXPECT_EQ(report::github(trace, {"t", "r"}),
            "::error file=a.cc,line=7,title=foreseed%3A two_writers::two_writers: a%0Ab::c%25; replay: r\n");
}

}  // namespace
}  // namespace foreseed
