#pragma once
// What is put back at the edges of an execution, of which most executions use little.

namespace foreseed {

/// Empties what mostly is empty already.
template <typename Container>
inline void clear_rare(Container& all) {
  if (__builtin_expect(!all.empty(), 0)) all.clear();
}

}  // namespace foreseed
