#pragma once
// Fixed addresses, so that a pointer is the same in every run of a seed whatever ASLR does to the program.

#include <cstddef>
#include <cstdint>

namespace foreseed {

// Below 0x1000'8000'0000 lies the shadow of AddressSanitizer's instrumentation.
inline constexpr std::uintptr_t heap_base = 0x1100'0000'0000;
inline constexpr std::size_t heap_size_max = std::size_t{64} << 30;  ///< address space, not memory
inline constexpr std::uintptr_t stacks_base = 0x1800'0000'0000;
inline constexpr std::size_t stack_size = std::size_t{1} << 20;
inline constexpr std::uint32_t stacks_max = 32'000;
inline constexpr std::uintptr_t tls_base = 0x1c00'0000'0000;
inline constexpr std::size_t tls_block_size = std::size_t{64} << 10;  ///< with the stack of the thread that lends it

inline bool in_heap(std::uintptr_t address) { return address - heap_base < heap_size_max; }

}  // namespace foreseed
