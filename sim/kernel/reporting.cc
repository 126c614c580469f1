// What an execution tells of itself - texts, stacks, names of objects and tasks - and how it is given up before its end.

#include <unwind.h>

#include <string>
#include <utility>

#include "kernel/world.h"

/// Where a debugger stops a replay: on the stack of the task that did the step.
extern "C" __attribute__((noinline)) void foreseed_step_reached() { asm volatile(""); }

namespace foreseed {

void World::text_event(Op op, std::string_view text, std::int32_t result, bool progress) {
  for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  const std::size_t before = recording_ != nullptr ? recording_->events.size() : 0;
  event(op, 0, result, progress);
  if (recording_ == nullptr || recording_->events.size() == before) return;
  recording_->texts.emplace_back(text);
  recording_->events.back().text = static_cast<std::uint32_t>(recording_->texts.size() - 1);
}

void World::annotate(std::string text) {
  if (recording_ == nullptr || recording_->truncated || recording_->events.empty()) return;
  recording_->texts.push_back(std::move(text));
  recording_->events.back().text = static_cast<std::uint32_t>(recording_->texts.size() - 1);
}

Stack World::stack_here() const {
  Stack stack;
  if (recording_ == nullptr) return stack;
  _Unwind_Backtrace(
      [](_Unwind_Context* context, void* out) {
        auto& frames = *static_cast<Stack*>(out);
        int interrupted = 0;  // there; else it is where a call returns to
        if (const auto ip = _Unwind_GetIPInfo(context, &interrupted); ip != 0) frames.push_back(ip + (interrupted != 0));
        return frames.size() < 48 ? _URC_NO_REASON : _URC_END_OF_STACK;
      },
      &stack);
  return stack;
}

std::uint32_t World::number_object(const char* kind) {
  ++object_count_;
  if (recording_ != nullptr) recording_->objects.push_back(kind + ("#" + std::to_string(object_count_)));
  return object_count_;
}

std::string World::object_name(std::uint32_t object) const {
  if (recording_ != nullptr && object < recording_->objects.size() && object != 0) return recording_->objects[object];
  return "#" + std::to_string(object);
}

std::string World::task_name(const Task& task) const {
  if (task.name[0] != '\0') return task.name;
  return task.id == 0 ? "main" : "T" + std::to_string(task.id);
}

// --- ends --------------------------------------------------------------------------------------------------------

void World::fail(FindingKind kind, std::string message, std::vector<Place> more_places, std::string details,
                 std::string role) {
  if (!finding_) {
    Finding finding;
    finding.kind = kind;
    finding.message = std::move(message);
    finding.time_ns = now_;
    finding.step = step_;
    finding.places.push_back({static_cast<std::uint16_t>(current_->id), std::move(role), stack_here()});
    for (Place& place : more_places) finding.places.push_back(std::move(place));
    finding.details = std::move(details);
    hash_ = (hash_ ^ static_cast<std::uint64_t>(kind)) * 0x9e3779b97f4a7c15ull;
    finding_ = std::move(finding);
  }
  current_->parked = false;
  to_host();
  internal_error("a task that was given up was resumed", __FILE__, __LINE__);
}

/// The step was reached at which the run was to end: what would follow is given up.
void World::stop() {
  foreseed_step_reached();
  current_->parked = false;
  to_host();
  internal_error("a run that was stopped was resumed", __FILE__, __LINE__);
}

void World::begin_again(void (*between)()) {
  between_ = between;
  current_->parked = false;
  to_host();
  internal_error("a run that was given up was resumed", __FILE__, __LINE__);
}

void World::deadlock() {
  Finding finding;
  finding.kind = FindingKind::deadlock;
  finding.message = "deadlock: no task can go on and nothing is going to happen";
  finding.time_ns = now_;
  finding.step = step_;
  if (explain_deadlock != nullptr) explain_deadlock(*this, finding);
  hash_ = (hash_ ^ static_cast<std::uint64_t>(finding.kind)) * 0x9e3779b97f4a7c15ull;
  finding_ = std::move(finding);
  current_->parked = false;
  to_host();
  internal_error("a deadlocked task was resumed", __FILE__, __LINE__);
}

}  // namespace foreseed
