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

#include "choice/log.h"
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

/// Whether a choice of that kind says only who runs next.
inline bool decides_who_runs(ChoiceKind kind) { return kind == ChoiceKind::schedule || kind == ChoiceKind::wake; }

/// Part of the site of a schedule choice that preempts nobody: the running task waits, spins or has ended.
inline constexpr std::uint32_t site_given_up = 1u << 16;

/// One decision. `bound` 0 stands for 2^32.
struct Choice {
  std::uint32_t value = 0;
  std::uint32_t bound = 0;
  std::uint32_t site = 0;  ///< where it was asked: the operation (see Op) and what else the asker finds telling
  ChoiceKind kind = ChoiceKind::schedule;
  std::uint16_t task = 0;  ///< the task that asked

  friend bool operator==(const Choice&, const Choice&) = default;
};

/// Whether a task that could have gone on was made to wait.
inline bool is_preemption(const Choice& choice) {
  return choice.kind == ChoiceKind::schedule && choice.value != 0 && (choice.site & site_given_up) == 0;
}

inline Choice* ChoiceLog::choices(Area* area) { return reinterpret_cast<Choice*>(area + 1); }
inline const Choice* ChoiceLog::data() const { return area_ == nullptr ? nullptr : choices(area_); }
inline ChoiceLog::operator std::span<const Choice>() const { return {data(), size()}; }
inline void ChoiceLog::push_back(const Choice& choice) {
  if (__builtin_expect(area_->size == capacity, 0)) full();
  choices(area_)[area_->size++] = choice;
}

class Anchors;

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

  /// Starts an execution that follows `record`, which must outlive it; past its end `anchors` answers, else every choice
  /// is 0.
  void replay(std::span<const Choice> record, Anchors* anchors = nullptr);

  /// Starts an execution whose choices `chooser` makes.
  void ask(Chooser& chooser) {
    begin();
    chooser_ = &chooser;
    plain_ = false;
  }

  /// A number in [0, bound), bound in [1, 2^32].
  std::uint32_t choose(std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task) {
    const bool drawn = plain_ && (kind <= ChoiceKind::wake || kind >= ChoiceKind::memory);
    const std::uint32_t value = drawn ? static_cast<std::uint32_t>(schedule_stream_.below(bound)) : answer(site, kind, bound, task);
    note(value, site, kind, bound, task);
    return value;
  }

  /// Logs an answer that a strategy gave.
  void note(std::uint32_t value, std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task) {
    log_.push_back({value, static_cast<std::uint32_t>(bound), site, kind, task});
  }

  /// All answers of this execution so far.
  std::span<const Choice> log() const { return log_; }
  /// Where answers are logged from now on: see ChoiceLog.
  void log_into(void* room) { log_.use(room); }

  /// Whether a recorded choice did not fit the question it met (other kind, or value not below the bound).
  bool diverged() const { return diverged_; }

 private:
  void begin() {
    replay_ = {};
    anchors_ = nullptr;
    chooser_ = nullptr;
    plain_ = true;
    streams_seeded_ = diverged_ = false;
    log_.clear();
  }
  std::uint32_t answer(std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task);
  std::uint32_t recorded(std::uint32_t site, ChoiceKind kind, std::uint64_t bound, std::uint16_t task);

  Prng schedule_stream_;
  Prng fault_stream_;            ///< faults and timing
  Prng data_stream_;             ///< data and entropy
  std::uint64_t seed_ = 0;
  bool plain_ = true;            ///< drawn from the seed
  bool streams_seeded_ = false;  ///< but for the first
  bool diverged_ = false;
  std::span<const Choice> replay_;
  Anchors* anchors_ = nullptr;
  Chooser* chooser_ = nullptr;
  ChoiceLog log_;
};

}  // namespace foreseed
