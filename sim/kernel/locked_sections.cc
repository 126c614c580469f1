#include "kernel/locked_sections.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "kernel/layout.h"
#include "kernel/world.h"

namespace foreseed {

namespace {

/// A task that takes a lock for the third time may be in a loop that only looks.
constexpr std::uint32_t times_before_watched = 3;

/// How often the task has begun a section with this lock.
std::uint32_t times_taken(LockedSections& sections, const void* lock) {
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(sections.count, std::size(sections.locks)); ++i) {
    if (sections.locks[i].address == lock) return ++sections.locks[i].times;
  }
  sections.locks[sections.count++ % std::size(sections.locks)] = {lock, 1};
  return 1;
}

std::uint64_t bytes_at(std::uintptr_t address, std::size_t size) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, reinterpret_cast<const void*>(address), size);
  return bytes;
}

}  // namespace

const Unchanged::Bytes* Unchanged::find(const std::vector<Bytes>& among, std::uintptr_t address, std::uint32_t size) {
  const auto at = std::find_if(among.begin(), among.end(), [&](const Bytes& b) { return b.address == address && b.size == size; });
  return at == among.end() ? nullptr : &*at;
}

void Unchanged::writes(std::uintptr_t address, std::uint32_t size) {
  if (written_.size() > written_max) return;
  // What the program has mapped it may unmap.
  if (written_.size() == written_max || address - mappings_base < mappings_size_max) size = 0;
  written_.push_back({address, bytes_at(address, size), size});
}

bool Unchanged::holds() const {
  return std::all_of(written_.begin(), written_.end(), [&](const Bytes& now) {
    const Bytes* const last = find(last_, now.address, now.size);
    return now.size != 0 && bytes_at(now.address, now.size) == (last != nullptr ? last->value : now.value);
  });
}

void Unchanged::restart() {
  last_.swap(written_);
  for (Bytes& bytes : last_) bytes.value = bytes_at(bytes.address, bytes.size);
  written_.clear();
}

void World::accesses(const void* pointer, std::size_t size, bool writes) {
  LockedSections& sections = current_->sections;
  auto address = reinterpret_cast<std::uintptr_t>(pointer);
  for (std::uint32_t part; sections.watched && size != 0; address += part, size -= part) {
    part = static_cast<std::uint32_t>(std::min(size, sizeof(std::uint64_t)));
    if (!writes) {
      sections.looked |= sections.held != 0 && !sections.since_release.knows(address, part);
      continue;
    }
    for (Unchanged* const since : {&sections.since_lock, &sections.since_release}) {
      if (!since->knows(address, part)) since->writes(address, part);
    }
  }
}

void World::note_lock(const void* lock) {
  LockedSections& sections = current_->sections;
  if (sections.held++ == 0 && (accesses_watched_ || times_taken(sections, lock) >= times_before_watched)) watch_section(lock);
  ++looks_;  // of taking and giving back, the latter counts
}

void World::watch_section(const void* lock) {
  LockedSections& sections = current_->sections;
  times_again(Op::mutex_lock, lock);
  if (!accesses_watched_) watch_accesses();
  accesses_watched_ = true;
  if (!sections.watched) {
    sections.watched = true;
    sections.since_lock.clear();
    sections.since_release.clear();
  }
  sections.since_lock.restart();
}

/// The running task has given a lock back; whether it has only looked.
bool World::note_release() {
  LockedSections& sections = current_->sections;
  if (!sections.watched) return false;
  const bool only_looked = sections.looked && sections.since_release.holds();
  looks_ += only_looked;
  if (sections.held == 0) {
    sections.looked = false;
    sections.since_release.restart();
  }
  return only_looked;
}

/// Before a lock: whether the running task has taken it twice, or several in turn, and nothing has changed since.
bool World::polls_under_lock(const NextStep& next) const {
  const LockedSections& sections = current_->sections;
  const Round& round = current_->round;
  if (sections.held != 0 || !sections.watched || round.changes != changes() || !sections.since_lock.holds()) return false;
  return std::any_of(round.places, round.places + round.count, [&](const Round::Place& place) {
    return place.address == next.object && place.op == Op::mutex_lock && place.again != 0;
  });
}

}  // namespace foreseed
