#pragma once
// Which bytes the program may touch, for code that was compiled with -fsanitize=address: the shadow memory that such code
// reads inline, at the place and with the values that the compilers prescribe (Serebryany et al., USENIX ATC 2012). One
// byte of shadow says of 8 bytes that all may be touched (0), the first k (k < 8), or none (the reason). The compilers'
// code marks the surroundings of locals and globals; the heap marks what is around and within its blocks.

#include <cstddef>
#include <cstdint>

#include "kernel/hidden.h"

namespace foreseed::memory {

/// True from start_poisoning() on.
FORESEED_HIDDEN extern bool poisoning;

enum class Poison : std::uint8_t {
  stack_left = 0xf1,
  stack_middle = 0xf2,
  stack_right = 0xf3,
  stack_after_return = 0xf5,
  by_user = 0xf7,
  out_of_scope = 0xf8,
  global = 0xf9,
  heap = 0xfa,
  array_cookie = 0xac,
  container = 0xfc,
  freed = 0xfd,
  alloca_left = 0xca,
  alloca_right = 0xcb,
};

/// Maps the shadow. Ends the process with a message where the address range cannot be had.
void start_poisoning();

inline std::uint8_t* shadow_of(std::uintptr_t address) {
  return reinterpret_cast<std::uint8_t*>((address >> 3) + 0x7fff8000);
}

/// Marks [address, address + size); `address` and the end are multiples of 8, or the end is followed by such bytes only.
void poison(std::uintptr_t address, std::size_t size, Poison reason);
/// Lets [address, address + size) be touched, and of the last 8 bytes no more than that; `address` is a multiple of 8.
void unpoison(std::uintptr_t address, std::size_t size);
/// The first byte of [address, address + size) that may not be touched; 0 if all may.
std::uintptr_t first_poisoned(std::uintptr_t address, std::size_t size);
/// The marks of [address, address + size) are as if nothing had been there.
void forget_poison(std::uintptr_t address, std::size_t size);

}  // namespace foreseed::memory
