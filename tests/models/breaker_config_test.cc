// Configurations that are refused, and what they are told.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "breaker/config.h"

namespace breaker {
namespace {

using std::chrono::milliseconds;

TEST(Config, ErrorsNameFieldValueAndRange) {
  const auto message_of = [](auto change) -> std::string {
    Config config;
    change(config);
    try {
      validate(config);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message_of([](Config&) {}), "accepted");
  EXPECT_EQ(message_of([](Config& c) { c.failure_percent = 101; }),
            "breaker config: failure_percent is 101, must be in [1, 100]");
  EXPECT_EQ(message_of([](Config& c) { c.probe_lease = milliseconds(0); }),
            "breaker config: probe_lease is 0 ms, must be in [1, 86400000] ms");
  EXPECT_EQ(message_of([](Config& c) { c.min_calls = 101; }),
            "breaker config: min_calls is 101, must be in [1, 100]");
  EXPECT_EQ(message_of([](Config& c) { c.probe_concurrency = 4; }),
            "breaker config: probe_concurrency is 4, must be in [1, 3]");
  EXPECT_EQ(message_of([](Config& c) { c.open_wait_base = milliseconds(300'001); }),
            "breaker config: open_wait_base is 300001 ms, must be in [1, 300000] ms");
  EXPECT_NE(message_of([](Config& c) { c.jitter_percent = 51; }), "accepted");
  EXPECT_NE(message_of([](Config& c) { c.open_wait_factor_percent = 99; }), "accepted");
  EXPECT_NE(message_of([](Config& c) {
              c.window_kind = WindowKind::time;
              c.window_time = milliseconds(5);
              c.window_buckets = 6;
            }),
            "accepted");
}

}  // namespace
}  // namespace breaker
