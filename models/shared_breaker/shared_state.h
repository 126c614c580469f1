// What the processes that share a breaker share: its mode, and who probes. A value with the transitions of
// catalogue 4.1.
//
// The window of outcomes is not here: each process counts what it sees itself, and shares the conclusion. Every mode
// change adds one to the generation; `update` of SharedBreaker makes each transition one compare-and-swap. Times are
// of the monotonic clock, which on one machine all processes read alike. Not thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "breaker/config.h"
#include "breaker/types.h"

namespace shared_breaker {

using breaker::Config;
using breaker::Duration;
using breaker::Mode;
using breaker::Outcome;
using breaker::Reason;
using breaker::Rejected;
using breaker::Time;

struct Probe {
  std::uint64_t id = 0;
  Time lease_end{};
  bool operator==(const Probe&) const = default;
};

struct Admitted {
  std::uint64_t generation = 0;
  std::uint64_t id = 0;  ///< of a probe; 0 where it is none
};

struct SharedState {
  Mode mode = Mode::closed;
  std::uint64_t generation = 1;
  Time since{};             ///< when the generation began
  Duration open_wait{};     ///< in mode open
  std::uint32_t reopens = 0;
  std::uint32_t successes = 0;
  std::uint64_t last_probe = 0;
  std::vector<Probe> probes;
  bool operator==(const SharedState&) const = default;

  void tick(const Config& config, Time t);
  std::variant<Admitted, Rejected> acquire(const Config& config, Time t);
  /// Of a probe. False where its generation has passed or its lease ran out: no effect.
  bool report(const Config& config, const Admitted& probe, Outcome outcome, Time t);
  /// A process's window says so. No effect unless closed in that generation.
  void trip(const Config& config, std::uint64_t from_generation, Time t);
  void set(Mode mode, Time t);  ///< by an operator

 private:
  void enter(Mode mode, Time t);
  void open(const Config& config, Time t);
};

std::string to_text(const SharedState& state);
/// Nothing where the text is not what `to_text` writes, or is out of range.
std::optional<SharedState> from_text(const std::string& text);

}  // namespace shared_breaker
