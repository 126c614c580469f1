#include "choice/choice.h"

#include "choice/anchors.h"

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

void ChoiceSource::replay(std::span<const Choice> record, Anchors* anchors) {
  replay_ = record;
  anchors_ = anchors;
  if (anchors != nullptr) anchors->rewind();
  replaying_ = true;
  diverged_ = false;
  log_.clear();
}

std::uint32_t ChoiceSource::recorded(std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task) {
  const std::uint32_t anchored = anchors_ != nullptr ? anchors_->next(site, kind, task) : 0;
  const std::size_t position = log_.size();
  if (position >= replay_.size()) return anchored < bound ? anchored : 0;
  const Choice& choice = replay_[position];
  if (choice.kind == kind && choice.value < bound) return choice.value;
  diverged_ = true;
  return 0;
}

}  // namespace foreseed
