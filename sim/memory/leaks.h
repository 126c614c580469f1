#pragma once
// Leaks: blocks of the run that nothing points to at its end.
//
// What is still reachable - a library's caches, the objects of a detached thread - is no leak. Reachability is
// conservative, as in LeakSanitizer: every aligned word in older memory that the run wrote, on the stacks of unfinished
// tasks, in thread-local storage and in reached blocks counts as a pointer if it could be one.

#include "kernel/world.h"

namespace foreseed::memory {

/// Ends the run with a finding if there are any. Costs nothing where every block was freed.
void check_leaks(World& world);

}  // namespace foreseed::memory
