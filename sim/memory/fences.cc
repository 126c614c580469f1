#include "memory/fences.h"

#include <deque>

#include "kernel/task.h"

namespace foreseed::memory {

namespace {
std::deque<FenceClocks> clocks;
std::size_t used = 0;  ///< the first so many may hold something
}  // namespace

FenceClocks& fence_clocks(const Task& task) {
  if (task.id >= clocks.size()) clocks.resize(task.id + 1);
  if (task.id >= used) used = task.id + 1;
  return clocks[task.id];
}

const VectorClock* released_by_fence(const Task& task) {
  if (task.id >= used || clocks[task.id].released.empty()) return nullptr;
  return &clocks[task.id].released;
}

void acquire_fence(Task& task) {
  if (task.id < used) task.clock.join(clocks[task.id].met);
}

void release_fence(Task& task) {
  fence_clocks(task).released.assign(task.clock);
  task.release();
}

void forget_fences() {
  for (std::size_t i = 0; i < used; ++i) {
    clocks[i].met.clear();
    clocks[i].released.clear();
  }
  used = 0;
}

}  // namespace foreseed::memory
