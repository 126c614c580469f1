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

constexpr Named all[] = {
    {"uniform", make_uniform}, {"walk", make_walk},     {"pct", make_pct},
    {"pos", make_pos},         {"delays", make_delays}, {"preemptions", make_preemptions},
    {"round_robin", make_round_robin},
};

/// Seed after seed. Uniform finds small deadlocks and lost wake-ups several times faster than the others; those find what
/// needs one task to run far ahead.
constexpr std::string_view cycle[] = {"uniform", "pos", "uniform", "preemptions", "uniform", "pos", "uniform", "pct",
                                      "uniform", "pos", "uniform", "walk",        "uniform", "pos", "uniform", "delays"};

std::unique_ptr<Strategy> make(std::string_view name) {
  return std::find_if(std::begin(all), std::end(all), [&](const Named& named) { return named.name == name; })->make();
}

}  // namespace

std::vector<std::string> strategy_names() {
  std::vector<std::string> names{"portfolio"};
  for (const Named& named : all) names.emplace_back(named.name);
  return names;
}

Strategies::Strategies(std::string_view name) {
  if (name != "portfolio") {
    members_.push_back(make(name));
    return;
  }
  for (const std::string_view member : cycle) members_.push_back(make(member));
}

Strategy* Strategies::of(std::uint64_t seed) const { return members_[seed % members_.size()].get(); }

}  // namespace foreseed::explore
