#pragma once
// Every decision of an execution is a choice: a number below a bound, asked for at a site, for a kind of reason.
//
// An execution is a pure function of (program, scenario, choices). A seeded source makes a random execution, a recorded
// one a replay. Two rules hold for every site:
//   - choice 0 is the benign one (no preemption, first waiter, least delay);
//   - a choice missing from a record reads as 0, and one above its bound is a divergence,
// so that cutting a record always leaves a valid record.
// Used by the kernel only, from the thread that runs the simulation.

#include <foreseed/export.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "choice/prng.h"

namespace foreseed {

enum class ChoiceKind : std::uint16_t {
  schedule,  ///< which runnable task goes on; 0 = the running one, else the next in task order
  wake,      ///< which waiter a signal wakes; 0 = the longest waiting
  timing,    ///< how long something takes
  fault,     ///< whether a fault strikes
  data,      ///< what a scenario draws for itself
  entropy,   ///< what the program under test draws from the host's random number generator
  memory,    ///< which store a load reads, or before which ones a store goes in modification order; 0 = the newest, the end
  spurious,  ///< whether a weak compare-exchange fails, or a condition variable wakes, for no reason
};

/// How many kinds there are.
inline constexpr int choice_kinds = 8;

/// The stable name used in traces; "?" for a value that is no kind.
FORESEED_API std::string_view to_string(ChoiceKind kind);

/// One decision. `bound` 0 stands for 2^32.
struct Choice {
  std::uint32_t value = 0;
  std::uint32_t bound = 0;
  std::uint32_t site = 0;  ///< where it was asked: the operation (see Op) and what else the asker finds telling
  ChoiceKind kind = ChoiceKind::schedule;
  std::uint16_t task = 0;  ///< the task that asked

  friend bool operator==(const Choice&, const Choice&) = default;
};

/// Answers choices, from a seed or from a record, and logs every answer.
class ChoiceSource {
 public:
  /// Starts an execution whose choices are drawn from `seed`.
  void seed(std::uint64_t seed) {
    prng_.reseed(seed);
    replay_ = {};
    replaying_ = diverged_ = false;
    log_.clear();
  }

  /// Starts an execution that follows `record`, which must outlive it; past its end every choice is 0.
  void replay(std::span<const Choice> record) {
    replay_ = record;
    replaying_ = true;
    diverged_ = false;
    log_.clear();
  }

  /// A number in [0, bound), bound in [1, 2^32].
  std::uint32_t choose(std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task) {
    const std::uint32_t value = replaying_ ? recorded(bound, kind) : static_cast<std::uint32_t>(prng_.below(bound));
    log_.push_back({value, static_cast<std::uint32_t>(bound), site, kind, task});
    return value;
  }

  /// All answers of this execution so far.
  const std::vector<Choice>& log() const { return log_; }

  /// Whether a recorded choice did not fit the question it met (other kind, or value not below the bound).
  bool diverged() const { return diverged_; }

 private:
  std::uint32_t recorded(std::uint64_t bound, ChoiceKind kind);

  Prng prng_;
  std::span<const Choice> replay_;
  bool replaying_ = false;
  bool diverged_ = false;
  std::vector<Choice> log_;
};

}  // namespace foreseed
