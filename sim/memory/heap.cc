#include "memory/heap.h"

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/clear.h"
#include "memory/poison.h"
#include "memory/race.h"
#include "sync/objects.h"

namespace foreseed::memory {

std::uint64_t* detail::closed_bits = nullptr;
std::size_t detail::closed_end = 0;

namespace {

enum class State : std::uint16_t { live = 0x6c76, freed = 0x6672 };

/// Stands before every block. `offset` is how far the block's bytes are from the start of its space (large alignments).
struct Header {
  std::uint32_t size_class;  ///< bytes of space behind the header, in units of 16
  State state;
  std::uint16_t host;        ///< of the task that allocated it
  std::uint64_t size;
};
static_assert(sizeof(Header) == 16);

struct FreeBlock {
  FreeBlock* next;
};

constexpr std::size_t commit_step = std::size_t{1} << 20;
constexpr std::size_t class_count = 96;
constexpr std::size_t quarantine_max = 256 * 1024;

/// Freed blocks, oldest first. Most runs end before enough of them wait to be used again: until then they are just noted,
/// and only then sorted into size classes.
struct FreeLists {
  std::vector<void*> noted;
  FreeBlock* first[class_count] = {};
  FreeBlock* last[class_count] = {};
  bool sorted = false;          ///< some are in first and last
  std::size_t quarantined = 0;  ///< bytes

  void put(void* block, std::size_t space) {
    noted.push_back(block);
    quarantined += space;
  }

  /// The block of `space` bytes, of class `index`, that was freed longest ago, once enough are waiting; null if there is
  /// none.
  FreeBlock* take(std::size_t index, std::size_t space) {
    if (__builtin_expect(quarantined <= quarantine_max, 1)) return nullptr;
    sort();
    FreeBlock* const block = first[index];
    if (block == nullptr) return nullptr;
    first[index] = block->next;
    if (block->next == nullptr) last[index] = nullptr;
    quarantined -= space;
    return block;
  }

  void sort();

