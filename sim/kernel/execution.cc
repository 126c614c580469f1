#include "kernel/execution.h"

#include <array>

namespace foreseed {

namespace {
constexpr std::array<std::string_view, 3> memory_models = {"sc", "tso", "c11"};
}

std::string_view to_string(MemoryModel model) { return memory_models[static_cast<std::size_t>(model)]; }

bool from_string(std::string_view name, MemoryModel& model) {
  for (std::size_t i = 0; i < memory_models.size(); ++i) {
    if (memory_models[i] != name) continue;
    model = static_cast<MemoryModel>(i);
    return true;
  }
  return false;
}

}  // namespace foreseed
