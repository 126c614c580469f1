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
/// From one stack to the next. Were it a power of two, the entries of all page tables for stacks, and for what is known of
/// accesses to them, would lie at one place in their pages, and so in a few sets of the caches: with 10,000 tasks, a walk
/// of the page tables costs four times as much then.
inline constexpr std::size_t stack_stride = stack_size + 9 * 4096;
inline constexpr std::uint32_t stacks_max = 32'000;
inline constexpr std::uintptr_t tls_base = 0x1c00'0000'0000;
inline constexpr std::uintptr_t mappings_base = 0x1d00'0000'0000;
inline constexpr std::size_t mappings_size_max = std::size_t{1} << 40;  ///< address space, not memory
inline constexpr std::size_t tls_block_size = std::size_t{64} << 10;  ///< with the stack of the thread that lends it

inline bool in_heap(std::uintptr_t address) { return address - heap_base < heap_size_max; }

}  // namespace foreseed
