// Scenarios that take their process down, each under some seeds only, and one that is merely wrong. For deaths.sh,
// kills.sh and regressions.sh.

#include <foreseed/scenario.h>
#include <sys/syscall.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include "../past_the_simulator.h"

namespace {

using foreseed::testing::past_the_simulator;

#ifdef DEADLY_CHANGED  // the same program some commits later
constexpr bool repaired = true;
std::atomic<int> looked_at{0};
void more_steps() {
  const auto look = [] { for (int i = 0; i < 3; ++i) ++looked_at; };
  std::thread one(look);
  std::thread two(look);
  one.join();
  two.join();
}
#else
constexpr bool repaired = false;
void more_steps() {}
#endif

/// Calls `die` if the second thread comes between the first one's two steps.
template <typename Die>
void if_preempted(Die die) {
  more_steps();
  std::atomic<int> x{0};
  std::thread a([&] { x = x + 1; });
  std::thread b([&] { x = x + 1; });
  a.join();
  b.join();
  if (x == 1) die();
}

int* volatile nowhere = nullptr;

int recurse(int depth) {
  volatile char room[1024] = {};
  return depth < 0 ? 0 : recurse(depth + 1) + room[depth % 1024];
}

}  // namespace

FORESEED_SCENARIO(segfault, "writes through a null pointer") {
  if_preempted([] {
    if (!repaired) *nowhere = 1;
  });
}
FORESEED_SCENARIO(abort, "calls abort()") {
  if_preempted([] { std::abort(); });
}
FORESEED_SCENARIO(overflow, "recurses without end") {
  if_preempted([] { recurse(1); });
}
FORESEED_SCENARIO(exits, "calls exit(0)") {
  if_preempted([] { std::exit(0); });
}
FORESEED_SCENARIO(hang, "computes without end") {
  if_preempted([] {
    for (;;) asm volatile("");
  });
}
FORESEED_SCENARIO(out_of_memory, "keeps 1 MiB more, again and again") {
  if_preempted([] {
    for (std::vector<char*> kept;;) kept.push_back(new char[1 << 20]);
  });
}
FORESEED_SCENARIO(killed, "kills its process: nothing in it can catch that") {
  if_preempted([] { past_the_simulator(SYS_kill, past_the_simulator(SYS_getpid), SIGKILL); });
}
FORESEED_SCENARIO(gone, "ends its process behind everybody's back") {
  if_preempted([] { past_the_simulator(SYS_exit_group, 9); });
}
FORESEED_SCENARIO(gone_quietly, "ends its process as if all were well") {
  if_preempted([] { past_the_simulator(SYS_exit_group, 0); });
}
FORESEED_SCENARIO(slow, "takes some minutes, in steps of milliseconds") {
  for (int step = 0; step < 20'000; ++step) {
    for (int i = 0; i < 10'000'000; ++i) asm volatile("");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}
FORESEED_SCENARIO(leaves_a_descriptor, "opens one behind everybody's back") {
  past_the_simulator(SYS_dup, 0);
}
FORESEED_SCENARIO(wrong, "loses an update") {
  if_preempted([] { FORESEED_CHECK(!"an update was lost"); });
}
FORESEED_SCENARIO(rarely_wrong, "fails for five of 65536 drawn numbers") {
  const std::uint32_t drawn = foreseed::choose(65536);
  if (drawn == 7777) FORESEED_CHECK(!"drew seven");
  if (drawn >= 20000 && drawn < 20004) FORESEED_CHECK(!"drew twenty");
}
FORESEED_SCENARIO(holds, "always") {
  if_preempted([] {});
}
