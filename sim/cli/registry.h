#pragma once
// The scenarios of this program, as FORESEED_SCENARIO registered them before main.

#include <string>
#include <string_view>
#include <vector>

#include "api/foreseed/scenario.h"

namespace foreseed {

/// Sorted by name. Ends the process (2) where two scenarios share a name.
const std::vector<Scenario>& scenarios();

/// Null if there is none of that name.
const Scenario* find_scenario(std::string_view name);

/// Up to three names that `name` may have been meant to be, nearest first.
std::vector<std::string> nearest_scenarios(std::string_view name);

}  // namespace foreseed
