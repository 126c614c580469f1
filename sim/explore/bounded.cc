// Strategies with few switches. Delay-bounded (Emmi, Qadeer, Rakamaric: Delay-Bounded Scheduling, POPL 2011): tasks run in
// their order, each as long as it can, but at 1 to 3 random steps the next one is passed over. Preemption-bounded
// (Musuvathi, Qadeer: Iterative Context Bounding, PLDI 2007): at 1 or 2 random steps the running task is interrupted for
// another; where it cannot go on, any does. How long the execution will be is a guess.

#include <algorithm>
#include <vector>

#include "choice/prng.h"
#include "explore/random.h"

namespace foreseed::explore {

namespace {

class Bounded final : public Strategy {
 public:
  Bounded(bool in_order, std::uint64_t most) : in_order_(in_order), most_(most) {}

  void begin_execution(std::uint64_t seed) override {
    random_.reseed(seed);
    step_ = 0;
    const std::uint64_t length = guess_length(random_);
    strikes_.clear();
    for (std::uint64_t left = 1 + random_.below(most_); left != 0; --left) strikes_.push_back(1 + random_.below(length));
  }

  std::uint32_t next_task(const Moment& moment) override {
    step_ += moment.open.count() > 1;
    const bool strikes = std::find(strikes_.begin(), strikes_.end(), step_) != strikes_.end();
    const std::uint32_t count = moment.open.count();
    const std::uint32_t start = moment.current;  // comes first if it can go on
    if (in_order_) return moment.open.nth_from(start, strikes ? 1 % count : 0);
    if (!moment.open.contains(start)) return moment.open.nth_from(start, static_cast<std::uint32_t>(random_.below(count)));
    return strikes && count > 1 ? moment.open.nth_from(start, 1 + static_cast<std::uint32_t>(random_.below(count - 1))) : start;
  }

 private:
  bool in_order_;
  std::uint64_t most_;
  Prng random_;
  std::uint64_t step_ = 0;
  std::vector<std::uint64_t> strikes_;
};

}  // namespace

std::unique_ptr<Strategy> make_delays() { return std::make_unique<Bounded>(true, 3); }
std::unique_ptr<Strategy> make_preemptions() { return std::make_unique<Bounded>(false, 2); }

}  // namespace foreseed::explore
