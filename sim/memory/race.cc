#include "memory/race.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "kernel/clear.h"
#include "kernel/fetch.h"
#include "kernel/world.h"
#include "memory/annotations.h"
#include "memory/race_context.h"
#include "memory/racy.h"
#include "memory/weak.h"
#include "sync/objects.h"

namespace foreseed::memory {

Cell** shadow_directory = nullptr;
Cell** quick_directory = nullptr;
Access run_start = 0;

namespace {

constexpr std::uint64_t epoch_of(Access a) { return a >> 24; }
constexpr std::uint32_t task_of(Access a) { return (a >> 9) & 0x7fff; }
constexpr bool atomic(Access a) { return ((a >> 8) & 1) != 0; }
constexpr std::uint32_t mask_of(Access a) { return a & 0xff; }

/// As `write`: the cell is wide, and `read` is the index of its list, marked with the run it is good for.
constexpr Access wide_mark = ~Access{0};

/// Any number of accesses, none of which makes another superfluous.
struct WideCell {
  struct Read {
    Access access;
    std::uint32_t before;  ///< the same task's read before it: its place in `reads` + 1, or 0
  };
  std::vector<Access> writes;
  std::vector<Read> reads;
  std::vector<std::uint32_t> last_read;  ///< of each task, as Read::before; empty while there are few
  std::uint8_t places[64] = {};          ///< while there are few: of the last read of a task with that number modulo 64

  void clear() {
    writes.clear();
    reads.clear();
    last_read.clear();
    std::memset(places, 0, sizeof places);
  }
  /// Keeps the first reads; places are found anew.
  void shrink_reads(std::size_t count) {
    reads.resize(count);
    last_read.clear();
    std::memset(places, 0, sizeof places);
    for (std::size_t i = 0; i < std::min(count, few_reads); ++i) place_of(reads[i].access) = static_cast<std::uint8_t>(i + 1);
  }
  void add_read(Access read) {
    reads.push_back({read, 0});
    place_of(read) = static_cast<std::uint8_t>(reads.size());
  }
  std::uint8_t& place_of(Access read) { return places[task_of(read) % 64]; }

