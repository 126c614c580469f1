// OS threads that lend their thread-local storage to tasks have no part in executions, even if they are woken. A program of
// its own: only one with thread-local data has such threads.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "run_scenario.h"

namespace foreseed::testing {
namespace {

thread_local int mine = 0;
std::atomic<bool> stop{false};

void three_threads() {
  int sum = 0;
  std::mutex mutex;
  const auto add = [&] {
    for (int i = 0; i < 20; ++i) {
      const std::lock_guard lock(mutex);
      ++mine;
      ++sum;
    }
    FORESEED_CHECK(mine == 20);
  };
  std::thread a(add), b(add), c(add);
  a.join();
  b.join();
  c.join();
  FORESEED_CHECK(sum == 60 && mine == 0);
}

TEST(Lenders, that_are_sent_signals_change_nothing) {
  constexpr std::uint64_t seeds = 500;
  std::vector<std::uint64_t> expected;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) expected.push_back(run_seed(three_threads, seed).fingerprint);

  std::vector<pid_t> lenders;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    const pid_t thread = std::stoi(entry.path().filename());
    if (thread != getpid()) lenders.push_back(thread);
  }
  ASSERT_GE(lenders.size(), 4U);
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  const pid_t* const first = lenders.data();
  const std::size_t count = lenders.size();
  std::thread waker([first, count] {
    while (!stop) {
      for (std::size_t i = 0; i < count; ++i) syscall(SYS_tgkill, getpid(), first[i], SIGUSR1);
    }
  });
  for (std::uint64_t i = 0; i < 10 * seeds && !HasFailure(); ++i) {
    const Execution execution = run_seed(three_threads, i % seeds);
    EXPECT_EQ(execution.fingerprint, expected[i % seeds]) << "seed " << i % seeds;
    EXPECT_FALSE(execution.finding.has_value()) << execution.finding->message;
  }
  stop = true;
  waker.join();
}

}  // namespace
}  // namespace foreseed::testing
