// FORESEED_REGRESSIONS, for gtest_regressions.sh: a test that fails unless REPAIRED is set, and a suite of its kept traces.

#include <foreseed/gtest.h>

#include <cstdlib>
#include <mutex>
#include <thread>

namespace {
const bool repaired = std::getenv("REPAIRED") != nullptr;
}

FORESEED_TEST(Order, FirstIsLast) {
  std::mutex mutex;
  int last = 0;
  std::thread other([&] {
    const std::lock_guard lock(mutex);
    last = 1;
  });
  if (repaired) other.join();
  {
    const std::lock_guard lock(mutex);
    last = 2;
  }
  if (!repaired) other.join();
  EXPECT_EQ(last, repaired ? 2 : 1);
}

FORESEED_TEST(Order, Crashes) {
  std::thread([] {
    if (!repaired) *static_cast<volatile int*>(nullptr) = 1;
  }).join();
}

FORESEED_REGRESSIONS(Order, "kept");
