// For the command line: a lock that needs seq_cst, as its author thought that release and acquire would do.

#include <foreseed/scenario.h>

#include <atomic>
#include <thread>

FORESEED_SCENARIO(hopeful_dekker, "mutual exclusion by release and acquire") {
  std::atomic<bool> wants[2] = {false, false};
  std::atomic<int> inside{0};
  const auto enter = [&](int me) {
    wants[me].store(true, std::memory_order_release);
    if (!wants[1 - me].load(std::memory_order_acquire)) FORESEED_CHECK(inside.exchange(1) == 0);
  };
  std::thread other(enter, 0);
  enter(1);
  other.join();
}
