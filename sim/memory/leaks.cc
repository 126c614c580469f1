#include "memory/leaks.h"

#include <algorithm>
#include <string>
#include <vector>

#include "kernel/stacks.h"
#include "memory/heap.h"
#include "memory/isolation.h"

namespace foreseed::memory {

namespace {

struct Block {
  std::uintptr_t begin;
  std::uintptr_t end;
  std::size_t size;
  bool reached;
};

std::vector<Block> blocks;
std::vector<std::size_t> to_scan;

void scan(std::uintptr_t begin, std::uintptr_t end) {
  const std::uintptr_t lowest = blocks.front().begin;
  const std::uintptr_t highest = blocks.back().end;
  for (std::uintptr_t at = (begin + 7) & ~std::uintptr_t{7}; at + 8 <= end; at += 8) {
    const std::uintptr_t word = *reinterpret_cast<const std::uintptr_t*>(at);
    if (word < lowest || word >= highest) continue;
    auto it = std::upper_bound(blocks.begin(), blocks.end(), word,
                               [](std::uintptr_t value, const Block& block) { return value < block.begin; });
    if (it == blocks.begin() || word >= (--it)->end || it->reached) continue;
    it->reached = true;
    to_scan.push_back(static_cast<std::size_t>(it - blocks.begin()));
  }
}

void scan_task(const Task& task) {
  const auto argument = reinterpret_cast<std::uintptr_t>(task.argument);  // of one that has not begun
  scan(reinterpret_cast<std::uintptr_t>(&argument), reinterpret_cast<std::uintptr_t>(&argument + 1));
  for (void* const value : task.specific) {
    const auto word = reinterpret_cast<std::uintptr_t>(value);
    scan(reinterpret_cast<std::uintptr_t>(&word), reinterpret_cast<std::uintptr_t>(&word + 1));
  }
  ThreadStates::get().each_part(task.thread_state, scan);
  if ((task.finished && !task.killed) || task.stack_pointer == 0) return;
  scan(task.stack_pointer, reinterpret_cast<std::uintptr_t>(stack_of(task.id).high));
}

/// The memory of a process that was killed is the system's again.
bool was_killed(World& world, std::uint32_t host) {
  for (std::uint32_t i = 0; i < world.task_count(); ++i) {
    if (world.task(i).host == host && world.task(i).killed) return true;
  }
  return false;
}

}  // namespace

void check_leaks(World& world) {
  if (__builtin_expect(live_blocks() <= 0, 1)) return;
  blocks.clear();
  each_run_block([](void* pointer, std::size_t size, std::size_t space) {
    const auto begin = reinterpret_cast<std::uintptr_t>(pointer);
    blocks.push_back({begin, begin + space, size, false});
  });
  if (blocks.empty()) return;
  each_written_page(scan);
  for (std::uint32_t i = 1; i < world.task_count(); ++i) scan_task(world.task(i));
  scan_task(world.current());
  const auto* const roots = world.roots.data();
  scan(reinterpret_cast<std::uintptr_t>(roots), reinterpret_cast<std::uintptr_t>(roots + world.roots.size()));
  while (!to_scan.empty()) {
    const Block block = blocks[to_scan.back()];
    to_scan.pop_back();
    scan(block.begin, block.begin + block.size);
  }
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::vector<Place> places;
  for (const Block& block : blocks) {
    if (block.reached || was_killed(world, host_of_block(reinterpret_cast<void*>(block.begin)))) continue;
    ++count;
    bytes += block.size;
    if (places.size() >= 3) continue;
    for (Place& place : block_history(reinterpret_cast<const void*>(block.begin))) {
      place.role = std::to_string(block.size) + " bytes allocated here";
      places.push_back(std::move(place));
    }
  }
  if (count == 0) return;
  world.fail(FindingKind::heap_leak,
             "leak: " + std::to_string(bytes) + " bytes in " + std::to_string(count) +
                 (count == 1 ? " block that nothing points to at the end" : " blocks that nothing points to at the end"),
             std::move(places), {}, "end of the execution");
}

}  // namespace foreseed::memory
