#pragma once
// What a recorded data race is told with: the locks held at each access, and the happens-before that is missing.

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/finding.h"

namespace foreseed::memory {

/// An access, after so many events.
struct AccessSpot {
  std::uint32_t task = 0;
  std::uint32_t step = 0;
};

/// Adds places to the two accesses', and returns further lines.
std::string add_race_context(const AccessSpot& later, const AccessSpot& earlier, std::vector<Place>& places);

}  // namespace foreseed::memory
