// Escalates what nobody decided in time.
//
// A decision is due `after` its submission. The time is counted by the monotonic clock from when this process learned of
// it, less what has passed by wall time since the submission, and that at least 0 and at most `after`: so neither a
// restart nor a wall clock that is set can postpone it for longer than `after`, or make it due before its submission.
// Of several processes, and of a decision at the same instant, the journal lets one win. `tick` is also how often the
// journal is asked what others appended. Any thread; start and stop belong to one.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "workflow/journal.h"

namespace workflow {

class Escalator {
 public:
  /// Called after each look at the journal, with what it said.
  using OnTick = std::function<void(std::optional<Error> journal)>;

  /// REQUIRES: `journal` outlives it; both durations are above 0.
  Escalator(Journal& journal, Duration after, Duration tick, OnTick on_tick)
      : journal_(journal), after_(after), tick_(tick), on_tick_(std::move(on_tick)) {}
  ~Escalator() { stop(); }

  /// To be told of every event.
  void learn(const Event& event);

  void start();
  void stop();  ///< idempotent

  std::size_t waiting() const;

 private:
  void run(const std::stop_token& stop);
  std::optional<std::uint64_t> next_due(MonoTime now) const;
  void escalate(std::uint64_t decision);

  Journal& journal_;
  const Duration after_;
  const Duration tick_;
  const OnTick on_tick_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<std::pair<MonoTime, std::uint64_t>> due_;  // guarded by mutex_
  std::map<std::uint64_t, MonoTime> when_;            // guarded by mutex_; the same by decision
  std::jthread thread_;
};

}  // namespace workflow
