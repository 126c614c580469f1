#include "sync/sync_state.h"

#include <cstdint>
#include <cstring>
#include <string>

#include "kernel/world.h"

namespace foreseed::sync {

namespace {
constexpr int destroyed_byte = 0xdd;
constexpr std::uint32_t destroyed_word = 0xdddddddd;
/// What glibc may set in __kind: type, robust, priority inheritance and protection, shared, elision and its absence.
constexpr unsigned kinds = 3 | 16 | 32 | 64 | 128 | 256 | 512;
}  // namespace

void mark_destroyed(void* object, std::size_t size) { std::memset(object, destroyed_byte, size); }

void check_not_destroyed(const void* object, const char* what) {
  std::uint32_t word = 0;
  std::memcpy(&word, object, sizeof word);
  if (word == destroyed_word) World::get().fail(FindingKind::misuse, std::string("use of ") + what + " that was destroyed");
}

void check_mutex(const pthread_mutex_t& mutex) {
  check_not_destroyed(&mutex, "a mutex");
  const auto kind = static_cast<unsigned>(mutex.__data.__kind);
  if ((kind & ~kinds) == 0) return;
  World::get().fail(FindingKind::misuse, "use of a mutex that was never initialised: it has bytes that no initialiser makes");
}

}  // namespace foreseed::sync