  /// Whether its list has a read by that task, in that epoch, of the same bytes: then nobody has written them since.
  bool knows(Access read) const {
    const std::uint32_t task = task_of(read);
    const std::uint32_t place = last_read.empty() ? places[task % 64] : task < last_read.size() ? last_read[task] : 0;
    if (place == 0) return false;
    const Access last = reads[place - 1].access;
    return (last ^ read) >> 8 == 0 && (read & ~last & 0xff) == 0;
  }
  static constexpr std::size_t few_reads = 32;
};
std::vector<WideCell> wide_cells;
std::size_t wide_used = 0;
std::vector<std::uint32_t> wide_left;  ///< of those used: which no cell has any more

std::uint64_t base_epoch = 1;  ///< World::epoch_base of this run
Cell** no_cells = nullptr;     ///< a directory of nothing
bool watching = false;         ///< access() has more to do than to look for races

struct Watched {
  std::uintptr_t first = 0;
  std::uintptr_t last = 0;
};
Watched watched;
struct Seen {
  std::uint16_t task;
  bool is_write;
  std::uint64_t epoch;
  std::uint32_t step;
  Stack stack;
};
std::vector<Seen> seen;

[[noreturn]] void no_memory() {
  std::perror("foreseed: cannot map shadow memory");
  std::_Exit(70);
}

Cell& new_cell(std::uintptr_t address) {
  void* const got = mmap(nullptr, chunk_bytes / 8 * sizeof(Cell), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (got == MAP_FAILED) no_memory();
  shadow_directory[(address >> chunk_shift) & (directory_size - 1)] = static_cast<Cell*>(got);
  return *cell_in(shadow_directory, address);
}

inline Cell& cell_at(std::uintptr_t address) {
  Cell* const cell = cell_in(shadow_directory, address);
  return __builtin_expect(cell == nullptr, 0) ? new_cell(address) : *cell;
}

inline bool stale(Access a) { return a < run_start; }

/// Whether `a` happens before the present of `self`.
inline bool ordered(Access a, const Task& self) {
  return epoch_of(a) - base_epoch <= self.clock.get(task_of(a));
}

inline bool conflict(Access a, bool a_writes, Access b, bool b_writes) {
  return (mask_of(a) & mask_of(b)) != 0 && (a_writes || b_writes) && !(atomic(a) && atomic(b));
}

[[noreturn]] void report_closed(std::uintptr_t address, bool writes, bool is_atomic) {
  HeapSpot spot = heap_spot(address);
  const char* const access = describe(writes, is_atomic);
  World& world = World::get();
  if (spot.freed) world.fail(FindingKind::use_after_free, std::string("use after free: ") + access, std::move(spot.places), {}, access);
  world.fail(FindingKind::out_of_bounds, std::string("out of bounds: ") + access + ' ' + spot.where, std::move(spot.places), {}, access);
}

/// Ends the execution, but for one that is to show what races do.
__attribute__((noinline)) void report(std::uintptr_t address, Access now, bool writes, Access before, bool wrote) {
  if (races_allowed(address)) return;
  World& world = World::get();
  if (exploring_races) {
    return note_race(address, {task_of(now), epoch_of(now), writes, atomic(now)}, {task_of(before), epoch_of(before), wrote, atomic(before)});
  }
  Place other{static_cast<std::uint16_t>(task_of(before)), std::string("previous ") + describe(wrote, atomic(before)),
              {}};
  const std::uint64_t epoch = epoch_of(before);
  const auto earlier = std::find_if(seen.rbegin(), seen.rend(), [&](const Seen& s) {
    return s.task == other.task && s.is_write == wrote && s.epoch == epoch;
  });
  if (earlier != seen.rend()) other.stack = earlier->stack;
  std::vector<Place> places;
  places.push_back(std::move(other));
  std::string context;
  if (earlier != seen.rend()) context = add_race_context({task_of(now), world.step()}, {task_of(before), earlier->step}, places);
  watch(address & ~std::uintptr_t{7}, 8);
  world.fail(FindingKind::data_race,
             std::string("data race: ") + describe(writes, atomic(now)) + " by " + world.task_name(world.current()) +
                 " and " + describe(wrote, atomic(before)) + " by " + world.task_name(world.task(task_of(before))) +
                 " with no happens-before between them",
             std::move(places), std::move(context), describe(writes, atomic(now)));
}

/// Whether the new access `now` makes an earlier one superfluous that is at most as strong: anything that it covers.
inline bool covers(Access now, Access before) {
  return (mask_of(before) & ~mask_of(now)) == 0 && (!atomic(now) || atomic(before));
}

/// Adds a read where there are many, as of a constant that all tasks read: in the place of one by the same task.
void add_to_many(WideCell& wide, Access now) {
  const std::uint32_t task = task_of(now);
  if (wide.last_read.empty()) {
    for (std::uint32_t i = 0; i < wide.reads.size(); ++i) {
      const std::uint32_t reader = task_of(wide.reads[i].access);
      if (reader >= wide.last_read.size()) wide.last_read.resize(reader + 1, 0);
      wide.reads[i].before = std::exchange(wide.last_read[reader], i + 1);
    }
  }
  if (task >= wide.last_read.size()) wide.last_read.resize(task + 1, 0);
  for (std::uint32_t at = wide.last_read[task]; at != 0; at = wide.reads[at - 1].before) {
    if (!covers(now, wide.reads[at - 1].access)) continue;
    wide.reads[at - 1].access = now;
    return;
  }
  const std::uint32_t before = std::exchange(wide.last_read[task], static_cast<std::uint32_t>(wide.reads.size()) + 1);
  wide.reads.push_back({now, before});
}

void read_wide(WideCell& wide, std::uintptr_t address, Access now, const Task& self) {
  for (const Access write : wide.writes) {
    if (conflict(write, true, now, false) && !ordered(write, self)) report(address, now, false, write, true);
  }
  if (wide.reads.size() >= WideCell::few_reads) return add_to_many(wide, now);
  if (wide.place_of(now) != 0) {
    for (WideCell::Read& read : wide.reads) {
      if (task_of(read.access) == task_of(now) && covers(now, read.access)) {
        read.access = now;
        return;
      }
    }
  }
  wide.add_read(now);
}

/// Whether an atomic was used at some of the bytes of `now` in this run.
inline bool atomic_at(Access before, Access now) {
  return atomic(before) && !stale(before) && (mask_of(before) & mask_of(now)) != 0;
}

/// A plain write, as of a constructor, stands where atomics were: those are gone.
__attribute__((noinline)) void forget_atomics(std::uintptr_t address, Access now) {
  ObjectTable& table = ObjectTable::get();
  const std::uintptr_t cell = address & ~std::uintptr_t{7};
  for (std::uint32_t left = mask_of(now); left != 0; left &= left - 1) {
    const void* const place = reinterpret_cast<const void*>(cell + static_cast<std::uintptr_t>(std::countr_zero(left)));
    const SyncObject* const object = table.find(place);
    if (object != nullptr && object->kind == ObjectKind::atomic && !object->in_use()) table.forget(place);
  }
}

inline Access access_of(Access access) { return access; }
inline Access access_of(const WideCell::Read& read) { return read.access; }

/// What is ordered before it and covered by it need not be known any more; where nothing else is left, the cell is narrow
/// again.
void write_wide(Cell& cell, WideCell& wide, std::uintptr_t address, Access now, const Task& self) {
  const auto is_atomic = [&](const auto& before) { return atomic_at(access_of(before), now); };
  if (!atomic(now) && (std::any_of(wide.writes.begin(), wide.writes.end(), is_atomic) ||
                       std::any_of(wide.reads.begin(), wide.reads.end(), is_atomic))) {
    forget_atomics(address, now);
  }
  std::size_t kept = 0;
  for (const Access write : wide.writes) {
    const bool known = ordered(write, self);
    if (!known && conflict(write, true, now, true)) report(address, now, true, write, true);
    if (!known || !covers(now, write)) wide.writes[kept++] = write;
  }
  wide.writes.resize(kept);
  wide.writes.push_back(now);
  kept = 0;
  for (const WideCell::Read& read : wide.reads) {
    const bool known = ordered(read.access, self);
    if (!known && conflict(read.access, false, now, true)) report(address, now, true, read.access, false);
    if (!known || !covers(now, read.access)) wide.reads[kept++] = {read.access, 0};
  }
  if (kept != wide.reads.size() || !wide.last_read.empty()) wide.shrink_reads(kept);
  if (kept == 0 && wide.writes.size() == 1) {
    wide_left.push_back(static_cast<std::uint32_t>(&wide - wide_cells.data()));
    cell = {now, 0};
  }
}

inline void access_wide(Cell& cell, std::uintptr_t address, Access now, bool writes, const Task& self) {
  WideCell& wide = wide_cells[cell.read & 0xff'ffff];
  writes ? write_wide(cell, wide, address, now, self) : read_wide(wide, address, now, self);
}

void widen(Cell& cell) {
  auto index = static_cast<std::uint32_t>(wide_used);
  if (!wide_left.empty()) {
    index = wide_left.back();
    wide_left.pop_back();
  } else if (++wide_used > wide_cells.size()) {
    wide_cells.emplace_back();
  }
  WideCell& wide = wide_cells[index];
  wide.clear();
  if (!stale(cell.write)) wide.writes.push_back(cell.write);
  if (!stale(cell.read)) wide.add_read(cell.read);
  cell.write = wide_mark;
  cell.read = base_epoch << 24 | index;
}

/// Whether `now` may take the place of `before` in a cell: nothing is lost.
inline bool replaces(Access now, Access before, const Task& self) {
  return stale(before) || ((mask_of(before) & ~mask_of(now)) == 0 && (!atomic(now) || atomic(before)) &&
                           ordered(before, self));
}

inline void access_cell(Cell& cell, std::uintptr_t address, Access now, bool writes, const Task& self) {
  if (__builtin_expect(cell.write == wide_mark, 0)) {
    if (cell.read >> 24 == base_epoch) {
      return access_wide(cell, address, now, writes, self);
    }
    cell = {0, 0};
  }
  if ((writes ? cell.write : cell.read) == now) return;
  if (!stale(cell.write) && conflict(cell.write, true, now, writes) && !ordered(cell.write, self)) {
    report(address, now, writes, cell.write, true);
  }
  if (writes && !stale(cell.read) && conflict(cell.read, false, now, true) && !ordered(cell.read, self)) {
    report(address, now, writes, cell.read, false);
  }
  if (writes && !atomic(now) && (atomic_at(cell.write, now) || atomic_at(cell.read, now))) forget_atomics(address, now);
  Access& mine = writes ? cell.write : cell.read;
  const bool forgets_read = writes && !stale(cell.read) && (mask_of(cell.read) & mask_of(now)) != 0;
  if (__builtin_expect(replaces(now, mine, self) && (!forgets_read || replaces(now, cell.read, self)), 1)) {
    mine = now;
    if (forgets_read) cell.read = 0;  // whoever comes after the write comes after the read
    return;
  }
  if ((mine ^ now) >> 8 == 0 && !forgets_read) {
    mine |= now;  // other bytes, in the same epoch
    return;
  }
  widen(cell);
  access_wide(cell, address, now, writes, self);
}

/// Whether what happened at `a` is of an earlier run or ordered before the present of `self`, as its own past is.
inline bool known(Access a, const Task& self) {
  return static_cast<std::int64_t>(epoch_of(a) - base_epoch) <= static_cast<std::int64_t>(self.clock.get(task_of(a)));
}

/// access_shared() for a wide cell.
__attribute__((noinline)) void access_shared_wide(Cell& cell, Access now, const void* pointer, bool is_write, const void* site) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  if (is_write || cell.read >> 24 != base_epoch || is_closed(address)) {
    return access_range(pointer, static_cast<std::size_t>(std::popcount(mask_of(now))), is_write, site);
  }
  WideCell& wide = wide_cells[cell.read & 0xff'ffff];
  if (wide.knows(now)) return;
  const Entry entry;
  read_wide(wide, address, now, World::get().current());
}

}  // namespace

// In place: other tasks' accesses are ordered before the present, or the task touches further bytes of the cell.
template <bool is_write>
void access_shared(Cell& cell, Access now, const void* pointer, const void* site) {
  const Access write = cell.write;
  const Access read = cell.read;
  if (__builtin_expect(write == wide_mark, 0)) return access_shared_wide(cell, now, pointer, is_write, site);
  const Task& self = World::get().current();
  const Access last = is_write ? write : read;
  Access kept = now;
  bool quick = known(is_write ? read : write, self);
  if ((last ^ now) >> 8 == 0) {  // in the same epoch
    kept |= last;
  } else {
    quick = quick && (stale(last) || ((last & ~now & 0xff) == 0 && known(last, self)));
  }
  if (is_write && (atomic_at(write, now) || atomic_at(read, now))) quick = false;
  if (!quick || is_closed(reinterpret_cast<std::uintptr_t>(pointer))) {
    return access_range(pointer, static_cast<std::size_t>(std::popcount(mask_of(now))), is_write, site);
  }
  (is_write ? cell.write : cell.read) = kept;
}
template void access_shared<false>(Cell&, Access, const void*, const void*);
template void access_shared<true>(Cell&, Access, const void*, const void*);

__attribute__((noinline)) void access_range(const void* address, std::size_t size, bool is_write, const void* site) {
  const Entry entry;
  if (__builtin_expect(some_ignored, 0) && accesses_ignored()) return;
  if (__builtin_expect(exploring_races, 0)) {
    access_exploring(address, size, is_write, reinterpret_cast<std::uintptr_t>(site));
  } else {
    access(address, size, is_write, false);
  }
}

const char* describe(bool is_write, bool is_atomic) {
  if (is_atomic) return is_write ? "atomic write" : "atomic read";
  return is_write ? "write" : "read";
}

void watch(std::uintptr_t address, std::size_t size) {
  watched = {address & ~std::uintptr_t{7}, address + size};
  watching = size != 0 || World::get().memory() != MemoryModel::sc;
  choose_directory();
}

void watch_accesses() {
  watching = true;
  choose_directory();
}

void choose_directory() { quick_directory = watching || some_ignored ? no_cells : shadow_directory; }

void access(const void* pointer, std::size_t size, bool is_write, bool is_atomic) {
  World& world = World::get();
  const Task& self = world.current();
  auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::uintptr_t end = address + size;
  if (__builtin_expect(watching, 0)) {
    if (address < watched.last && end > watched.first && world.recording()) {
      seen.push_back({static_cast<std::uint16_t>(self.id), is_write, self.epoch(), world.step(), world.stack_here()});
    }
    if (weak && is_write && !is_atomic) weak_forget(pointer, size);
    if (!is_atomic) world.accesses(pointer, size, is_write);
  }
  if (__builtin_expect(is_closed(address), 0)) report_closed(address, is_write, is_atomic);
  if (__builtin_expect(size > 8 && is_closed(end - 1), 0)) report_closed(end - 1, is_write, is_atomic);
  if (__builtin_expect(!is_atomic && ThreadStates::get().is_taken_in_turns(address), 0)) return;
  const Access stem = self.stamp | std::uint64_t{is_atomic} << 8;
  const std::uint32_t lead = address & 7;
  if (__builtin_expect(lead + size <= 8, 1)) {
    const std::uint32_t mask = ((1u << size) - 1) << lead;
    access_cell(cell_at(address), address, stem | mask, is_write, self);
    return;
  }
  while (address < end) {
    if (lead == 0) {  // what nobody has touched in this run
      Cell* cell = &cell_at(address);
      const std::uintptr_t last = std::min(end - 7, (address | (chunk_bytes - 1)) + 1);
      for (; address < last && stale(cell->write) && stale(cell->read); address += 8, ++cell) {
        (is_write ? cell->write : cell->read) = stem | 0xff;
      }
      if (address == end) return;
    }
    const std::uint32_t first = address & 7;
    const std::uintptr_t next = (address | 7) + 1;
    const std::uint32_t count = static_cast<std::uint32_t>((next < end ? next : end) - address);
    access_cell(cell_at(address), address, stem | (((1u << count) - 1) << first), is_write, self);
    address = next;
  }
}

void access_atomic(const void* pointer, std::size_t size, bool is_write) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  Cell* const cell = cell_in(quick_directory, address);
  if (__builtin_expect(cell == nullptr || (address & 7) + size > 8 || is_closed(address), 0)) {
    return access(pointer, size, is_write, true);
  }
  const Task& self = World::get().current();
  const Access now = self.stamp | Access{1} << 8 | ((1u << size) - 1) << (address & 7);
  access_cell(*cell, address, now, is_write, self);
}

void access_freed(const void* pointer, std::size_t size) {
  size = std::min<std::size_t>(size, 32);
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const Task& self = World::get().current();
  const Cell* cell = cell_in(quick_directory, address);
  bool all_known = cell != nullptr && (address ^ (address + 31)) < chunk_bytes;  // so in one chunk
  if (__builtin_expect(all_known, 1)) {
    const Cell* const end = cell + (size + 7) / 8;
    for (Access last = self.stamp; cell != end; ++cell) {
      if (!stale(cell->write) && (cell->write ^ last) >> 9 != 0) all_known &= known(last = cell->write, self);
      if (!stale(cell->read) && task_of(cell->read ^ self.stamp) != 0) all_known &= known(cell->read, self);
    }
  }
  if (!all_known) access(pointer, size, true, false);
}

void forget(const void* pointer, std::size_t size) {
  if (weak) weak_forget(pointer, size);
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  for (std::uintptr_t at = address & ~std::uintptr_t{7}; at < address + size; at += 8) cell_at(at) = {0, 0};
}

void fetch_shadow_place(std::uintptr_t address) {
  fetch_lines(&shadow_directory[(address >> chunk_shift) & (directory_size - 1)], 1);
}

void fetch_stack_shadow(std::uintptr_t address) {
  const Cell* const first = cell_in(shadow_directory, address);
  if (first == nullptr) return;
  fetch_lines(first, 4);
}

void races_begin_run() {
  if (__builtin_expect(shadow_directory == nullptr, 0)) {
    void* const got = mmap(nullptr, directory_size * sizeof(Cell*), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) no_memory();
    shadow_directory = static_cast<Cell**>(got);
    void* const empty = mmap(nullptr, directory_size * sizeof(Cell*), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (empty == MAP_FAILED) no_memory();
    no_cells = static_cast<Cell**>(empty);
  }
  base_epoch = World::get().epoch_base();
  run_start = (base_epoch + 1) << 24;
  wide_used = 0;
  clear_rare(wide_left);
  if (!World::get().recording()) watched = {};
  watching = watched.last != 0 || World::get().memory() != MemoryModel::sc || World::get().options().races == Races::explore;
  choose_directory();
  clear_rare(seen);
}

}  // namespace foreseed::memory
