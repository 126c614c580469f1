// A ring of threads that pass a token round.

#include <foreseed/scenario.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "together.h"

namespace {

class Ring {
 public:
  Ring(int nodes, bool wakes_all) : nodes_(nodes), wakes_all_(wakes_all) {}

  void take_turns(int node, int rounds) {
    for (int round = 0; round < rounds; ++round) {
      {
        std::unique_lock lock(mutex_);
        passed_.wait(lock, [&] { return token_ == node; });
      }
      FORESEED_CHECK(holders_++ == 0);
      --holders_;
      const std::lock_guard lock(mutex_);
      token_ = (node + 1) % nodes_;
      if (wakes_all_) passed_.notify_all();
      else passed_.notify_one();  // whoever that is
    }
  }

 private:
  int nodes_;
  bool wakes_all_;
  std::mutex mutex_;
  std::condition_variable passed_;
  int token_ = 0;
  std::atomic<int> holders_{0};
};

void three_nodes(bool wakes_all) {
  Ring ring(3, wakes_all);
  together([&] { ring.take_turns(0, 2); }, [&] { ring.take_turns(1, 2); }, [&] { ring.take_turns(2, 2); });
}

}  // namespace

FORESEED_SCENARIO(token_ring_broken, "the token is passed by waking one thread, not always the next (fails: deadlock)") {
  three_nodes(false);
}

FORESEED_SCENARIO(token_ring, "the repaired twin: all are woken (holds)") { three_nodes(true); }
