#pragma once
// Recorded choices by what was asked rather than by when: the n-th question of a task, of a kind, at a site gets the n-th
// answer that was recorded for it. This is how a record survives small changes of the program, and how the minimiser
// keeps what a scenario drew while it tries other schedules. Questions beyond the record read as 0, or are drawn from a
// seed where that is wanted: then nothing is taken from the record but what is followed by position.

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "choice/choice.h"

namespace foreseed {

class Anchors {
 public:
  /// Takes the choices of `record`; of those that decide only who runs (schedule, wake) none unless `with_schedule`.
  Anchors(std::span<const Choice> record, bool with_schedule);

  /// Has no record: every answer is drawn.
  explicit Anchors(std::uint64_t seed) : seed_(seed), drawn_(true) {}

  /// Starts an execution.
  void rewind();

  /// The recorded answer, which may be anything; counts the question either way.
  std::uint32_t next(std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task);

 private:
  struct Answers {
    std::vector<std::uint32_t> values;
    std::size_t asked = 0;
  };
  std::unordered_map<std::uint64_t, Answers> answers_;  // looked up only, never walked in an order that matters
  std::uint64_t seed_ = 0;
  bool drawn_ = false;
  Prng stream_;
};

}  // namespace foreseed
