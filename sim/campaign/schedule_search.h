#pragma once
// Walks through all schedules with at most so many preemptions, depth first, one record after the other. Host code.
//
//   ScheduleSearch search(bound);
//   do { run search.prefix(), every choice beyond it 0 } while (search.advance(the choices of that run));

#include <cstdint>
#include <span>
#include <vector>

#include "choice/choice.h"

namespace foreseed {

class ScheduleSearch {
 public:
  explicit ScheduleSearch(std::uint32_t preemptions_max) : preemptions_max_(preemptions_max) {}

  const std::vector<Choice>& prefix() const { return prefix_; }

  /// Moves on to the next prefix. False: there is none left.
  bool advance(std::span<const Choice> choices);

 private:
  std::uint32_t preemptions_max_;
  std::vector<Choice> prefix_;
};

}  // namespace foreseed
