#include "memory/annotations.h"

#include <algorithm>
#include <vector>

#include "kernel/clear.h"
#include "kernel/world.h"
#include "memory/race.h"

namespace foreseed::memory {

bool some_ignored = false;

namespace {

struct Ignoring {
  std::uint32_t task;
  int depth;
};
std::vector<Ignoring> ignoring;

struct Allowed {
  std::uintptr_t first;
  std::uintptr_t last;
};
std::vector<Allowed> allowed;
bool all_allowed = false;  ///< Races::off

auto entry_of_current() {
  const std::uint32_t self = World::get().current().id;
  return std::find_if(ignoring.begin(), ignoring.end(), [self](const Ignoring& i) { return i.task == self; });
}

}  // namespace

void ignore_accesses(bool begin) {
  const auto it = entry_of_current();
  if (begin && it == ignoring.end()) {
    ignoring.push_back({World::get().current().id, 1});
  } else if (it != ignoring.end()) {
    it->depth += begin ? 1 : -1;
    if (it->depth <= 0) ignoring.erase(it);
  }
  some_ignored = !ignoring.empty();
  choose_directory();
}

bool accesses_ignored() { return entry_of_current() != ignoring.end(); }

void allow_races(const void* address, std::size_t size) {
  const auto first = reinterpret_cast<std::uintptr_t>(address);
  allowed.push_back({first, first + size});
}

bool races_allowed(std::uintptr_t address) {
  return all_allowed || std::any_of(allowed.begin(), allowed.end(),
                     [address](const Allowed& a) { return address >= a.first && address < a.last; });
}

void annotations_begin_run() {
  clear_rare(ignoring);
  clear_rare(allowed);
  some_ignored = false;
  all_allowed = World::get().options().races == Races::off;
}

}  // namespace foreseed::memory
