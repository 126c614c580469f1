// The strategies by name, and the portfolio: no strategy finds every defect fastest, so each seed stands for one of several.

#include <algorithm>

#include "explore/random.h"

namespace foreseed::explore {

namespace {

struct Named {
  std::string_view name;
  std::unique_ptr<Strategy> (*make)();
};

std::unique_ptr<Strategy> make_uniform() { return nullptr; }

// The portfolio takes those before its name, each as often as it is worth.
constexpr Named all[] = {
    {"uniform", make_uniform},         {"walk", make_walk},     {"pct", make_pct}, {"pos", make_pos},
    {"preemptions", make_preemptions}, {"portfolio", nullptr},  {"delays", make_delays},
    {"round_robin", make_round_robin},
};

}  // namespace

std::vector<std::string> strategy_names() {
  std::vector<std::string> names;
  for (const Named& named : all) names.emplace_back(named.name);
  return names;
}

Strategies::Strategies(std::string_view name) {
  if (name != "portfolio") {
    const auto* const named = std::find_if(std::begin(all), std::end(all), [&](const Named& n) { return n.name == name; });
    members_.push_back(named->make());
    return;
  }
  for (const Named& named : all) {
    if (named.make == nullptr) return;
    members_.push_back(named.make());
  }
}

Strategy* Strategies::of(std::uint64_t seed) const { return members_[seed % members_.size()].get(); }

}  // namespace foreseed::explore
