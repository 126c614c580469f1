// What a property is given: the simulator's half of <foreseed/property.h>. RapidCheck itself is linked into the program.

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "api/foreseed/drawn.h"
#include "choice/parameters.h"
#include "kernel/given.h"
#include "kernel/world.h"

namespace foreseed::detail {

namespace {

constexpr std::uint32_t site = static_cast<std::uint32_t>(Op::note) | site_parameter;
constexpr std::uint64_t all = std::uint64_t{1} << 32;
constexpr int size_max = 100;  // RapidCheck's own

/// It outlives executions that end early, and is the host's, not an execution's.
std::unique_ptr<Drawn> drawn;

void generate(World& world) {
  const std::uint32_t seed = world.choose(site, ChoiceKind::data, all);
  drawn->generate(seed, static_cast<int>(world.choose(site, ChoiceKind::data, size_max + 1)));
  for (;;) {
    const std::uint32_t simpler = world.choose(site, ChoiceKind::data, all);
    if (simpler == 0 || simpler > simpler_max || !drawn->simplify(simpler)) break;
  }
  if (world.recording()) given = "given " + drawn->text() + "\n";
}

}  // namespace

Drawn& draw(Drawn* (*make)()) {
  if (!simulated_code()) throw std::logic_error("foreseed: a property can be run by foreseed only");
  const Entry entry;
  World& world = World::get();
  std::string trouble;
  try {
    drawn.reset();
    drawn.reset(make());
    generate(world);
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  if (!trouble.empty()) world.fail(FindingKind::check_failed, "the generator of the property failed: " + trouble);
  return *drawn;
}

}  // namespace foreseed::detail
