#include "kernel/execution.h"

#include <algorithm>
#include <array>

namespace foreseed {

namespace {

constexpr std::array<std::string_view, 3> memory_models = {"sc", "tso", "c11"};
constexpr std::array<std::string_view, 3> race_names = {"stop", "explore", "off"};

template <typename Enum, std::size_t size>
bool find(const std::array<std::string_view, size>& names, std::string_view name, Enum& value) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) return false;
  value = static_cast<Enum>(it - names.begin());
  return true;
}

}  // namespace

std::string_view to_string(MemoryModel model) { return memory_models[static_cast<std::size_t>(model)]; }
bool from_string(std::string_view name, MemoryModel& model) { return find(memory_models, name, model); }

std::string_view to_string(Races races) { return race_names[static_cast<std::size_t>(races)]; }
bool from_string(std::string_view name, Races& races) { return find(race_names, name, races); }

}  // namespace foreseed
