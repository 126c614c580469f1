#include "memory/poison.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace foreseed::memory {

bool poisoning = false;

namespace {
constexpr std::uintptr_t user_end = std::uintptr_t{1} << 47;
}  // namespace

void start_poisoning() {
  if (poisoning) return;
  std::uint8_t* const first = shadow_of(0);
  const auto size = static_cast<std::size_t>(shadow_of(user_end) - first);
  void* const got = mmap(first, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got != first) {
    std::perror("foreseed: cannot map the shadow memory of code compiled with -fsanitize=address");
    std::fputs("foreseed: is `ulimit -v` set, or vm.overcommit_memory 2?\n", stderr);
    std::_Exit(70);
  }
  madvise(first, size, MADV_DONTDUMP);
  poisoning = true;
}

void poison(std::uintptr_t address, std::size_t size, Poison reason) {
  std::memset(shadow_of(address), static_cast<int>(reason), (size + 7) / 8);
}

void unpoison(std::uintptr_t address, std::size_t size) {
  std::memset(shadow_of(address), 0, size / 8);
  if (size % 8 != 0) *shadow_of(address + size) = static_cast<std::uint8_t>(size % 8);
}

std::uintptr_t first_poisoned(std::uintptr_t address, std::size_t size) {
  const std::uintptr_t end = address + size;
  for (std::uintptr_t at = address; at < end; at = (at | 7) + 1) {
    const std::uint8_t mark = *shadow_of(at);
    if (mark == 0) continue;
    const std::uintptr_t granule = at & ~std::uintptr_t{7};
    const std::uintptr_t allowed = mark < 8 ? granule + mark : granule;
    const std::uintptr_t last = end < granule + 8 ? end : granule + 8;
    if (last > allowed) return at < allowed ? allowed : at;
  }
  return 0;
}

void forget_poison(std::uintptr_t address, std::size_t size) {
  std::uint8_t* const first = shadow_of(address);
  auto const last = reinterpret_cast<std::uintptr_t>(shadow_of(address + size - 1)) + 1;
  if (last - reinterpret_cast<std::uintptr_t>(first) <= 65'536) {
    std::memset(first, 0, last - reinterpret_cast<std::uintptr_t>(first));
    return;
  }
  // Whole pages are given back; both ends are cleared, with what else is on their pages left as it is.
  const std::uintptr_t from = (reinterpret_cast<std::uintptr_t>(first) + 4095) & ~std::uintptr_t{4095};
  const std::uintptr_t to = last & ~std::uintptr_t{4095};
  std::memset(first, 0, from - reinterpret_cast<std::uintptr_t>(first));
  madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  std::memset(reinterpret_cast<void*>(to), 0, last - to);
}

}  // namespace foreseed::memory
