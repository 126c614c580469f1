#include "choice/choice.h"

namespace foreseed {

std::string_view to_string(ChoiceKind kind) {
  switch (kind) {
    case ChoiceKind::schedule: return "schedule";
    case ChoiceKind::wake: return "wake";
    case ChoiceKind::timing: return "timing";
    case ChoiceKind::fault: return "fault";
    case ChoiceKind::data: return "data";
    case ChoiceKind::entropy: return "entropy";
    case ChoiceKind::memory: return "memory";
    case ChoiceKind::spurious: return "spurious";
  }
  return "?";
}

std::uint32_t ChoiceSource::recorded(std::uint64_t bound, ChoiceKind kind) {
  const std::size_t position = log_.size();
  if (position >= replay_.size()) return 0;
  const Choice& choice = replay_[position];
  if (choice.kind == kind && choice.value < bound) return choice.value;
  diverged_ = true;
  return 0;
}

}  // namespace foreseed
