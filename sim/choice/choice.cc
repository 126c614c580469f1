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
  begin();
  replay_ = record;
  anchors_ = anchors;
  if (anchors != nullptr) anchors->rewind();
  plain_ = false;
}

std::uint32_t ChoiceSource::answer(std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task) {
  if (chooser_ != nullptr) return chooser_->value(kind, bound);
  if (!plain_) return recorded(site, kind, bound, task);
  if (!streams_seeded_) {
    streams_seeded_ = true;
    fault_stream_.reseed(seed_ ^ 0x6661756c74ull << 24);
    data_stream_.reseed(seed_ ^ 0x64617461ull << 32);
  }
  const bool befalls = kind == ChoiceKind::fault || kind == ChoiceKind::timing;
  return static_cast<std::uint32_t>((befalls ? fault_stream_ : data_stream_).below(bound));
}

std::uint32_t ChoiceSource::recorded(std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task) {
  const std::uint32_t anchored = anchors_ != nullptr ? anchors_->next(site, kind, bound, task) : 0;
  const std::size_t position = log_.size();
  if (position >= replay_.size()) return anchored < bound ? anchored : 0;
  const Choice& choice = replay_[position];
  if (choice.kind == kind && choice.value < bound) return choice.value;
  diverged_ = true;
  return 0;
}

}  // namespace foreseed
