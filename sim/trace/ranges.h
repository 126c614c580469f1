#pragma once
// Sets of numbers as few ranges: which runs of a campaign are done.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace foreseed {

/// [first, end)
struct Range {
  std::uint64_t first = 0;
  std::uint64_t end = 0;

  friend bool operator==(const Range&, const Range&) = default;
};

/// Sorted, without empty ones, overlaps and neighbours.
inline std::vector<Range> united(std::vector<Range> ranges) {
  std::erase_if(ranges, [](const Range& range) { return range.first >= range.end; });
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  std::vector<Range> result;
  for (const Range& range : ranges) {
    if (!result.empty() && range.first <= result.back().end) result.back().end = std::max(result.back().end, range.end);
    else result.push_back(range);
  }
  return result;
}

}  // namespace foreseed
