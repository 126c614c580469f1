#pragma once
// The processor's time stamp counter, as the code under test reads it: virtual time. Libraries draw entropy from it
// (OpenSSL does for each random number), so that executions would differ.
//
// During a series of runs rdtsc and rdtscp fault (prctl(2), PR_SET_TSC); what they give is made up in the signal handler.
// The host's own reads, in the vDSO's clock_gettime, give the real counter, at some 10 us each: RealClock asks the kernel.

#include <ucontext.h>

#include <chrono>

namespace foreseed {

void trap_time_stamps();
void release_time_stamps();

/// To be called at the begin of each run.
void restart_time_stamps();

/// Whether the instruction that faulted reads the counter; then it is done, and the program can go on behind it.
bool read_time_stamp(ucontext_t* context);

/// Real time, for the host; cheap within a series too.
struct RealClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<RealClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;
};

}  // namespace foreseed
