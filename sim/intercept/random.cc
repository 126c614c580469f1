// Randomness: what the program draws from the host is a choice of kind `entropy`.

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sys/random.h>

#include "intercept/real.h"
#include "kernel/world.h"

using namespace foreseed;

namespace {

void fill(void* buffer, std::size_t size) {
  World& world = World::get();
  auto* out = static_cast<unsigned char*>(buffer);
  while (size != 0) {
    const std::uint32_t word =
        world.choose(static_cast<std::uint32_t>(Op::entropy), ChoiceKind::entropy, std::uint64_t{1} << 32);
    const std::size_t n = size < sizeof word ? size : sizeof word;
    std::memcpy(out, &word, n);
    out += n;
    size -= n;
  }
  world.event(Op::entropy, 0, 0, false);
}

}  // namespace

FORESEED_EXPORT ssize_t getrandom(void* buffer, size_t size, unsigned flags) {
  if (!simulated_code()) return REAL(getrandom)(buffer, size, flags);
  const Entry entry;
  fill(buffer, size);
  return static_cast<ssize_t>(size);
}

FORESEED_EXPORT int getentropy(void* buffer, size_t size) {
  if (!simulated_code()) return REAL(getentropy)(buffer, size);
  const Entry entry;
  if (size > 256) {
    errno = EIO;
    return -1;
  }
  fill(buffer, size);
  return 0;
}

FORESEED_EXPORT uint32_t arc4random() noexcept {
  if (!simulated_code()) return REAL(arc4random)();
  const Entry entry;
  uint32_t word;
  fill(&word, sizeof word);
  return word;
}

FORESEED_EXPORT void arc4random_buf(void* buffer, size_t size) noexcept {
  if (!simulated_code()) return REAL(arc4random_buf)(buffer, size);
  const Entry entry;
  fill(buffer, size);
}

FORESEED_EXPORT uint32_t arc4random_uniform(uint32_t bound) noexcept {
  if (!simulated_code()) return REAL(arc4random_uniform)(bound);
  const Entry entry;
  return World::get().choose(static_cast<std::uint32_t>(Op::entropy), ChoiceKind::entropy, bound < 1 ? 1 : bound);
}

// libstdc++'s std::random_device uses the processor's instruction, out of reach of any C function: its own function
// stands here. std::random_device::_M_getval()
FORESEED_EXPORT unsigned _ZNSt13random_device9_M_getvalEv(void* device) {
  using Function = unsigned (*)(void*);
  if (!simulated_code()) return FORESEED_REAL_AS(Function, "_ZNSt13random_device9_M_getvalEv", nullptr)(device);
  const Entry entry;
  unsigned value;
  fill(&value, sizeof value);
  return value;
}
// std::random_device::_M_getentropy() const: the same answer everywhere.
FORESEED_EXPORT double _ZNKSt13random_device13_M_getentropyEv(const void* device) {
  using Function = double (*)(const void*);
  if (!simulated_code()) return FORESEED_REAL_AS(Function, "_ZNKSt13random_device13_M_getentropyEv", nullptr)(device);
  return 32;
}
