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
  began_again_ = start_again_ || more_racy_sites_;
  if (began_again_) {
    silent_first_ &= !start_again_;
    start_again_ = more_racy_sites_ = false;
    path_.clear();
    handed_out_.clear();
    floor_ = 0;
    counts_ = {};
    return true;
  }
  return skip();
}

bool Dfs::skip() {
  waits_for_ = 0;
  while (path_.size() > floor_ && ++path_.back().value == path_.back().bound) path_.pop_back();
  if (path_.size() == floor_) return false;
  const std::uint64_t branch = path_.size() - 1;
  std::erase_if(handed_out_, [&](const HandedOut& out) {
    if (out.branch == branch && out.value == path_.back().value) waits_for_ = out.unit;
    return out.branch > branch || out.unit == waits_for_;
  });
  return true;
}

void Dfs::save(Writer& out) const {
  save_racy_sites(out);
  out.put(silent_first_);
  out.put(floor_);
  out.put(path_);
  out.put(handed_out_);
}

void Dfs::load(Reader& in) {
  load_racy_sites(in);
  in.get(silent_first_);
  in.get(floor_);
  in.get(path_);
  in.get(handed_out_);
  start_again_ = false;
  counts_ = {};
}

bool Dfs::hand_out(std::uint32_t id, Search& search) {
  Dfs& unit = static_cast<Dfs&>(search);
  for (std::uint64_t branch = 0; branch < path_.size(); ++branch) {
    std::uint32_t value = path_[branch].value + 1;
    for (const HandedOut& out : handed_out_) {
      if (out.branch == branch) value = std::max(value, out.value + 1);
    }
    if (value >= path_[branch].bound) continue;
    unit.silent_first_ = silent_first_;
    unit.racy_sites_ = racy_sites_;
    unit.path_.assign(path_.begin(), path_.begin() + static_cast<std::ptrdiff_t>(branch) + 1);
    unit.path_.back().value = value;
    unit.floor_ = branch + 1;
    handed_out_.push_back({branch, value, id});
    return true;
  }
  return false;
}

bool Dfs::absorb(Search& search) {
  waits_for_ = 0;
  path_.insert(path_.end(), static_cast<Dfs&>(search).path_.begin() + static_cast<std::ptrdiff_t>(path_.size()),
               static_cast<Dfs&>(search).path_.end());
  return true;
}

}  // namespace foreseed::explore
