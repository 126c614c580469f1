#include "cli/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>

#include "cli/exit_code.h"

namespace foreseed {

namespace {

std::vector<Scenario>& registered() {
  static std::vector<Scenario> list;
  return list;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

Registration::Registration(const Scenario& scenario) { registered().push_back(scenario); }

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario>& sorted = [&]() -> std::vector<Scenario>& {
    auto& list = registered();
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return std::strcmp(a.name, b.name) < 0; });
    for (std::size_t i = 1; i < list.size(); ++i) {
      if (std::strcmp(list[i - 1].name, list[i].name) != 0) continue;
      fmt::print(stderr, "foreseed: two scenarios are named {} ({}:{} and {}:{}); rename one\n", list[i].name,
                 list[i - 1].file, list[i - 1].line, list[i].file, list[i].line);
      std::exit(static_cast<int>(ExitCode::usage));
    }
    return list;
  }();
  return sorted;
}

const Scenario* find_scenario(std::string_view name) {
  for (const Scenario& scenario : scenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

std::vector<std::string> nearest_scenarios(std::string_view name) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const Scenario& scenario : scenarios()) ranked.emplace_back(edit_distance(name, scenario.name), scenario.name);
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> names;
  for (const auto& [distance, candidate] : ranked) {
    if (names.size() < 3 && (distance <= candidate.size() / 2 + 1 || names.empty())) names.push_back(candidate);
  }
  return names;
}

}  // namespace foreseed
