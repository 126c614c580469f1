#include "campaign/schedule_search.h"

namespace foreseed {

bool ScheduleSearch::advance(std::span<const Choice> choices) {
  std::uint32_t preemptions = 0;
  for (const Choice& choice : choices) preemptions += is_preemption(choice);
  for (std::size_t i = choices.size(); i-- > 0;) {
    Choice next = choices[i];
    preemptions -= is_preemption(next);
    if (!decides_who_runs(next.kind) || ++next.value >= next.bound) continue;
    if (preemptions + is_preemption(next) > preemptions_max_) continue;
    prefix_.assign(choices.begin(), choices.begin() + static_cast<std::ptrdiff_t>(i));
    prefix_.push_back(next);
    return true;
  }
  return false;
}

}  // namespace foreseed
