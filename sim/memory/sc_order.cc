#include "memory/sc_order.h"

#include <algorithm>

#include "kernel/task.h"

namespace foreseed::memory {

namespace {

bool known(const Store& store, const Known& clock) { return store.epoch <= clock.get(store.task); }
bool known(const Read& read, const Known& clock) { return read.epoch <= clock.get(read.task); }

void lower(std::vector<std::uint32_t>& numbers, std::size_t task, std::uint32_t number) {
  if (task >= numbers.size()) numbers.resize(task + 1, 0);
  if (numbers[task] == 0 || number < numbers[task]) numbers[task] = number;
}

bool meets(const std::vector<std::uint32_t>& later, const Known& nodes) {
  for (std::uint32_t t = 0; t < later.size(); ++t) {
    if (later[t] != 0 && later[t] <= nodes.get(t)) return true;
  }
  return false;
}

bool none(const std::vector<std::uint32_t>& later) {
  return std::all_of(later.begin(), later.end(), [](std::uint32_t n) { return n == 0; });
}

/// The seq_cst operations among the stores before position `end` and their reads; and all that happens before any of them.
void add_earlier(const Location& at, std::size_t end, Known& nodes, Known& clocks) {
  nodes.join(at.dropped_nodes);
  clocks.join(at.dropped_clock);
  for (std::size_t i = 0; i < end; ++i) {
    const Store& store = at.stores[i];
    nodes.raise(store.task, store.node);
    clocks.join(store.clock);
    for (const Read& read : store.reads) {
      nodes.raise(read.task, read.node);
      clocks.join(read.clock);
    }
  }
}

}  // namespace

void ScOrder::clear() {
  tasks_.clear();
  nodes_ = fences_ = 0;
}

void ScOrder::begin(const Task& self, std::uintptr_t address) {
  if (self.id >= tasks_.size()) tasks_.resize(self.id + 1);
  TaskOrder& mine = tasks_[self.id];
  const bool goes_on = !mine.runs.empty() && mine.runs.back().address == address && mine.clock_after.same_as(self.clock);
  if (goes_on) return;
  const bool in_use = !mine.nodes.empty() && mine.nodes.back().run + 1 == mine.runs.size();
  if (mine.runs.empty() || in_use) mine.runs.emplace_back();
  mine.runs.back() = {address, self.clock.get(self.id)};
  mine.clock_elsewhere = Known(self.clock);
}

void ScOrder::end(const Task& self) {
  TaskOrder& mine = tasks_[self.id];
  mine.runs.back().left_epoch = self.clock.get(self.id);
  mine.clock_after = Known(self.clock);
}

/// The seq_cst fences that are in `clock`.
Known ScOrder::fences_in(const Known& clock) const {
  Known fences;
  if (fences_ == 0) return fences;
  for (std::uint32_t t = 0; t < tasks_.size(); ++t) {
    const std::vector<Node>& nodes = tasks_[t].nodes;
    for (std::size_t i = nodes.size(); i > 0; --i) {
      if (nodes[i - 1].address != 0 || nodes[i - 1].epoch > clock.get(t)) continue;
      fences.raise(t, static_cast<std::uint32_t>(i));
      break;
    }
  }
  return fences;
}

/// The operations, and all that is psc-before them.
Known ScOrder::closed(const Known& nodes) const {
  Known all = nodes;
  for (std::uint32_t t = 0; t < nodes.size(); ++t) {
    if (nodes.get(t) != 0) all.join(tasks_[t].nodes[nodes.get(t) - 1].before);
  }
  return all;
}

/// [Esc];scb;{op} and [Fsc];hb;scb;{op}, and what is psc-before those.
Known ScOrder::before_access(const Operation& op, const Location& at, std::size_t later) const {
  const TaskOrder& mine = tasks_[op.self.id];
  Known direct;
  for (std::uint32_t t = 0; t < tasks_.size(); ++t) {
    const TaskOrder& other = tasks_[t];
    for (std::size_t i = other.nodes.size(); i > 0; --i) {
      const Node& node = other.nodes[i - 1];
      const bool by_program_order = t == op.self.id;
      const bool by_way_of_others = node.address != 0 && other.runs[node.run].left_epoch <= mine.clock_elsewhere.get(t);
      const bool by_location = node.address == op.address && node.epoch <= op.after.get(t);
      if (!by_program_order && !by_way_of_others && !by_location) continue;
      direct.raise(t, static_cast<std::uint32_t>(i));
      break;
    }
  }
  direct.join(fences_in(op.before));
  Known clocks;  // of the operations on the location that are scb-before it
  if (op.writes) {
    add_earlier(at, later, direct, clocks);
  } else {
    for (const Store& store : at.stores) {
      if (known(store, op.after)) clocks.join(store.clock);
      for (const Read& read : store.reads) {
        if (known(read, op.after)) clocks.join(read.clock);
      }
    }
  }
  direct.join(fences_in(clocks));
  return closed(direct);
}

/// What comes before a fence by way of a location: operations mo- or rb-before a store that happens before the fence, and
/// other fences that happen before anything eco-before what the fence's past has written or read there.
void ScOrder::add_observed(const Location& at, const Known& clock, Known& nodes) const {
  std::size_t written = 0;
  std::size_t observed = 0;
  for (std::size_t i = 0; i < at.stores.size(); ++i) {
    const Store& store = at.stores[i];
    if (known(store, clock)) written = observed = i;
    if (std::any_of(store.reads.begin(), store.reads.end(), [&](const Read& r) { return known(r, clock); })) observed = i;
  }
  Known clocks;
  Known other_nodes;
  add_earlier(at, written, nodes, clocks);
  add_earlier(at, observed, other_nodes, clocks);
  clocks.join(at.stores[observed].clock);
  nodes.join(fences_in(clocks));
}

/// [Esc];scb;hb?;{op}, [Fsc];hb?;scb;hb?;{op}, and [Fsc];(hb | hb;eco;hb);{op}.
Known ScOrder::before_fence(const Operation& op, Histories& histories) const {
  Known direct = fences_in(op.after);
  for (std::uint32_t t = 0; t < tasks_.size(); ++t) {
    const std::vector<Node>& nodes = tasks_[t].nodes;
    for (std::size_t i = nodes.size(); i > 0; --i) {
      const Node& node = nodes[i - 1];
      if (t != op.self.id && node.epoch_after > op.after.get(t) && node.epoch > op.before.get(t)) continue;
      direct.raise(t, static_cast<std::uint32_t>(i));
      break;
    }
  }
  histories.each([&](Location& at) { add_observed(at, op.after, direct); });
  return closed(direct);
}

/// What would be psc-after an operation that stands before the stores from `later` on.
ScOrder::Later ScOrder::later_than(const Location& at, std::size_t later) const {
  Later result;
  const auto add_fences = [this](std::uint32_t task, std::uint32_t epoch, std::vector<std::uint32_t>& numbers) {
    if (fences_ == 0) return;
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      const std::vector<Node>& nodes = tasks_[t].nodes;
      const auto first = std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) {
        return node.address == 0 && epoch <= node.clock.get(task);
      });
      if (first != nodes.end()) lower(numbers, t, static_cast<std::uint32_t>(first - nodes.begin()) + 1);
    }
  };
  for (std::size_t i = later; i < at.stores.size(); ++i) {
    const Store& store = at.stores[i];
    if (store.node != 0) lower(result.of_sc, store.task, store.node);
    add_fences(store.task, store.epoch, result.of_sc);
    for (const Read& read : store.reads) add_fences(read.task, read.epoch, result.of_fences);
  }
  return result;
}

