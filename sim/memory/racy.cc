#include "memory/racy.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "memory/race.h"

namespace foreseed::memory {

bool exploring_races = false;

namespace {

constexpr std::size_t past_max = 1 << 16;
constexpr std::size_t races_max = 256;    ///< different ones that are kept of an execution
constexpr std::size_t races_told = 3;
constexpr std::uint32_t spins_before_idle = 6;  ///< as of atomics
constexpr std::uint32_t spins_elsewhere = 1000; ///< where no race is known yet

/// An access to a location that is looked at, or from a site that is racy.
struct Past {
  std::uintptr_t first;  ///< granule of 8 bytes
  std::uintptr_t last;
  RacyAccess access;
  std::uintptr_t site;
  Stack stack;
};

struct Race {
  RacyAccess now;
  RacyAccess before;
  std::uintptr_t site;         ///< 0: an atomic operation, or not known
  std::uintptr_t before_site;
  Stack stack;
  Stack before_stack;
};

std::vector<Past> past;
std::vector<Race> races;
std::vector<std::uintptr_t> found;    ///< sites beyond those given
std::vector<std::uintptr_t> watched;  ///< granules with a race of which a site is not known; kept for the next execution
bool look_again = false;
std::uintptr_t site_now = 0;          ///< of the access under way

bool given(std::uintptr_t site) {
  const std::vector<std::uintptr_t>& sites = World::get().options().racy_sites;
  return std::binary_search(sites.begin(), sites.end(), site);
}

void add_site(std::uintptr_t site) {
  if (site != 0 && !given(site) && std::find(found.begin(), found.end(), site) == found.end()) found.push_back(site);
}

/// What a task has read since it last wrote: a few places, again and again with the same values, are spinning.
struct Read {
  const void* address;
  std::uint64_t value;
  std::uint32_t times;
};
constexpr std::size_t places_of_a_loop = 4;
std::vector<std::vector<Read>> reads_of;  ///< by task

/// How often in a row the running task has found the same there.
std::uint32_t times_read(const void* address, std::size_t size, bool is_write) {
  const std::uint32_t task = World::get().current().id;
  if (task >= reads_of.size()) reads_of.resize(task + 1);
  std::vector<Read>& reads = reads_of[task];
  if (is_write || size > 8) {
    reads.clear();
    return 0;
  }
  const auto known = std::find_if(reads.begin(), reads.end(), [&](const Read& read) { return read.address == address; });
  if (known == reads.end()) {
    if (reads.size() == places_of_a_loop) reads.clear();
    reads.push_back({address, 0, 0});
    return 0;
  }
  std::uint64_t value = 0;
  std::memcpy(&value, address, size);  // it could be read before
  known->times = known->times == 0 || value == known->value ? known->times + 1 : 1;
  known->value = value;
  return known->times;
}

/// False: nothing stands there.
bool stand_before(const void* address, std::size_t size, bool is_write, bool racy) {
  World& world = World::get();
  const std::uint32_t times = times_read(address, size, is_write);
  if (times > (racy ? spins_before_idle : spins_elsewhere)) {
    world.idle_point(Op::plain_access, address);
  } else if (racy) {
    world.point(Op::plain_access, address);
  } else {
    return false;
  }
  return true;
}

/// To a search an access touches granules, and what stands at its very address.
void tell_search(std::uintptr_t address, std::size_t size, bool is_write) {
  World& world = World::get();
  if (!world.search_mode()) return;
  const Touch::Kind kind = is_write ? Touch::Kind::write : Touch::Kind::read;
  if (address % 8 != 0) world.accessed(reinterpret_cast<const void*>(address), kind, is_write);
  for (std::uintptr_t at = address & ~std::uintptr_t{7}; at < address + size; at += 8) {
    world.accessed(reinterpret_cast<const void*>(at), kind, is_write);
  }
}

void remember(std::uintptr_t address, std::size_t size, bool is_write, std::uintptr_t site, bool racy) {
  const World& world = World::get();
  const std::uintptr_t first = address / 8;
  const std::uintptr_t last = (address + size - 1) / 8;
  const bool looked_at =
      std::any_of(watched.begin(), watched.end(), [&](std::uintptr_t granule) { return first <= granule && granule <= last; });
  if (!racy && !looked_at) return;
  if (past.size() == past_max) past.erase(past.begin(), past.begin() + past_max / 2);
  const Task& self = world.current();
  past.push_back({first, last, {self.id, self.epoch(), is_write, false}, site, world.stack_here()});
}

void tell(const Race& race, Finding& finding) {
  const World& world = World::get();
  const auto text = [&](const RacyAccess& access) {
    return std::string(describe(access.writes, access.atomic)) + " by " + world.task_name(World::get().task(access.task));
  };
  finding.details += "data race before it: " + text(race.now) + " and " + text(race.before) + " with no happens-before between them\n";
  finding.places.push_back({static_cast<std::uint16_t>(race.now.task), std::string("racing ") + describe(race.now.writes, race.now.atomic), race.stack});
  finding.places.push_back({static_cast<std::uint16_t>(race.before.task),
                            std::string("earlier racing ") + describe(race.before.writes, race.before.atomic), race.before_stack});
}

}  // namespace

void access_exploring(const void* pointer, std::size_t size, bool is_write, std::uintptr_t site) {
  World& world = World::get();
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const bool racy = given(site);
  const bool stands = stand_before(pointer, size, is_write, racy);
  site_now = site;
  access(pointer, size, is_write, false);
  site_now = 0;
  remember(address, size, is_write, site, racy);
  if (!stands) return;
  tell_search(address, size, is_write);
  world.event(Op::plain_access, 0, is_write, is_write);
}

void note_race(std::uintptr_t address, const RacyAccess& now, const RacyAccess& before) {
  const std::uintptr_t granule = address / 8;
  add_site(site_now);
  Race race{now, before, site_now, 0, {}, {}};
  for (auto it = past.rbegin(); it != past.rend(); ++it) {
    if (it->first > granule || granule > it->last || it->access.task != before.task || it->access.writes != before.writes ||
        it->access.epoch != before.epoch) {
      continue;
    }
    add_site(it->site);
    if (race.before_site != 0) continue;
    race.before_site = it->site;
    race.before_stack = it->stack;
  }
  if (race.before_site == 0 && !before.atomic) {
    look_again = true;
    if (std::find(watched.begin(), watched.end(), granule) == watched.end()) watched.push_back(granule);
  }
  const bool known = std::any_of(races.begin(), races.end(), [&](const Race& r) {
    return r.site == race.site && r.before_site == race.before_site && r.now.writes == now.writes && r.before.writes == before.writes;
  });
  if (known || races.size() == races_max) return;
  race.stack = World::get().stack_here();
  races.push_back(std::move(race));
}

void racy_begin_run() {
  const RunOptions& options = World::get().options();
  exploring_races = options.races == Races::explore;
  if (__builtin_expect(!exploring_races, 1)) return;
  past.clear();
  reads_of.clear();
  races.clear();
  found.clear();
  if (!options.watch_races) watched.clear();
  look_again = false;
  site_now = 0;
}

void tell_races(Execution& execution) {
  if (!exploring_races) return;
  std::sort(found.begin(), found.end());
  execution.racy_sites = World::get().options().racy_sites;
  execution.new_racy_sites = found;
  execution.races_unclear = look_again;
  if (!execution.finding) return;
  for (std::size_t i = 0; i < std::min(races.size(), races_told); ++i) tell(races[i], *execution.finding);
}

}  // namespace foreseed::memory
