#include "kernel/finding.h"

#include <array>

namespace foreseed {

namespace {
constexpr std::array<std::string_view, 18> names = {
    "check_failed", "uncaught_exception", "deadlock",     "livelock",       "data_race", "heap_leak",
    "double_free",  "invalid_free",       "use_after_free", "crash", "unsupported", "misuse", "hang", "out_of_memory",
    "died", "out_of_bounds", "use_after_scope", "undefined_behavior"};
static_assert(names.size() == static_cast<std::size_t>(FindingKind::count_));
}

std::string_view to_string(FindingKind kind) { return names[static_cast<std::size_t>(kind)]; }

bool from_string(std::string_view name, FindingKind& kind) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != name) continue;
    kind = static_cast<FindingKind>(i);
    return true;
  }
  return false;
}

}  // namespace foreseed
