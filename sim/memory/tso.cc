#include "memory/tso.h"

#include <algorithm>

#include "kernel/task.h"

namespace foreseed::memory {

namespace {
constexpr std::size_t epochs_max = 4096;
}

void StoreOrder::clear() {
  now_ = 0;
  tasks_.clear();
}

/// The time up to which a task had loaded and stored at the end of an epoch. (Of the oldest, the first that is kept.)
std::uint64_t StoreOrder::reached(std::uint32_t task, std::uint32_t epoch) const {
  if (task >= tasks_.size() || epoch == 0) return 0;
  const std::vector<Reached>& all = tasks_[task].reached;
  auto it = std::upper_bound(all.begin(), all.end(), epoch, [](std::uint32_t e, const Reached& r) { return e < r.epoch; });
  if (it == all.begin()) return all.size() < epochs_max / 2 || it == all.end() ? 0 : it->time;
  return std::prev(it)->time;
}

void StoreOrder::begin(const Task& self) {
  if (self.id >= tasks_.size()) tasks_.resize(self.id + 1);
  TaskOrder& mine = tasks_[self.id];
  std::uint64_t from = mine.loads_from;
  for (std::uint32_t t = 0; t < self.clock.size(); ++t) {
    if (t != self.id) from = std::max(from, reached(t, self.clock.get(t)));
  }
  // It has synchronised with others, or could have, by other means than atomics.
  if (mine.epoch_after != self.clock.get(self.id)) from = std::max(from, mine.stored_at);
  mine.loads_from = from;
}

void StoreOrder::end(const Task& self, std::uint32_t epoch) {
  TaskOrder& mine = tasks_[self.id];
  mine.epoch_after = self.clock.get(self.id);
  const std::uint64_t time = std::max(mine.loads_from, mine.stored_at);
  if (!mine.reached.empty() && mine.reached.back().epoch == epoch) {
    mine.reached.back().time = time;
    return;
  }
  if (mine.reached.size() == epochs_max) {
    mine.reached.erase(mine.reached.begin(), mine.reached.begin() + epochs_max / 2);
  }
  mine.reached.push_back({epoch, time});
}

std::size_t StoreOrder::oldest_readable(const Task& self, const Location& at) const {
  const TaskOrder& mine = tasks_[self.id];
  std::size_t i = at.stores.size() - 1;
  // With no store on its way, a load that is done earlier is a load that the schedule puts earlier.
  if (mine.stored_at <= mine.loads_from) return i;
  const auto seen = [&](const Store& store) {
    return store.time <= mine.loads_from || (store.task == self.id && store.time != 0);
  };
  while (i > 0 && !seen(at.stores[i])) --i;
  return i;
}

void StoreOrder::loaded(const Task& self, const Store& store) {
  TaskOrder& mine = tasks_[self.id];
  const bool forwarded = store.task == self.id && store.time > mine.loads_from;
  if (!forwarded) mine.loads_from = std::max(mine.loads_from, store.time);
}

void StoreOrder::drain(const Task& self) {
  TaskOrder& mine = tasks_[self.id];
  mine.loads_from = std::max(mine.loads_from, mine.stored_at);
}

void StoreOrder::stored(const Task& self, Store& store) {
  store.time = ++now_;
  tasks_[self.id].stored_at = now_;
}

}  // namespace foreseed::memory
