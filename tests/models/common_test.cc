// The error taxonomy is closed and total; times do not mix.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/error.h"
#include "common/time.h"

namespace common {
namespace {

static_assert(!std::is_convertible_v<MonoTime, WallTime> && !std::is_convertible_v<WallTime, MonoTime>);  // S3-14

TEST(ErrorTaxonomy, EveryErrorHasItsOwnNameAndAStatusOfFailure) {  // S0-38, S1-28
  std::set<std::string_view> names;
  for (int value = 1; value <= error_count; ++value) {
    const auto error = static_cast<Error>(value);
    const ErrorTraits& t = traits(error);
    EXPECT_TRUE(names.insert(t.name).second) << t.name;
    EXPECT_GE(t.http_status, 400);
    EXPECT_LE(t.http_status, 599);
    const std::error_code code = error;
    EXPECT_EQ(code.category(), category());
    EXPECT_EQ(code.message(), t.name);
  }
}

TEST(ErrorTaxonomy, ExhaustionIsNeverAnInternalError) {  // S1-14: 429 or 503, never 500
  for (const Error error : {Error::pool_timeout, Error::overloaded, Error::rate_limited, Error::circuit_open}) {
    EXPECT_NE(traits(error).http_status, 500) << to_string(error);
  }
}

TEST(ErrorTaxonomy, WhatCannotSucceedIsNotRetried) {
  for (const Error error : {Error::invalid_argument, Error::unauthenticated, Error::forbidden, Error::circuit_open,
                            Error::budget_exhausted, Error::deadline_exceeded, Error::cancelled, Error::closed}) {
    EXPECT_FALSE(traits(error).retryable) << to_string(error);
  }
}

TEST(ErrorTaxonomy, AValueOutsideReadsAsInternal) {
  EXPECT_EQ(traits(static_cast<Error>(0)).name, "internal");
  EXPECT_EQ(traits(static_cast<Error>(255)).name, "internal");
}

TEST(Time, AdditionSaturates) {
  EXPECT_EQ(later(MonoTime::max() - Duration(1), Duration(2)), MonoTime::max());
  EXPECT_EQ(later(MonoTime::min() + Duration(1), Duration(-2)), MonoTime::min());
  EXPECT_EQ(later(MonoTime{}, Duration::max()), MonoTime::max());
}

}  // namespace
}  // namespace common
