#pragma once
// Keeps what a recorded execution leaves behind: a Recording, and what is needed while it is made.
//
// Which step of another task a step learns of is read off the vector clocks that the race detector uses, so every kind of
// synchronisation is seen, and no room has to tell. Made and called by World, in recorded executions only.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "kernel/event.h"
#include "kernel/task.h"

namespace foreseed {

class Recorder {
 public:
  explicit Recorder(std::uint32_t events_max);

  Recording& recording() { return *recording_; }
  std::unique_ptr<Recording> take() { return std::move(recording_); }

  /// Keeps an event, if the limit on events allows. `event.stack` is filled in from `stack`.
  void event(Event event, const Task& task, Stack stack, std::size_t choices);
  /// The task begins to wait.
  void wait(Wait wait, const Stack& stack);

 private:
  /// What of a task's past is needed to find the step in which another learned of it.
  struct Past {
    std::vector<std::uint32_t> seen;                            ///< its clock at its last event
    std::vector<std::pair<std::uint32_t, std::uint32_t>> own;   ///< (own component, first step with it), both rising
    std::uint32_t last_step = 0;
  };

  void learn(std::uint32_t step, const Task& task);
  /// The step in which `task` let go of what it knew when its own component was `component`.
  std::uint32_t release_step(std::uint32_t task, std::uint32_t component) const;

  std::unique_ptr<Recording> recording_ = std::make_unique<Recording>();
  std::uint32_t events_max_;
  std::vector<Past> pasts_;
};

}  // namespace foreseed
