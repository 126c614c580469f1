// The work-stealing queue of Chase and Lev (SPAA 2005), of fixed size: its owner works at the bottom, thieves at the top.

#include <foreseed/scenario.h>

#include <array>
#include <atomic>

#include "together.h"

namespace {

constexpr int nothing = -1;

/// Broken, the owner takes the last element without contending for it with the thieves.
template <bool contends>
class WorkQueue {
 public:
  void push(int task) {
    const long bottom = bottom_.load();
    tasks_[static_cast<std::size_t>(bottom % size)] = task;
    bottom_ = bottom + 1;
  }

  int pop() {
    const long bottom = bottom_.load() - 1;
    bottom_ = bottom;
    long top = top_.load();
    if (top > bottom) {
      bottom_ = bottom + 1;
      return nothing;
    }
    const int task = tasks_[static_cast<std::size_t>(bottom % size)];
    if (top < bottom) return task;
    const bool mine = !contends || top_.compare_exchange_strong(top, top + 1);
    bottom_ = bottom + 1;
    if (!contends) top_ = bottom + 1;
    return mine ? task : nothing;
  }

  int steal() {
    long top = top_.load();
    if (top >= bottom_.load()) return nothing;
    const int task = tasks_[static_cast<std::size_t>(top % size)];
    return top_.compare_exchange_strong(top, top + 1) ? task : nothing;
  }

 private:
  static constexpr long size = 4;
  std::array<std::atomic<int>, size> tasks_{};
  std::atomic<long> top_{0};
  std::atomic<long> bottom_{0};
};

template <bool contends>
void one_owner_one_thief() {
  constexpr std::size_t tasks = 3;
  WorkQueue<contends> queue;
  std::array<std::atomic<int>, tasks> done{};
  const auto run = [&](int task) {
    if (task != nothing) ++done[static_cast<std::size_t>(task)];
  };
  together(
      [&] {
        queue.push(0);
        queue.push(1);
        run(queue.pop());
        queue.push(2);
        run(queue.pop());
        run(queue.pop());
      },
      [&] {
        run(queue.steal());
        run(queue.steal());
      });
  for (int task = queue.pop(); task != nothing; task = queue.pop()) run(task);
  for (const std::atomic<int>& times : done) FORESEED_CHECK(times == 1);
}

}  // namespace

FORESEED_SCENARIO(work_stealing_broken, "the owner takes the last task as if there were no thieves (fails: check)") {
  one_owner_one_thief<false>();
}

FORESEED_SCENARIO(work_stealing, "the repaired twin: owner and thieves contend for it (holds)") {
  one_owner_one_thief<true>();
}
