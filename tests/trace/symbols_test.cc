#include <gtest/gtest.h>

#include "trace/symbols.h"

namespace foreseed {
namespace {

__attribute__((noinline)) std::uintptr_t return_address() {
  return reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
}

struct Asked {
  std::uintptr_t address;
  int line;
};
__attribute__((always_inline)) inline Asked inlined_asker() { return {return_address(), __LINE__}; }

TEST(Symbols, a_call_has_its_function_file_and_line) {
  const std::uintptr_t address = return_address();
  const int line = __LINE__ - 1;
  const auto& frames = symbolise(address);
  ASSERT_FALSE(frames.empty());
  EXPECT_TRUE(frames[0].user);
  EXPECT_TRUE(frames[0].file.ends_with("symbols_test.cc")) << frames[0].file;
  EXPECT_EQ(frames[0].line, static_cast<std::uint32_t>(line));
  EXPECT_NE(frames[0].function.find("TestBody"), std::string::npos) << frames[0].function;
}

TEST(Symbols, inlined_calls_have_a_frame_each) {
  const Asked asked = inlined_asker();
  const int line = __LINE__ - 1;
  const auto& frames = symbolise(asked.address);
  ASSERT_GE(frames.size(), 2u);
  EXPECT_NE(frames[0].function.find("inlined_asker"), std::string::npos);
  EXPECT_EQ(frames[0].line, static_cast<std::uint32_t>(asked.line));
  EXPECT_EQ(frames[1].line, static_cast<std::uint32_t>(line));
}

TEST(Symbols, inlined_calls_in_a_lambda_have_a_frame_each) {
  int line = 0;
  const auto ask = [&]() __attribute__((noinline)) {
    line = __LINE__ + 1;
    return inlined_asker();
  };
  const Asked asked = ask();
  const auto& frames = symbolise(asked.address);
  ASSERT_GE(frames.size(), 2u);
  EXPECT_EQ(frames[0].line, static_cast<std::uint32_t>(asked.line));
  EXPECT_EQ(frames[1].line, static_cast<std::uint32_t>(line));
  EXPECT_NE(frames[1].function.find("lambda"), std::string::npos) << frames[1].function;
}

TEST(Symbols, nonsense_has_a_frame_too) { EXPECT_EQ(symbolise(12345).size(), 1u); }

}  // namespace
}  // namespace foreseed
