// FORESEED_TEST: the good ones are ordinary tests; the bad ones are run by hand and their failure is looked at.

#include <foreseed/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

FORESEED_TEST(GtestMacro, HoldsUnderManySeeds) {
  std::mutex mutex;
  int counter = 0;
  std::thread other([&] {
    const std::lock_guard lock(mutex);
    ++counter;
    EXPECT_GE(counter, 1);
  });
  {
    const std::lock_guard lock(mutex);
    ++counter;
  }
  other.join();
  EXPECT_EQ(counter, 2);
}

namespace {

void depends_on_the_schedule() {
  std::mutex mutex;
  int last = 0;
  std::thread other([&] {
    const std::lock_guard lock(mutex);
    last = 1;
  });
  {
    const std::lock_guard lock(mutex);
    last = 2;
  }
  other.join();
  EXPECT_EQ(last, 1);
}

const foreseed::Scenario bad{"GtestMacro.Bad", "", depends_on_the_schedule, __FILE__, __LINE__};

const foreseed::Registration registered(bad);

void run_bad() { foreseed::detail::run_test(bad, bad.name); }

std::string message_of(void (*run)()) {
  testing::TestPartResultArray results;
  {
    testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &results);
    run();
  }
  return results.size() == 1 ? results.GetTestPartResult(0).message() : std::to_string(results.size()) + " failures";
}

std::string message_of_bad() { return message_of(run_bad); }

/// Each in a directory of its own: failures leave files, and tests may run side by side.
class GtestMacroFailure : public testing::Test {
 protected:
  GtestMacroFailure() {
    std::string name = (std::filesystem::temp_directory_path() / "gtest_macro_XXXXXX").string();
    directory_ = mkdtemp(name.data());
    std::filesystem::current_path(directory_);
  }
  ~GtestMacroFailure() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(directory_);
  }

 private:
  std::filesystem::path before_ = std::filesystem::current_path();
  std::filesystem::path directory_;
};

TEST_F(GtestMacroFailure, is_one_failure_with_seed_line_and_replay) {
  const std::string message = message_of_bad();
  EXPECT_NE(message.find("Expected equality"), std::string::npos) << message;
  EXPECT_NE(message.find("gtest_macro_test.cc:"), std::string::npos) << message;
  EXPECT_NE(message.find("seed "), std::string::npos) << message;
  EXPECT_NE(message.find("replay: FORESEED_REPLAY=results/GtestMacro.Bad-"), std::string::npos) << message;
}

TEST_F(GtestMacroFailure, replays_from_its_file) {
  const std::string message = message_of_bad();
  const auto start = message.find("results/");
  ASSERT_NE(start, std::string::npos) << message;
  const std::string file = message.substr(start, message.find(' ', start) - start);
  ASSERT_TRUE(std::filesystem::exists(file)) << file;
  setenv("FORESEED_REPLAY", file.c_str(), 1);
  const std::string replayed = message_of_bad();
  unsetenv("FORESEED_REPLAY");
  EXPECT_NE(replayed.find("reproduced from " + file), std::string::npos) << replayed;
}

}  // namespace
