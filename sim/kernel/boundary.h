#pragma once
// The boundary between the program under test and the simulator, in both directions.
//
// Simulated code is running exactly while `active_thread` equals the FS base of the calling thread: so an OS thread of
// the host that calls pthread_mutex_lock meanwhile is forwarded to libc, and so is the simulator's own code, which runs
// under an `Entry`. Reading this needs no thread-local storage of ours.

#include <cstdint>

#include "kernel/hidden.h"
#include "kernel/thread_state.h"

namespace foreseed {

/// FS base of the simulated code that is running; 0 while the simulator or the host runs.
FORESEED_HIDDEN extern std::uintptr_t active_thread;

/// True while a run is under way, in simulated or in simulator code of the simulating thread.
FORESEED_HIDDEN extern bool run_active;

/// True during a series of runs, between them too.
FORESEED_HIDDEN extern bool series_active;

/// Whether the caller is simulated code.
inline bool simulated_code() { return __builtin_expect(active_thread == thread_pointer(), 1); }

/// Marks the simulator's own code within a call from simulated code.
class Entry {
 public:
  Entry() : thread_(active_thread) { active_thread = 0; }
  ~Entry() { active_thread = thread_; }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

 private:
  std::uintptr_t thread_;
};

/// Marks a call from the simulator back into simulated code (a thread's function, an init routine).
class Callback {
 public:
  Callback() { active_thread = thread_pointer(); }
  ~Callback() { active_thread = 0; }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
};

}  // namespace foreseed
