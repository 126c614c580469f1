#pragma once
// Ctrl-C and SIGTERM end what goes on, not the process. Host code, one guard at a time.

#include <csignal>

namespace foreseed {

class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction previous_[2];
};

/// Whether that has happened since the last guard was made.
bool interrupted();
/// Whether so long ago that executions under way are not waited for any more.
bool interrupted_for_long();

}  // namespace foreseed
