#pragma once
// Memory that a run maps for itself (mmap without a file): at addresses that are the same in every run, and gone when the
// run ends.

#include <cstddef>

namespace foreseed::memory {

/// mmap(2) of anonymous memory at no place in particular, with its errors.
void* map_anonymous(std::size_t size, int protection, int flags);

void mappings_end_run();

}  // namespace foreseed::memory
