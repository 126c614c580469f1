// PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs,
// ASPLOS 2010): tasks have random priorities and the highest that can go on does; at d - 1 random steps the running task
// falls below all others. Here d is 2 or 3, and how long the execution will be is a guess. A task
// that yields or spins falls behind as well.

#include <algorithm>
#include <vector>

#include "choice/prng.h"
#include "explore/random.h"

namespace foreseed::explore {

namespace {

class Pct final : public Strategy {
 public:
  void begin_execution(std::uint64_t seed) override {
    random_.reseed(seed);
    priorities_.clear();
    lowest_ = 0;
    step_ = 0;
    const std::uint64_t length = guess_length(random_);
    changes_.clear();
    for (std::uint64_t left = 1 + random_.below(2); left != 0; --left) changes_.push_back(1 + random_.below(length));
  }

  std::uint32_t next_task(const Moment& moment) override {
    step_ += moment.open.count() > 1;
    while (priorities_.size() < moment.next.size()) priorities_.push_back(static_cast<std::int64_t>(random_.next() >> 2));
    const bool changes = std::find(changes_.begin(), changes_.end(), step_) != changes_.end();
    if (changes || !moment.open.contains(moment.current)) priorities_[moment.current] = --lowest_;
    std::uint32_t best = moment.open.nth_from(0, 0);
    moment.open.each([&](std::uint32_t task) {
      if (priorities_[task] > priorities_[best]) best = task;
    });
    return best;
  }

 private:
  Prng random_;
  std::vector<std::int64_t> priorities_;
  std::int64_t lowest_ = 0;
  std::uint64_t step_ = 0;
  std::vector<std::uint64_t> changes_;
};

}  // namespace

std::unique_ptr<Strategy> make_pct() { return std::make_unique<Pct>(); }

}  // namespace foreseed::explore
