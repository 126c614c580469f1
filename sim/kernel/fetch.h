#pragma once
// What many tasks touch is in no cache when a task's turn comes. So it is fetched ahead, all at once rather than bit by bit.

#include <cstddef>
#include <cstdint>

namespace foreseed {

/// Fetches `count` cache lines from the one on that `first` lies in. Any address will do.
inline void fetch_lines(std::uintptr_t first, std::size_t count) {
  for (std::size_t line = 0; line < count; ++line) __builtin_prefetch(reinterpret_cast<const void*>(first + line * 64));
}
inline void fetch_lines(const void* first, std::size_t count) { fetch_lines(reinterpret_cast<std::uintptr_t>(first), count); }

}  // namespace foreseed
