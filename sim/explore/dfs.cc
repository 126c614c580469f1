#include "explore/dfs.h"

#include <algorithm>

#include "kernel/world.h"

namespace foreseed::explore {

void Dfs::begin_execution(std::uint64_t) {
  position_ = 0;
  preemptions_ = steps_ = last_ = 0;
  silent_ = false;
}

std::uint32_t Dfs::branch(std::uint32_t bound) {
  if (bound == 1) return 0;
  if (position_ == path_.size()) path_.push_back({0, bound});
  const Branch& here = path_[position_++];
  FORESEED_ASSERT(here.bound == bound);  // else the scenario is not deterministic
  return here.value;
}

std::uint32_t Dfs::next_task(const Moment& moment) {
  if (moment.stuck) return moment.open.nth_from(0, 0);
  if (silent_first_) {
    if (const std::int64_t task = silent_task(moment); task >= 0) {
      silent_ = true;
      return static_cast<std::uint32_t>(task);
    }
  }
  silent_ = false;
  ++steps_;
  // Silent steps of others in between are none of its business.
  const bool can_go_on = moment.open.contains(last_);
  const bool free = !can_go_on || preemptions_ < preemptions_max_;
  const std::uint32_t k = branch(free ? moment.open.count() : 1);
  preemptions_ += can_go_on && k != 0;
  last_ = moment.open.nth_from(last_, k);
  return last_;
}

std::uint32_t Dfs::value(ChoiceKind kind, std::uint64_t bound) {
  if (enumerated(kind, bound)) return branch(static_cast<std::uint32_t>(bound));
  ++counts_.held;
  return 0;
}

void Dfs::accessed(std::uint32_t, const Touch&) {
  if (silent_ && steps_ != 0) start_again_ = true;
}

void Dfs::end_execution(const ReadySet& open, std::span<const NextStep>, bool failed) {
  if (start_again_) return;
  ++counts_.complete;
  counts_.deadlocked += failed && open.count() == 0;
  counts_.steps += steps_;
  counts_.depth = std::max(counts_.depth, steps_);
}

bool Dfs::next() {
  if (start_again_) {
    silent_first_ = start_again_ = false;
    path_.clear();
    counts_ = {};
    return true;
  }
  while (!path_.empty() && ++path_.back().value == path_.back().bound) path_.pop_back();
  return !path_.empty();
}

}  // namespace foreseed::explore