  void clear() {
    noted.clear();
    if (__builtin_expect(sorted, 0)) std::fill_n(first, class_count, nullptr), std::fill_n(last, class_count, nullptr);
    sorted = false;
    quarantined = 0;
  }
};

std::size_t heap_top = 0;    ///< bytes handed out from heap_base
constexpr std::size_t late_room = std::size_t{1} << 20;
std::size_t late_top = 0;  ///< the same, of the room for what is allocated between the runs of a series
std::size_t late_end = 0;  ///< where that room ends and the heap of runs begins
FreeLists native_lists;      ///< outside runs; a run never takes from them
FreeLists run_lists;         ///< blocks that the run allocated and freed
std::int64_t live = 0;       ///< blocks of the run

using detail::closed_bits;
using detail::closed_end;
std::size_t closed_bits_first = ~std::size_t{0};

/// The first byte from `at` on that is not closed: of the run's blocks, where the next begins that it has not freed.
std::size_t first_open(std::size_t at) {
  std::size_t bit = at / 16;
  while (bit < closed_end / 16) {
    const std::uint64_t open = ~closed_bits[bit / 64] >> (bit % 64);
    if (open != 0) return (bit + static_cast<std::size_t>(std::countr_zero(open))) * 16;
    bit = (bit / 64 + 1) * 64;
  }
  return bit * 16;
}

/// Sets or clears the bits of [address, address + size), both multiples of 16.
void set_closed(std::uintptr_t address, std::size_t size, bool closed) {
  std::size_t bit = (address - heap_base) / 16;
  const std::size_t end = bit + size / 16;
  if (closed) {
    closed_end = std::max(closed_end, end * 16);
    closed_bits_first = std::min(closed_bits_first, bit);
  }
  while (bit < end) {  // mostly once
    const std::size_t count = std::min<std::size_t>(64 - bit % 64, end - bit);
    const std::uint64_t mask = (count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1) << (bit % 64);
    closed ? closed_bits[bit / 64] |= mask : closed_bits[bit / 64] &= ~mask;
    bit += count;
  }
}

/// As set_closed(), of a block of this run, with its header: what lies between closed_bits_first and closed_end.
inline void close_block(std::uintptr_t address, std::size_t size) {
  const std::size_t bit = (address - heap_base) / 16;
  const std::size_t count = size / 16;
  if (__builtin_expect(bit % 64 + count >= 64, 0)) return set_closed(address, size, true);
  closed_bits[bit / 64] |= ((std::uint64_t{1} << count) - 1) << (bit % 64);
}

/// What the program finds in memory that it has not written: `size` is a multiple of 16.
inline void fill(void* pointer, std::size_t size) {
  constexpr int filler = 0xa5;
  if (__builtin_expect(size > 64, 0)) {
    std::memset(pointer, filler, size);
    return;
  }
  auto* at = static_cast<std::byte*>(pointer);
  const std::byte* const end = at + size;
  do {
    std::memset(at, filler, 16);
    at += 16;
    asm("" : "+r"(at));  // no call: blocks are small
  } while (at != end);
}

/// Closes the 16 bytes that the heap ends in: the next block's header, where there comes one.
inline void close_end() {
  const std::size_t bit = heap_top / 16;
  closed_bits[bit / 64] |= std::uint64_t{1} << (bit % 64);
  closed_end = heap_top + 16;
}

struct Ledger {
  std::uint64_t bytes = 0;
  std::uint64_t limit = ~std::uint64_t{0};
};
std::vector<Ledger> ledgers;  ///< of each host

__attribute__((noinline)) void more_ledgers(std::uint32_t host) { ledgers.resize(host + 1); }

inline Ledger& ledger_of(std::uint32_t host) {
  if (__builtin_expect(host >= ledgers.size(), 0)) more_ledgers(host);
  return ledgers[host];
}

/// Blocks older than the run that it has freed: addresses and sizes. Kept in a build with AddressSanitizer's instrumentation.
std::vector<std::pair<std::uintptr_t, std::size_t>> older_freed;

std::size_t committed = 0;
std::size_t mark = 0;
volatile int native_lock = 0;

/// Where blocks of a recorded run were allocated and freed.
struct History {
  std::uint16_t allocated_by;
  Stack allocated;
  std::uint16_t freed_by;
  Stack freed;
};
std::unordered_map<std::uintptr_t, History> history;

std::byte* base() { return reinterpret_cast<std::byte*>(heap_base); }

/// Size classes: steps of 16 up to 512, then four to a power of two. Returns the class and rounds `size` up to it.
std::size_t class_of(std::size_t& size) {
  if (__builtin_expect(size <= 512, 1)) {
    const std::size_t index = size == 0 ? 1 : (size + 15) / 16;
    size = index * 16;
    return index;
  }
  const int power = std::bit_width(size - 1) - 1;  // 2^power < size <= 2^(power+1)
  const std::size_t step = std::size_t{1} << (power - 2);
  const std::size_t quarter = (size - (std::size_t{1} << power) + step - 1) / step;
  size = (std::size_t{1} << power) + quarter * step;
  return 32 + static_cast<std::size_t>(power - 9) * 4 + quarter;
}

__attribute__((noinline, cold)) bool commit(std::size_t top) {
  while (top > committed) {
    const std::size_t step = top - committed > commit_step ? (top - committed + commit_step - 1) / commit_step * commit_step
                                                           : commit_step;
    if (committed + step > heap_size_max) return false;
    void* const wanted = base() + committed;
    void* const got = mmap(wanted, step, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != wanted) {
      if (got != MAP_FAILED) munmap(got, step);
      return false;
    }
    committed += step;
  }
  return true;
}

Header* header_of(const void* pointer) { return static_cast<Header*>(const_cast<void*>(pointer)) - 1; }

__attribute__((noinline)) void FreeLists::sort() {
  for (void* const pointer : noted) {
    std::size_t space = std::size_t{header_of(pointer)->size_class} * 16;
    const std::size_t index = class_of(space);
    auto* const block = static_cast<FreeBlock*>(pointer);
    block->next = nullptr;
    (last[index] != nullptr ? last[index]->next : first[index]) = block;
    last[index] = block;
  }
  sorted |= !noted.empty();
  noted.clear();
}

/// In a build with AddressSanitizer's instrumentation: all of the block may be touched, and nothing next to it.
__attribute__((noinline)) void poison_around(void* pointer) {
  const Header* const header = header_of(pointer);
  const auto first = reinterpret_cast<std::uintptr_t>(pointer);
  const std::size_t space = std::size_t{header->size_class} * 16;
  const std::size_t used = (header->size + 7) & ~std::uint64_t{7};
  poison(first - sizeof(Header), sizeof(Header), Poison::heap);
  unpoison(first, header->size);
  poison(first + used, space - used + sizeof(Header), Poison::heap);
}

/// `before`: how far the heap went, or `reused` where that has not changed.
constexpr std::size_t reused = ~std::size_t{0};
__attribute__((always_inline)) inline void* take(FreeLists& lists, std::size_t size, std::size_t align, std::size_t& before) {
  std::size_t space = size;
  const std::size_t index = class_of(space);
  if (__builtin_expect(space < size || index >= class_count, 0)) return nullptr;
  if (__builtin_expect(align <= 16, 1)) {
    if (FreeBlock* const block = lists.take(index, space); __builtin_expect(block != nullptr, 0)) {
      header_of(block)->state = State::live;
      header_of(block)->size = size;
      if (__builtin_expect(poisoning, 0)) poison_around(block);
      before = reused;
      return block;
    }
  }
  std::size_t at = heap_top + sizeof(Header);
  if (__builtin_expect(align > 16, 0)) at = (at + align - 1) & ~(align - 1);
  const std::size_t top = at + space;
  if (__builtin_expect(top > committed, 0) && !commit(top)) return nullptr;
  // A gap before an aligned block becomes a dead block, so that the heap can be walked.
  if (const std::size_t gap = at - sizeof(Header) - heap_top; __builtin_expect(gap != 0, 0)) {
    *reinterpret_cast<Header*>(base() + heap_top) = {static_cast<std::uint32_t>(gap / 16 - 1), State::freed, 0, 0};
  }
  before = heap_top;
  heap_top = top;
  auto* const pointer = base() + at;
  *header_of(pointer) = {static_cast<std::uint32_t>(space / 16), State::live, 0, size};
  if (__builtin_expect(poisoning, 0)) poison_around(pointer);
  return pointer;
}

void lock_native() {
  while (__atomic_exchange_n(&native_lock, 1, __ATOMIC_ACQUIRE) != 0) sched_yield();
}
void unlock_native() { __atomic_store_n(&native_lock, 0, __ATOMIC_RELEASE); }

std::uintptr_t end_of(const Header* block) { return reinterpret_cast<std::uintptr_t>(block + 1) + block->size; }

}  // namespace

std::vector<Place> block_history(const void* block) {
  std::vector<Place> places;
  const auto it = history.find(reinterpret_cast<std::uintptr_t>(block));
  if (it == history.end()) return places;
  if (!it->second.freed.empty()) places.push_back({it->second.freed_by, "freed here before", it->second.freed});
  if (!it->second.allocated.empty()) places.push_back({it->second.allocated_by, "allocated here", it->second.allocated});
  return places;
}

void each_run_block(void (*visit)(void* pointer, std::size_t size, std::size_t space)) {
  for (std::size_t at = first_open(mark); at < heap_top;) {
    const Header* const header = header_of(base() + at);
    const std::size_t space = std::size_t{header->size_class} * 16;
    visit(base() + at, header->size, space);
    at = first_open(at + space);
  }
}

std::int64_t live_blocks() { return live; }

std::string bytes(std::uint64_t count) { return std::to_string(count) + (count == 1 ? " byte" : " bytes"); }

HeapSpot heap_spot(std::uintptr_t address) {
  if (address - heap_base < mark) return {false, "beyond a block that is older than the run", {}};
  // The block that it lies in or behind, found by walking from the start of the run, and the next.
  const Header* block = nullptr;
  for (std::size_t at = mark; at < heap_top;) {
    const auto* const header = reinterpret_cast<const Header*>(base() + at);
    const std::uintptr_t first = heap_base + at + sizeof(Header);
    const std::size_t space = std::size_t{header->size_class} * 16;
    if (address >= first && address < first + space && header->state == State::freed && header->size != 0) {
      return {true, {}, block_history(header + 1)};
    }
    const bool behind = block != nullptr && address - end_of(block) < first - address;
    if (address < first && !behind && header->state == State::live) {
      return {false, bytes(first - address) + " before a block of " + bytes(header->size), block_history(header + 1)};
    }
    if (address < first) break;
    block = header;
    at += sizeof(Header) + space;
  }
  if (block == nullptr) return {false, "outside any block", {}};
  const char* const freed = block->state == State::freed ? "freed " : "";
  return {false, bytes(address - end_of(block)) + " after a " + freed + "block of " + bytes(block->size), block_history(block + 1)};
}

std::uint64_t bytes_of(std::uint32_t host) { return ledger_of(host).bytes; }
void set_limit(std::uint32_t host, std::uint64_t bytes) { ledger_of(host).limit = bytes; }

namespace {

__attribute__((noinline, cold)) void too_large(World& world) {
  world.fail(FindingKind::out_of_memory, "out of memory: a heap of more than " +
                                             std::to_string(world.options().heap_bytes_max >> 20) + " MiB");
}

__attribute__((noinline, cold)) void note_allocated(World& world, const void* pointer) {
  history[reinterpret_cast<std::uintptr_t>(pointer)] = {static_cast<std::uint16_t>(world.current().id), world.stack_here(), 0, {}};
}

__attribute__((noinline, cold)) void note_freed(World& world, const void* pointer) {
  History& entry = history[reinterpret_cast<std::uintptr_t>(pointer)];
  entry.freed_by = static_cast<std::uint16_t>(world.current().id);
  entry.freed = world.stack_here();
}

__attribute__((noinline, cold)) void note_older_freed(std::uintptr_t address, std::size_t size) {
  older_freed.push_back({address, size});
}

/// Of what is not a live block.
__attribute__((noinline, cold)) void wrong_free(World& world, const void* pointer, bool freed) {
  if (!freed) world.fail(FindingKind::invalid_free, "free of a pointer that is not the start of an allocated block");
  world.fail(FindingKind::double_free, "double free of a block of " + std::to_string(header_of(pointer)->size) + " bytes",
             block_history(pointer), {}, "second free");
}

}  // namespace

void* run_allocate(std::size_t size, std::size_t align) {
  World& world = World::get();
  const std::uint32_t host = world.current().host;
  Ledger& ledger = ledger_of(host);
  if (__builtin_expect(size > ledger.limit || ledger.bytes > ledger.limit - size, 0)) return nullptr;
  std::size_t before;
  void* const pointer = take(run_lists, size, align, before);
  if (__builtin_expect(pointer == nullptr, 0)) return nullptr;
  if (__builtin_expect(heap_top - mark > world.options().heap_bytes_max, 0)) too_large(world);
  ++live;
  ledger.bytes += size;
  header_of(pointer)->host = static_cast<std::uint16_t>(host);
  // What an earlier owner of the same bytes did is of no concern to the new one.
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const std::size_t space = std::size_t{header_of(pointer)->size_class} * 16;
  const std::size_t used = size == 0 ? 16 : (size + 15) & ~std::size_t{15};
  if (__builtin_expect(before == reused, 0)) {
    forget(pointer, size);
    set_closed(address, used, false);
  } else {
    // Its own header was marked with the block before.
    const std::uintptr_t header = address - sizeof(Header);
    if (__builtin_expect(heap_base + before != header, 0)) set_closed(heap_base + before, address - heap_base - before, true);
    if (__builtin_expect(used != space, 0)) set_closed(address + used, space - used, true);
    close_end();
  }
  fill(pointer, used);
  if (__builtin_expect(world.recording(), 0)) note_allocated(world, pointer);
  return pointer;
}

void run_free(void* pointer) {
  World& world = World::get();
  Header* const header = header_of(pointer);
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const bool block = address % 16 == 0 && address - heap_base < heap_top;
  if (__builtin_expect(!block || header->state != State::live, 0)) {
    wrong_free(world, pointer, block && header->state == State::freed);
  }
  const std::size_t size = header->size;
  if (__builtin_expect(size != 0, 1)) access_freed(pointer, size);
  const std::size_t space = std::size_t{header->size_class} * 16;
  const bool older = address - heap_base < mark;
  if (__builtin_expect(older, 0)) {
    set_closed(address - sizeof(Header), space + sizeof(Header), true);
  } else {
    close_block(address - sizeof(Header), space + sizeof(Header));
  }
  if (__builtin_expect(poisoning, 0)) poison(address, space, Poison::freed);
  ObjectTable::get().forget_block(address, size != 0 ? size : 1);
  if (__builtin_expect(world.recording(), 0)) note_freed(world, pointer);
  header->state = State::freed;
  // An older block is whole again at the end of the run.
  if (__builtin_expect(older, 0)) {
    if (poisoning) note_older_freed(address, size);
    return;
  }
  --live;
  ledger_of(header->host).bytes -= size;
  run_lists.put(pointer, space);
}

std::uint32_t host_of_block(const void* pointer) { return header_of(pointer)->host; }

std::size_t usable_size(const void* pointer) { return header_of(pointer)->size; }

void* native_allocate(std::size_t size, std::size_t align) {
  lock_native();
  std::size_t before;
  void* const pointer = take(native_lists, size, align, before);
  unlock_native();
  return pointer;
}

void heap_series_begin() {
  late_top = (heap_top + 4095) & ~std::size_t{4095};
  heap_top = late_end = late_top + late_room;
}

void heap_series_end() { heap_top = late_top; }

void* late_allocate(std::size_t size, std::size_t align) {
  if (size > late_room / 2 || size + size / 4 + align + 2 * sizeof(Header) > late_end - late_top) return nullptr;
  lock_native();
  std::size_t before;
  std::swap(heap_top, late_top);
  void* const pointer = take(native_lists, size, align, before);
  std::swap(heap_top, late_top);
  unlock_native();
  return pointer;
}

std::size_t heap_late_mark() { return late_top; }

void native_free(void* pointer) {
  lock_native();
  if (reinterpret_cast<std::uintptr_t>(pointer) - heap_base >= heap_top) {
    // Of a run that is over: gone already.
    unlock_native();
    return;
  }
  if (header_of(pointer)->state != State::live) {
    std::fputs("foreseed: invalid or double free, outside a simulation\n", stderr);
    std::abort();
  }
  header_of(pointer)->state = State::freed;
  if (poisoning) poison(reinterpret_cast<std::uintptr_t>(pointer), std::size_t{header_of(pointer)->size_class} * 16, Poison::freed);
  native_lists.put(pointer, std::size_t{header_of(pointer)->size_class} * 16);
  unlock_native();
}

void heap_begin_run() {
  if (__builtin_expect(closed_bits == nullptr, 0)) {
    void* const got = mmap(nullptr, heap_size_max / 16 / 8, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) {
      std::perror("foreseed: cannot map the heap's bits");
      std::_Exit(70);
    }
    closed_bits = static_cast<std::uint64_t*>(got);
  }
  clear_rare(history);
  ledgers.clear();
  ledgers.emplace_back();
  heap_top = (heap_top + 4095) & ~std::size_t{4095};
  mark = heap_top;
  closed_bits_first = mark / 16;
  close_end();
  live = 0;
}

__attribute__((noinline)) static void end_poison() {
  forget_poison(heap_base + mark, heap_top + sizeof(Header) - mark);
  for (const auto& [address, size] : older_freed) unpoison(address, size);
  older_freed.clear();
}

void heap_end_run() {
  std::uint32_t wrong = 0;
  if (live == 0) {
    for (const Ledger& ledger : ledgers) wrong += ledger.bytes != 0;
  }
  World::get().left_behind(wrong, "hosts whose ledger of memory is wrong");
  // Older blocks that the run freed are whole again too.
  if (closed_end != 0) {
    const std::size_t first = closed_bits_first / 64;
    std::memset(closed_bits + first, 0, (closed_end / 1024 + 1 - first) * sizeof(std::uint64_t));
  }
  closed_end = 0;
  closed_bits_first = ~std::size_t{0};
  if (__builtin_expect(poisoning, 0)) end_poison();
  heap_top = mark;
  run_lists.clear();
}

std::size_t heap_mark() { return (heap_top + 4095) & ~std::size_t{4095}; }

}  // namespace foreseed::memory
