#include "explore/search.h"

#include <algorithm>

namespace foreseed::explore {

void SearchCounts::add(const SearchCounts& other) {
  complete += other.complete;
  deadlocked += other.deadlocked;
  redundant += other.redundant;
  blocked += other.blocked;
  steps += other.steps;
  held += other.held;
  depth = std::max(depth, other.depth);
}

std::int64_t Search::silent_task(const Moment& moment) {
  if (moment.stuck) return -1;
  std::int64_t found = -1;
  moment.open.each([&](std::uint32_t task) {
    if (found < 0 && silent(moment.next[task].op)) found = task;
  });
  return found;
}

}  // namespace foreseed::explore
