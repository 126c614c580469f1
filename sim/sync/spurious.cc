#include "sync/spurious.h"

#include "kernel/clear.h"

namespace foreseed::sync {

namespace {
std::vector<std::uint32_t> happened;  ///< of each task
}

bool happens_spuriously(Op op) {
  World& world = World::get();
  if (world.memory() != MemoryModel::c11) return false;
  const std::uint32_t self = world.current().id;
  if (self >= happened.size()) happened.resize(self + 1, 0);
  if (happened[self] == spurious_max) return false;
  const bool now = world.choose(static_cast<std::uint32_t>(op), ChoiceKind::spurious, 2) == 1;
  happened[self] += now;
  return now;
}

void spurious_begin_run() { clear_rare(happened); }

}  // namespace foreseed::sync
