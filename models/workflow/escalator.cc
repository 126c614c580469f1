#include "workflow/escalator.h"

#include <algorithm>

namespace workflow {

void Escalator::learn(const Event& event) {
  const std::lock_guard lock(mutex_);
  if (event.kind == EventKind::submitted) {
    const auto submitted = WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::milliseconds(event.at_ms)));
    const Duration passed = std::clamp<Duration>(common::wall_now() - submitted, Duration(0), after_);
    const MonoTime due = common::later(common::mono_now(), after_ - passed);
    due_.emplace(due, event.decision);
    when_.emplace(event.decision, due);
  } else if (event.kind == EventKind::decided || event.kind == EventKind::escalated) {
    const auto when = when_.find(event.decision);
    if (when == when_.end()) return;
    due_.erase({when->second, event.decision});
    when_.erase(when);
  }
  changed_.notify_all();
}

void Escalator::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Escalator::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();  // bounded: by a tick, for the journal
}

void Escalator::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const MonoTime now = common::mono_now();
    const auto looked = journal_.catch_up(common::later(now, tick_));
    if (!looked) {
      while (const auto decision = next_due(common::mono_now())) {
        escalate(*decision);
        if (stop.stop_requested()) return;
      }
    }
    on_tick_(looked);
    std::unique_lock lock(mutex_);
    const auto wake = [&] {
      const MonoTime tick = common::later(now, tick_);
      // What is overdue waits for the next tick: the journal did not take it.
      return due_.empty() || due_.begin()->first <= now ? tick : std::min(tick, due_.begin()->first);
    };
    MonoTime until = wake();
    while (!stop.stop_requested() && common::mono_now() < until) {
      changed_.wait_until(lock, stop, until, [&] { return wake() < until; });
      until = wake();
    }
  }
}

std::optional<std::uint64_t> Escalator::next_due(MonoTime now) const {
  const std::lock_guard lock(mutex_);
  if (due_.empty() || due_.begin()->first > now) return std::nullopt;
  return due_.begin()->second;
}

void Escalator::escalate(std::uint64_t decision) {
  Event event;
  event.kind = EventKind::escalated;
  event.decision = decision;
  event.context = {"escalation-" + std::to_string(decision), std::string(principal_timer), "local"};
  event.at_ms = std::chrono::floor<std::chrono::milliseconds>(common::wall_now().time_since_epoch()).count();
  const auto result = journal_.propose(event, common::later(common::mono_now(), tick_));
  const auto* error = std::get_if<Error>(&result);
  if (error == nullptr || *error == Error::conflict || *error == Error::not_found) {
    learn(event);  // if the journal has not said so before
    return;
  }
  // Again a tick later, after those that are due by then.
  const std::lock_guard lock(mutex_);
  const auto when = when_.find(decision);
  if (when == when_.end()) return;
  due_.erase({when->second, decision});
  when->second = common::later(common::mono_now(), tick_);
  due_.emplace(when->second, decision);
}

std::size_t Escalator::waiting() const {
  const std::lock_guard lock(mutex_);
  return due_.size();
}

}  // namespace workflow
