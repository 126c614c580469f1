// Round robin: the tasks take turns in their order, each for 1 to 4 steps: all for as many, most often three, or, in one of
// eight executions, each for a number of its own. How long the first turn is, 1 to 3 steps, goes by the seed, so that seeds
// in a row do not try the same one again; a single step, after which a task has seldom seen anything yet, is rare. After the
// first 64 turns one in eight is of another length, lest tasks that retry go on in step for ever.

#include <iterator>
#include <vector>

#include "choice/prng.h"
#include "explore/random.h"

namespace foreseed::explore {

namespace {

class RoundRobin final : public Strategy {
 public:
  void begin_execution(std::uint64_t seed) override {
    random_.reseed(seed);
    turns_ = 0;
    quanta_.clear();
    static constexpr std::uint64_t often[] = {0, 1, 2, 3, 3, 3, 3, 4};
    common_ = often[random_.below(std::size(often))];
    static constexpr std::uint64_t first[] = {2, 3, 1, 2, 2, 3, 3};  // two and three in turn where the portfolio takes turns
    left_ = first[seed % std::size(first)];
  }

  std::uint32_t next_task(const Moment& moment) override {
    while (quanta_.size() < moment.next.size()) quanta_.push_back(common_ != 0 ? common_ : 1 + random_.below(4));
    if (moment.open.contains(moment.current) && left_-- > 1) return moment.current;
    const std::uint32_t task = moment.open.nth_from(moment.current + 1, 0);
    left_ = ++turns_ <= 64 || random_.below(8) != 0 ? quanta_[task] : 1 + random_.below(8);
    return task;
  }

 private:
  Prng random_;
  std::uint64_t common_ = 0;  ///< every task's; 0: each has its own
  std::vector<std::uint64_t> quanta_;
  std::uint64_t left_ = 1;
  std::uint64_t turns_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> make_round_robin() { return std::make_unique<RoundRobin>(); }

}  // namespace foreseed::explore
