// Work that outlives the request it came from, and takes the request's context along.
//
// A task is given its context by value when it is spawned, so whatever it reports, it reports for the request that
// caused it. At most `queued_max` wait; more are refused, to the one who spawns. Every task that was accepted is run
// once or, where `stop` had no time left for it, counted as cancelled: spawned = finished + failed + cancelled once
// stopped. Tasks run, and what they hold goes, under no lock; they must return soon after their stop token asks them to.
// A worker waits for work at most `look_every` at a time, so that a lost notification costs no task. Any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "workflow/types.h"

namespace workflow {

struct BackgroundCounters {
  std::uint64_t spawned = 0;
  std::uint64_t refused = 0;
  std::uint64_t finished = 0;
  std::uint64_t failed = 0;     ///< ended by an exception
  std::uint64_t cancelled = 0;  ///< never ran
  std::size_t queued = 0;
  std::size_t running = 0;
};

class Background {
 public:
  static constexpr Duration look_every = std::chrono::minutes(10);

  using Work = std::function<void(const RequestContext& context, const std::stop_token& stop)>;

  /// REQUIRES: both at least 1.
  Background(std::size_t workers, std::size_t queued_max);
  ~Background() { stop(common::mono_now()); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// False where it is full or stopping.
  bool spawn(RequestContext context, Work work);

  /// Accepts no more, lets what is queued run until `deadline`, then cancels the rest, and joins. True where nothing was
  /// cancelled. Idempotent; one thread.
  bool stop(MonoTime deadline);

  BackgroundCounters counters() const;

 private:
  struct Task {
    RequestContext context;
    Work work;
  };
  void run(const std::stop_token& stop);

  const std::size_t queued_max_;
  mutable std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::condition_variable_any idle_;
  std::deque<Task> queue_;       // guarded by mutex_
  BackgroundCounters counters_;  // guarded by mutex_; `queued` is not kept in it
  bool closed_ = false;          // guarded by mutex_
  std::vector<std::jthread> workers_;
};

}  // namespace workflow
