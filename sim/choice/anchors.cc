#include "choice/anchors.h"

namespace foreseed {

namespace {
std::uint64_t key_of(std::uint32_t site, ChoiceKind kind, std::uint16_t task) {
  return std::uint64_t{site} << 32 | static_cast<std::uint64_t>(kind) << 16 | task;
}
}  // namespace

Anchors::Anchors(std::span<const Choice> record, bool with_schedule) {
  for (const Choice& choice : record) {
    if (!with_schedule && decides_who_runs(choice.kind)) continue;
    answers_[key_of(choice.site, choice.kind, choice.task)].values.push_back(choice.value);
  }
}

void Anchors::rewind() {
  stream_.reseed(seed_);
  for (auto& [key, answers] : answers_) answers.asked = 0;
}

std::uint32_t Anchors::next(std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task) {
  if (drawn_) return static_cast<std::uint32_t>(stream_.below(bound));
  const auto found = answers_.find(key_of(site, kind, task));
  if (found == answers_.end()) return 0;
  Answers& answers = found->second;
  return answers.asked < answers.values.size() ? answers.values[answers.asked++] : 0;
}

}  // namespace foreseed
