#pragma once
// What the program says of itself where the compiler cannot see it: benign races and stretches whose accesses are not to be
// looked at, as dynamic annotations and ThreadSanitizer's interface have them.

#include <cstddef>
#include <cstdint>

#include "kernel/boundary.h"

namespace foreseed::memory {

/// Whether any task has asked for its accesses to be ignored.
FORESEED_HIDDEN extern bool some_ignored;

/// Begins or ends that for the running task; nests.
void ignore_accesses(bool begin);
/// Whether the running task's accesses are ignored now.
bool accesses_ignored();

/// Races on [address, address + size) are meant to be, until the run ends.
void allow_races(const void* address, std::size_t size);
bool races_allowed(std::uintptr_t address);

void annotations_begin_run();

}  // namespace foreseed::memory