bool ScOrder::allows(const Operation& op, const Location& at, std::size_t later) const {
  if (later == at.stores.size() || (!op.is_sc && fences_ == 0)) return true;
  const Later after = later_than(at, later);
  if (none(after.of_sc) && none(after.of_fences)) return true;
  const Known fences = closed(fences_in(op.after));
  if (meets(after.of_sc, fences) || meets(after.of_fences, fences)) return false;
  return !op.is_sc || !meets(after.of_sc, before_access(op, at, later));
}

/// Every operation of `later`, and what comes after it, comes after `nodes`, which are closed.
void ScOrder::put_before(const Known& nodes, const std::vector<std::uint32_t>& later) {
  if (nodes.empty() || none(later)) return;
  for (std::uint32_t t = 0; t < tasks_.size(); ++t) {
    for (std::size_t i = 0; i < tasks_[t].nodes.size(); ++i) {
      Node& node = tasks_[t].nodes[i];
      const bool itself = t < later.size() && later[t] != 0 && later[t] <= i + 1;
      if (itself || meets(later, node.before)) node.before.join(nodes);
    }
  }
}

std::uint32_t ScOrder::add(const Operation& op, const Location& at, std::size_t later) {
  if (!op.is_sc && (fences_ == 0 || later == at.stores.size())) return 0;
  const Later after = later_than(at, later);
  const Known fences = closed(fences_in(op.after));
  put_before(fences, after.of_sc);
  put_before(fences, after.of_fences);
  if (!op.is_sc) return 0;
  Known before = before_access(op, at, later);
  TaskOrder& mine = tasks_[op.self.id];
  const std::uint32_t epoch = op.self.clock.get(op.self.id);
  mine.nodes.push_back({op.address, epoch, epoch + op.writes, static_cast<std::uint32_t>(mine.runs.size()) - 1, before, {}});
  ++nodes_;
  const auto number = static_cast<std::uint32_t>(mine.nodes.size());
  before.raise(op.self.id, number);
  put_before(before, after.of_sc);
  return number;
}

void ScOrder::add_fence(const Operation& op, Histories& histories) {
  Known before = before_fence(op, histories);
  TaskOrder& mine = tasks_[op.self.id];
  const std::uint32_t epoch = op.self.clock.get(op.self.id);
  mine.nodes.push_back({0, epoch, epoch + 1, static_cast<std::uint32_t>(mine.runs.size()) - 1, std::move(before), op.after});
  ++nodes_;
  ++fences_;
}

}  // namespace foreseed::memory
