// The strategies by name, and the portfolio: no strategy finds every defect fastest, so each seed stands for one of several.

#include <algorithm>
#include <array>

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
    {"round_robin", make_round_robin}, {"surw", make_surw},
};

/// Of seven seeds in a row, four take turns, which finds small deadlocks and lost wake-ups soonest (how long the first turn is
/// goes by the seed, see round_robin.cc); between them come the others, one after the other, which find what needs luck, or
/// one task to run far ahead.
constexpr std::string_view others[] = {"uniform", "surw", "delays", "uniform", "pos", "preemptions", "pct", "walk"};

std::string_view of_portfolio(std::uint64_t seed) {
  constexpr int taking_turns = -1;
  static constexpr int places[] = {taking_turns, taking_turns, 0, taking_turns, 1, taking_turns, 2};
  const int place = places[seed % 7];
  return place == taking_turns ? "round_robin" : others[(seed / 7 * 3 + static_cast<std::uint64_t>(place)) % std::size(others)];
}

Strategy* named(std::string_view name) {
  static auto& made = *new std::array<std::unique_ptr<Strategy>, std::size(all)>;
  const auto known = std::find_if(std::begin(all), std::end(all), [&](const Named& named) { return named.name == name; });
  if (known == std::end(all)) return nullptr;
  std::unique_ptr<Strategy>& strategy = made[static_cast<std::size_t>(known - std::begin(all))];
  if (strategy == nullptr) strategy = known->make();
  return strategy.get();
}

}  // namespace

std::vector<std::string> strategy_names() {
  std::vector<std::string> names{"portfolio"};
  for (const Named& named : all) names.emplace_back(named.name);
  return names;
}

std::string_view member_for(std::string_view name, std::uint64_t seed) {
  return name == "portfolio" ? of_portfolio(seed) : name;
}

Strategy* strategy_named(std::string_view name, std::uint64_t seed) { return named(member_for(name, seed)); }

}  // namespace foreseed::explore
