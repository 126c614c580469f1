#pragma once
// Code addresses of this process to functions and source lines, through elfutils' libdw: inlined calls included, so that
// std::mutex::lock() inlined at -O3 still leads to the user's line. Results are cached; host code only.

#include <cstdint>
#include <vector>

#include "trace/trace.h"

namespace foreseed {

/// The frames of a return address, innermost (inlined) first; at least one, if only with a module and an offset.
const std::vector<Frame>& symbolise(std::uintptr_t return_address);

}  // namespace foreseed
