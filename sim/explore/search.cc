#include "explore/search.h"

#include <algorithm>
#include <iterator>

#include "kernel/code_place.h"

namespace foreseed::explore {

void SearchCounts::add(const SearchCounts& other) {
  complete += other.complete;
  deadlocked += other.deadlocked;
  redundant += other.redundant;
  blocked += other.blocked;
  steps += other.steps;
  held += other.held;
  patient += other.patient;
  depth = std::max(depth, other.depth);
}

void Search::add_racy_sites(std::span<const std::uintptr_t> sites) {
  std::vector<std::uintptr_t> all;
  std::set_union(racy_sites_.begin(), racy_sites_.end(), sites.begin(), sites.end(), std::back_inserter(all));
  more_racy_sites_ |= all.size() > racy_sites_.size();
  racy_sites_ = std::move(all);
}

/// Something of the program was not there yet that later executions find: this one counts no more than those before.
void Search::begin_again() {
  more_racy_sites_ = true;
  next();
  more_racy_sites_ = true;
}

void Search::save_racy_sites(Writer& out) const {
  out.put(std::uint64_t{racy_sites_.size()});
  for (const std::uintptr_t site : racy_sites_) {
    const CodePlace place = code_place(site);
    out.put(place.module);
    out.put(place.offset);
  }
}

void Search::load_racy_sites(Reader& in) {
  racy_sites_.clear();
  for (auto left = in.get<std::uint64_t>(); left != 0; --left) {
    CodePlace place;
    in.get(place.module);
    in.get(place.offset);
    const std::uintptr_t site = code_address(place.module, place.offset);
    if (site == 0) throw ArchiveError("it has code of a module that is not loaded");
    racy_sites_.push_back(site);
  }
  std::sort(racy_sites_.begin(), racy_sites_.end());
  more_racy_sites_ = false;
}

std::int64_t Search::silent_task(const Moment& moment) {
  if (moment.stuck) return -1;
  return moment.open.first([&](std::uint32_t task) { return silent(moment.next[task]); });
}

}  // namespace foreseed::explore
