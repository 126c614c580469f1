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
};

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

/// Answers the choices that are not about tasks, in place of a seed: a search.
class Chooser {
 public:
  virtual ~Chooser() = default;
  /// A number in [0, bound), bound in [2, 2^32].
  virtual std::uint32_t value(ChoiceKind kind, std::uint64_t bound) = 0;
};

/// Answers choices, from a seed, a record or a search, and logs every answer.
class ChoiceSource {
 public:
  /// Starts an execution whose choices are drawn from `seed`. Faults and data have streams of their own, so that they are
  /// the same under another schedule.
  void seed(std::uint64_t seed) {
    begin();
    schedule_stream_.reseed(seed);
    seed_ = seed;
  }

  /// Starts an execution that follows `record`, which must outlive it; past its end every choice is 0.
  void replay(std::span<const Choice> record) {
    begin();
    replay_ = record;
    plain_ = false;
  }

  /// Starts an execution whose choices `chooser` makes.
  void ask(Chooser& chooser) {
    begin();
    chooser_ = &chooser;
    plain_ = false;
  }

  /// A number in [0, bound), bound in [1, 2^32].
  std::uint32_t choose(std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task) {
    const bool drawn = plain_ && kind <= ChoiceKind::wake;
    const std::uint32_t value = drawn ? static_cast<std::uint32_t>(schedule_stream_.below(bound)) : answer(bound, kind);
    note(value, site, kind, bound, task);
    return value;
  }

  /// Logs an answer that a strategy gave.
  void note(std::uint32_t value, std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task) {
    log_.push_back({value, static_cast<std::uint32_t>(bound), site, kind, task});
  }

  /// All answers of this execution so far.
  const std::vector<Choice>& log() const { return log_; }

  /// Whether a recorded choice did not fit the question it met (other kind, or value not below the bound).
  bool diverged() const { return diverged_; }

 private:
  void begin() {
    replay_ = {};
    chooser_ = nullptr;
    plain_ = true;
    streams_seeded_ = diverged_ = false;
    log_.clear();
  }
  std::uint32_t answer(std::uint64_t bound, ChoiceKind kind);
  std::uint32_t recorded(std::uint64_t bound, ChoiceKind kind);

  Prng schedule_stream_;
  Prng fault_stream_;            ///< faults and timing
  Prng data_stream_;             ///< data and entropy
  std::uint64_t seed_ = 0;
  bool plain_ = true;            ///< drawn from the seed
  bool streams_seeded_ = false;  ///< but for the first
  bool diverged_ = false;
  std::span<const Choice> replay_;
  Chooser* chooser_ = nullptr;
  std::vector<Choice> log_;
};

}  // namespace foreseed
