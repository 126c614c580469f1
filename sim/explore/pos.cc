// POS (Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018): each step that a task is about to make has a
// random priority, and the highest goes first; when it has gone, those that it raced with get new ones.

#include <vector>

#include "choice/prng.h"
#include "explore/random.h"

namespace foreseed::explore {

namespace {

class Pos final : public Strategy {
 public:
  void begin_execution(std::uint64_t seed) override {
    random_.reseed(seed);
    priorities_.clear();
  }

  std::uint32_t next_task(const Moment& moment) override {
    while (priorities_.size() < moment.next.size()) priorities_.push_back(random_.next());
    std::uint32_t best = moment.open.nth_from(0, 0);
    moment.open.each([&](std::uint32_t task) {
      if (priorities_[task] > priorities_[best]) best = task;
    });
    const NextStep& done = moment.next[best];
    moment.open.each([&](std::uint32_t task) {
      if (task == best || race(done, moment.next[task])) priorities_[task] = random_.next();
    });
    return best;
  }

 private:
  static bool race(const NextStep& a, const NextStep& b) {
    return a.object == b.object && a.object != nullptr && !(a.op == Op::atomic_load && b.op == Op::atomic_load);
  }

  Prng random_;
  std::vector<std::uint64_t> priorities_;
};

}  // namespace

std::unique_ptr<Strategy> make_pos() { return std::make_unique<Pos>(); }

}  // namespace foreseed::explore
