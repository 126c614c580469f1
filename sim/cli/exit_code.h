#pragma once

namespace foreseed {

/// What the foreseed command ends with.
enum class ExitCode {  // told to users by cli/reference.cc
  held = 0,
  violated = 1,           ///< a property was violated, a regression failed, or two traces differ
  usage = 2,
  inconclusive = 3,       ///< ended before what had to be complete was
  not_deterministic = 4,  ///< or a replay diverged
  unreadable = 5,         ///< a trace or database that cannot be used
  internal = 70,          ///< a fault of foreseed itself, or something it cannot simulate yet
};

}  // namespace foreseed
