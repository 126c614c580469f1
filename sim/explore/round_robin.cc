// Round robin: each task makes the same number of steps, 1 to 4, before the next in order does.

#include "choice/prng.h"
#include "explore/random.h"

namespace foreseed::explore {

namespace {

class RoundRobin final : public Strategy {
 public:
  void begin_execution(std::uint64_t seed) override {
    Prng random(seed);
    quantum_ = 1 + random.below(4);
    left_ = 1 + random.below(quantum_);
  }

  std::uint32_t next_task(const Moment& moment) override {
    if (moment.open.contains(moment.current) && left_-- > 1) return moment.current;
    left_ = quantum_;
    return moment.open.nth_from(moment.current + 1, 0);
  }

 private:
  std::uint64_t quantum_ = 1;
  std::uint64_t left_ = 1;
};

}  // namespace

std::unique_ptr<Strategy> make_round_robin() { return std::make_unique<RoundRobin>(); }

}  // namespace foreseed::explore
