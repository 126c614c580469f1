// The Bluetooth driver of Qadeer and Wu (PLDI 2004): a driver must not be freed while a request is under way.

#include <foreseed/scenario.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "together.h"

namespace {

class Driver {
 public:
  explicit Driver(bool counts_first) : counts_first_(counts_first) {}

  void request() {
    if (!enter()) return;
    FORESEED_CHECK(!freed_);  // the work
    leave();
  }

  void stop() {
    stopping_ = true;
    leave();  // the driver's own share
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return no_more_; });
    freed_ = true;
  }

 private:
  bool enter() {
    if (!counts_first_) {
      if (stopping_) return false;
      ++under_way_;  // between the two, it may have been stopped
      return true;
    }
    ++under_way_;
    if (!stopping_) return true;
    leave();
    return false;
  }

  void leave() {
    if (--under_way_ != 0) return;
    const std::lock_guard lock(mutex_);
    no_more_ = true;
    idle_.notify_all();
  }

  bool counts_first_;
  std::atomic<int> under_way_{1};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> freed_{false};
  std::mutex mutex_;
  std::condition_variable idle_;
  bool no_more_ = false;
};

void request_while_stopping(bool counts_first) {
  Driver driver(counts_first);
  together([&] { driver.request(); }, [&] { driver.stop(); });
}

}  // namespace

FORESEED_SCENARIO(bluetooth_broken, "a request looks whether the driver stops, and then counts itself (fails: check)") {
  request_while_stopping(false);
}

FORESEED_SCENARIO(bluetooth, "the repaired twin: it counts itself, and then looks (holds)") {
  request_while_stopping(true);
}
