#include "workflow/journal.h"

#include <stdexcept>

namespace workflow {

void validate(const JournalConfig& config) {
  if (config.name.empty() || config.name.size() > 100) {
    throw std::invalid_argument("workflow journal: name has " + std::to_string(config.name.size()) +
                                " bytes, must have 1 to 100");
  }
  if (config.events_max < 1 || config.events_max > 1'000'000'000) {
    throw std::invalid_argument("workflow journal: events_max is " + std::to_string(config.events_max) +
                                ", must be in [1, 1000000000]");
  }
}

Journal::Journal(const JournalConfig& config, store::VersionedStore& store, OnEvent on_event)
    : config_((validate(config), config)), store_(store), on_event_(std::move(on_event)) {}

Result<Outcome> Journal::propose(const Event& proposed, MonoTime deadline) {
  while (true) {
    if (const auto error = catch_up(deadline)) return *error;
    std::uint64_t number = 0;
    const Judgement judged = judge(proposed, number);
    if (const auto* error = std::get_if<Error>(&judged)) return *error;
    if (const auto* replay = std::get_if<Replay>(&judged)) return Outcome{true, replay->decision};
    if (number > config_.events_max) return Error::overloaded;
    const auto& event = std::get<Event>(judged);
    const std::string text = encode(event);
    if (decode(text) != event) return Error::invalid_argument;  // nobody could read it: the journal would end here
    const auto written = store_.put(record_key(number), 0, text);
    if (std::holds_alternative<std::uint64_t>(written)) {
      ++writes_;
      if (const auto error = learn(number, event)) return *error;
      return Outcome{false, event.decision};
    }
    const Error error = std::get<Error>(written);
    if (error != Error::conflict) {
      ++write_failures_;
      return error == Error::unavailable ? error : Error::internal;
    }
    // Somebody else has this number now: whether it may still happen is to be judged again.
  }
}

std::optional<Error> Journal::catch_up(MonoTime deadline) {
  while (true) {
    const auto more = read_next();
    if (const auto* error = std::get_if<Error>(&more)) return *error;
    if (!std::get<bool>(more)) return std::nullopt;
    if (common::mono_now() >= deadline) return Error::deadline_exceeded;
  }
}

/// False where there is no further event.
Result<bool> Journal::read_next() {
  const std::uint64_t number = statistics().events + 1;
  const auto record = store_.get(record_key(number));
  if (const auto* error = std::get_if<Error>(&record)) return *error;
  const auto& found = std::get<store::Record>(record);
  if (found.version == 0) return false;
  const auto event = decode(found.value);
  if (!event) return Error::internal;
  if (const auto error = learn(number, *event)) return *error;
  return true;
}

/// Adds the event to the fold, if nobody has yet.
std::optional<Error> Journal::learn(std::uint64_t number, const Event& event) {
  {
    const std::lock_guard lock(mutex_);
    if (number <= state_.statistics().events) return std::nullopt;
    // Judged again even if it was read: a record that could not have happened must not corrupt the fold.
    const Judgement judged = state_.judge(event);
    const auto* allowed = std::get_if<Event>(&judged);
    if (number != state_.statistics().events + 1 || allowed == nullptr || *allowed != event) return Error::internal;
    state_.apply(event);
  }
  if (on_event_) on_event_(number, event);
  return std::nullopt;
}

Judgement Journal::judge(const Event& proposed, std::uint64_t& number) const {
  const std::lock_guard lock(mutex_);
  number = state_.statistics().events + 1;
  return state_.judge(proposed);
}

std::optional<User> Journal::user(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const User* found = state_.user(name);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

std::optional<Decision> Journal::decision(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const Decision* found = state_.decision(id);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

std::vector<Decision> Journal::decisions(DecisionState state, std::uint64_t after, std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  return state_.decisions(state, after, limit);
}

Statistics Journal::statistics() const {
  const std::lock_guard lock(mutex_);
  return state_.statistics();
}

Result<std::vector<Event>> Journal::read(std::uint64_t first, std::size_t limit) {
  std::vector<Event> events;
  for (std::uint64_t number = first; events.size() < limit; ++number) {
    const auto record = store_.get(record_key(number));
    if (const auto* error = std::get_if<Error>(&record)) return *error;
    const auto& found = std::get<store::Record>(record);
    if (found.version == 0) break;
    auto event = decode(found.value);
    if (!event) return Error::internal;
    events.push_back(std::move(*event));
  }
  return events;
}

}  // namespace workflow
