#pragma once
// What the property that runs was given, for the reader of its failure.

#include <string>

namespace foreseed {

/// Lines that go before the finding's details; set in recorded runs only, empty at the start of each.
extern std::string given;

}  // namespace foreseed
