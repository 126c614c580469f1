// A random walk that tends to stay: the running task goes on with probability 3/4, else any does.

#include "choice/prng.h"
#include "explore/random.h"

namespace foreseed::explore {

namespace {

class Walk final : public Strategy {
 public:
  void begin_execution(std::uint64_t seed) override { random_.reseed(seed); }
  std::uint32_t next_task(const Moment& moment) override {
    if (moment.open.contains(moment.current) && random_.below(4) != 0) return moment.current;
    return moment.open.nth_from(0, static_cast<std::uint32_t>(random_.below(moment.open.count())));
  }

 private:
  Prng random_;
};

}  // namespace

std::unique_ptr<Strategy> make_walk() { return std::make_unique<Walk>(); }

}  // namespace foreseed::explore
