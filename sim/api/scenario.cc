// The part of the scenario interface that needs no network: checks, notes, choices.

#include "api/foreseed/scenario.h"

#include <stdexcept>
#include <string>

#include "kernel/modules.h"
#include "kernel/world.h"

namespace foreseed {

bool simulated() { return simulated_code(); }

void fail(std::string_view message, const char* file, int line) {
  if (!simulated_code()) throw std::logic_error(std::string(message));
  const Entry entry;
  const std::string where = std::string(module_file(file)) + ":" + std::to_string(line);
  World::get().fail(FindingKind::check_failed, "check failed: " + std::string(message), {}, {}, "check at " + where);
}

void note(std::string_view text) {
  if (!simulated_code()) return;
  const Entry entry;
  World::get().text_event(Op::note, text);
}

std::uint32_t choose(std::uint64_t bound) {
  if (!simulated_code()) return 0;
  const Entry entry;
  return World::get().choose(static_cast<std::uint32_t>(Op::note), ChoiceKind::data, bound);
}

}  // namespace foreseed
