#pragma once
// Stacks of tasks: task i always gets stack i, at a fixed address with a guard page below, so that addresses on a stack
// are the same in every run. Memory is committed as it is touched and kept for the next run.

#include <cstddef>
#include <cstdint>

#include "kernel/layout.h"

namespace foreseed {

/// The usable stack of task `index` < stacks_max: [low, high). Mapped at its first use; ends the process with a message
/// where the address range cannot be had.
struct StackRange {
  std::byte* low;
  std::byte* high;
};
StackRange stack_of(std::uint32_t index);

/// Whether `address` lies in the guard page of a task's stack: the mark of a stack overflow.
bool in_stack_guard(std::uintptr_t address);

}  // namespace foreseed
