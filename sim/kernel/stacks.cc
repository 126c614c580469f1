#include "kernel/stacks.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

namespace foreseed {

namespace {
constexpr std::size_t guard_size = 4096;
std::uint32_t mapped = 0;

std::byte* slot(std::uint32_t index) {
  return reinterpret_cast<std::byte*>(stacks_base + static_cast<std::uintptr_t>(index) * stack_stride);
}

[[noreturn]] void no_memory(const char* what) {
  std::perror("foreseed: cannot map the stacks of simulated threads");
  std::fprintf(stderr, "foreseed: %s; is `ulimit -v` set, or vm.overcommit_memory 2?\n", what);
  std::_Exit(70);
}
}  // namespace

StackRange stack_of(std::uint32_t index) {
  while (mapped <= index) {
    // A batch at a time: a mapping and a guard page for each.
    constexpr std::uint32_t batch = 8;
    void* const wanted = slot(mapped);
    void* const got = mmap(wanted, batch * stack_stride, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != wanted) no_memory("the address range is taken");
    for (std::uint32_t i = 0; i < batch; ++i) {
      if (mprotect(slot(mapped + i), guard_size, PROT_NONE) != 0) no_memory("too many mappings");
    }
    mapped += batch;
  }
  // Tops at each of the upper 32 lines of their page in turn: at one place, they would share the same cache sets. What a
  // switch touches mostly lies within that page.
  const std::size_t stagger = index * 17 % 32 * 64;
  return {slot(index) + guard_size, slot(index) + stack_stride - stagger};
}

bool in_stack_guard(std::uintptr_t address) {
  if (address < stacks_base || address >= stacks_base + std::uintptr_t{mapped} * stack_stride) return false;
  return (address - stacks_base) % stack_stride < guard_size;
}

}  // namespace foreseed
