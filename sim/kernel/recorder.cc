#include "kernel/recorder.h"

#include <algorithm>

namespace foreseed {

namespace {
constexpr std::uint32_t tasks_max = 1000;  ///< orders are kept among the first so many tasks: each is compared with each
}  // namespace

Recorder::Recorder(std::uint32_t events_max) : events_max_(events_max) {
  recording_->stacks.emplace_back();
  recording_->texts.emplace_back();
  recording_->objects.emplace_back();
}

void Recorder::event(Event event, const Task& task, Stack stack, std::size_t choices) {
  recording_->choice_steps.resize(choices, event.step);
  if (recording_->events.size() >= events_max_) {
    recording_->truncated = true;
    return;
  }
  learn(event.step, task);
  recording_->stacks.push_back(std::move(stack));
  event.stack = static_cast<std::uint32_t>(recording_->stacks.size() - 1);
  recording_->events.push_back(event);
}

void Recorder::wait(Wait wait, const Stack& stack) {
  if (recording_->waits.size() >= events_max_) return;
  recording_->stacks.push_back(stack);
  wait.stack = static_cast<std::uint32_t>(recording_->stacks.size() - 1);
  recording_->waits.push_back(wait);
}

void Recorder::learn(std::uint32_t step, const Task& task) {
  if (task.id >= tasks_max) return;
  if (task.id >= pasts_.size()) pasts_.resize(task.id + 1);
  const auto size = static_cast<std::uint32_t>(pasts_.size());
  pasts_[task.id].seen.resize(size);
  for (std::uint32_t other = 0; other < size; ++other) {
    const std::uint32_t component = task.clock.get(other);
    std::uint32_t& seen = pasts_[task.id].seen[other];
    if (component == seen) continue;
    seen = component;
    if (other == task.id) {
      pasts_[other].own.emplace_back(component, step);
    } else if (const std::uint32_t from = release_step(other, component); from != 0) {
      recording_->orders.push_back({from, step});
    }
  }
  pasts_[task.id].last_step = step;
}

std::uint32_t Recorder::release_step(std::uint32_t task, std::uint32_t component) const {
  if (task >= pasts_.size()) return 0;
  // To release counts the component up and is part of an operation, whose event comes right after: or has not come yet.
  const auto& own = pasts_[task].own;
  const auto after = std::upper_bound(own.begin(), own.end(), component,
                                      [](std::uint32_t value, const auto& entry) { return value < entry.first; });
  return after != own.end() ? after->second : pasts_[task].last_step;
}

}  // namespace foreseed
