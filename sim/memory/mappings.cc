#include "memory/mappings.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>

#include "kernel/layout.h"

namespace foreseed::memory {

namespace {
constexpr std::size_t page_size = 4096;
std::size_t used = 0;  ///< bytes from mappings_base on that the run has mapped, or has left free on the way
}  // namespace

void* map_anonymous(std::size_t size, int protection, int flags) {
  const std::size_t pages = (size + page_size - 1) / page_size * page_size;
  if (pages >= mappings_size_max - used) return errno = ENOMEM, MAP_FAILED;
  // Huge pages where they fit; and a gap, so that what lies beyond one is not the next.
  if (pages >= std::size_t{2} << 20) used = (used + (std::size_t{2} << 20) - 1) >> 21 << 21;
  void* const got = mmap(reinterpret_cast<void*>(mappings_base + used), size, protection, flags | MAP_FIXED, -1, 0);
  if (got != MAP_FAILED) used += pages + page_size;
  return got;
}

void mappings_end_run() {
  if (used != 0) munmap(reinterpret_cast<void*>(mappings_base), used);
  used = 0;
}

}  // namespace foreseed::memory
