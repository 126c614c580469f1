#pragma once
// For every detector a program that it must catch, and a repaired twin that it must let pass: each file of them instantiates
// the same tests.

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>

#include "kernel/execution.h"

namespace foreseed::testing {

struct Case {
  const char* name;
  void (*bad)();
  void (*good)();
  FindingKind kind;
  const char* message;  ///< part of it
  std::uint64_t runs;   ///< within which the bad one must be caught
};

inline void PrintTo(const Case& tried, std::ostream* out) { *out << tried.name; }
inline std::string case_name(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

struct Detector : ::testing::TestWithParam<Case> {};

}  // namespace foreseed::testing
