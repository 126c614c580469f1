#pragma once
// Excerpts of the sources that a trace points at, read when a report is made.
//
// A trace may come from anyone, and a report is passed on: only files below the current directory that are named like
// C or C++ sources are read, wherever links lead. Host code only.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "trace/trace.h"

namespace foreseed::report {

/// Of each file, the lines near those that were asked for, by number.
using Excerpts = std::map<std::string, std::map<std::uint32_t, std::string>>;

/// The lines around every frame of the user's in the trace; files that cannot be read are left out.
Excerpts excerpts_of(const Trace& trace);

}  // namespace foreseed::report
