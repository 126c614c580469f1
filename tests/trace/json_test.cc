#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sample.h"

namespace foreseed {
namespace {

TEST(Json, a_trace_survives_the_round_trip) { EXPECT_EQ(from_json(to_json(sample_trace()), "t"), sample_trace()); }

TEST(Json, racy_sites_survive_the_round_trip_and_must_have_an_address) {
  Trace trace = sample_trace();
  trace.races = Races::explore;
  EXPECT_EQ(from_json(to_json(trace), "t"), trace);  // none
  trace.racy_sites = {1, 2};
  EXPECT_EQ(from_json(to_json(trace), "t"), trace);
  trace.racy_sites = {0};  // the empty stack
  EXPECT_THROW(from_json(to_json(trace), "t"), UnreadableError);
  trace.racy_sites = {3};
  EXPECT_THROW(from_json(to_json(trace), "t"), UnreadableError);
}

std::string error_of(const std::string& text) {
  try {
    from_json(text, "t.json");
  } catch (const UnreadableError& error) {
    return error.what();
  }
  return "";
}

TEST(Json, cut_short_anywhere_is_an_error) {
  const std::string whole = to_json(sample_trace());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::string error = error_of(whole.substr(0, n));
    ASSERT_EQ(error.rfind("t.json: ", 0), 0u) << n << ": " << error;
    ASSERT_EQ(error.find('\n'), std::string::npos);
  }
}

TEST(Json, any_byte_changed_is_an_error_or_another_trace) {
  const std::string whole = to_json(sample_trace());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    for (const char c : {'0', '-', '"', ']', '{', '\x00', '\xff'}) {
      std::string text = whole;
      text[n] = c;
      error_of(text);  // must return
    }
  }
}

TEST(Json, deep_nesting_is_refused) {
  EXPECT_NE(error_of(std::string(1'000'000, '[')).find("deeper than 16"), std::string::npos);
}

nlohmann::json document() { return nlohmann::json::parse(to_json(sample_trace())); }

TEST(Json, says_where_it_is_wrong) {
  auto d = document();
  d["events"][1][2] = 2;  // no such task
  EXPECT_NE(error_of(d.dump()).find("/events/1/2"), std::string::npos);
  d = document();
  d["stacks"][2][0] = 3;
  EXPECT_NE(error_of(d.dump()).find("/stacks/2"), std::string::npos);
  d = document();
  d["choices"][0][0] = "whim";
  EXPECT_NE(error_of(d.dump()).find("/choices/0/0"), std::string::npos);
  d = document();
  d["messages"][0][4] = 2;  // no such host
  EXPECT_NE(error_of(d.dump()).find("/messages/0/4"), std::string::npos);
  d = document();
  d["waits"][1][4] = 2;  // no such task to join
  EXPECT_NE(error_of(d.dump()).find("/waits/1/4"), std::string::npos);
  d = document();
  d["orders"][1][1] = 1;
  EXPECT_NE(error_of(d.dump()).find("/orders/1"), std::string::npos);
  d = document();
  d["task_hosts"] = {0};
  EXPECT_NE(error_of(d.dump()).find("/task_hosts"), std::string::npos);
  d = document();
  d["seed"] = 5;
  EXPECT_NE(error_of(d.dump()).find("/seed"), std::string::npos);
  d = document();
  d["finding"]["places"][0]["stack"] = 77;
  EXPECT_NE(error_of(d.dump()).find("/finding/places/0"), std::string::npos);
  d = document();
  d["finding"]["message"] = std::string(70'000, 'x');
  EXPECT_NE(error_of(d.dump()).find("64 KiB"), std::string::npos);
  d = document();
  d["memory"] = "alpha";
  EXPECT_NE(error_of(d.dump()).find("/memory"), std::string::npos);
  d = document();
  d.erase("objects");
  EXPECT_NE(error_of(d.dump()).find("/objects"), std::string::npos);
}

TEST(Json, foreign_and_newer_documents_are_named_as_such) {
  EXPECT_NE(error_of("{\"a\": 1}").find("no foreseed trace"), std::string::npos);
  EXPECT_NE(error_of("[]").find("no foreseed trace"), std::string::npos);
  auto d = document();
  d["version"] = 2;
  EXPECT_NE(error_of(d.dump()).find("newer foreseed"), std::string::npos);
}

TEST(Difference, is_the_first_event_that_differs) {
  Trace a = sample_trace();
  Trace b = a;
  EXPECT_EQ(first_difference(a, b), -1);
  b.events[1].object = 0;  // numbering is no difference
  EXPECT_EQ(first_difference(a, b), -1);
  b.events[1].result = 0;
  EXPECT_EQ(first_difference(a, b), 1);
  b = a;
  b.events.pop_back();
  EXPECT_EQ(first_difference(a, b), 2);
}

}  // namespace
}  // namespace foreseed
