#include "check/linearizability.h"

#include <algorithm>
#include <utility>

namespace foreseed::check {

namespace {

/// Of each search that is tried while a counterexample is made smaller.
constexpr std::uint64_t relaxing_steps_max = 50'000;

std::uint64_t mixed(std::uint64_t number) {
  number = (number + 1) * 0x9e3779b97f4a7c15ull;
  number = (number ^ number >> 32) * 0xd6e8feb86659fd93ull;
  return number ^ number >> 29;
}

/// Sets of linearized operations, each with a state it has led to.
class Visited {
 public:
  Visited(StateSpace& states, std::size_t operations)
      : states_(states), words_((operations + 63) / 64), set_(words_), slots_(64) {}

  /// Adds an operation to the set, or takes it out.
  void flip(std::uint32_t operation) {
    set_[operation / 64] ^= std::uint64_t{1} << operation % 64;
    hash_ ^= mixed(operation);
  }

  /// How many states were compared: a set may lead to many.
  std::uint64_t comparisons() const { return comparisons_; }

  /// Notes that the set has led to `state`; false if it had before.
  bool insert(std::uint32_t state) {
    std::size_t at = hash_ & (slots_.size() - 1);
    for (; slots_[at].state != 0; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      ++comparisons_;
      if (slot.hash == hash_ && std::equal(set_.begin(), set_.end(), sets_.begin() + slot.set) &&
          states_.same(slot.state, state)) {
        return false;
      }
    }
    slots_[at] = {hash_, static_cast<std::uint32_t>(sets_.size()), state};
    sets_.insert(sets_.end(), set_.begin(), set_.end());
    if (++used_ * 2 > slots_.size()) grow();
    return true;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t set = 0;
    std::uint32_t state = 0;  ///< 0: free, as nothing leads to the first state by number
  };

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.state == 0) continue;
      std::size_t at = slot.hash & (slots_.size() - 1);
      while (slots_[at].state != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = slot;
    }
  }

  StateSpace& states_;
  std::size_t words_;
  std::vector<std::uint64_t> set_;
  std::uint64_t hash_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> sets_;  ///< `words_` for each slot in use
  std::size_t used_ = 0;
  std::uint64_t comparisons_ = 0;
};

/// The calls and returns that are left, in order: a list from which an operation is taken when it is linearized, and into
/// which it is put back.
class Timeline {
 public:
  static constexpr std::uint32_t end = 0;

  struct Entry {
    std::uint32_t constraint = 0;
    std::uint32_t ret = 0;  ///< of a call: where it returns, 0: never; of a return: itself
    std::uint32_t before = 0;
    std::uint32_t after = 0;
  };

  explicit Timeline(const std::vector<Constraint>& constraints) {
    struct Moment {
      std::uint64_t time;
      std::uint32_t constraint;
      bool is_call;
    };
    std::vector<Moment> moments;
    for (std::uint32_t i = 0; i < constraints.size(); ++i) {
      moments.push_back({constraints[i].called, i, true});
      if (constraints[i].returned != Operation::never) moments.push_back({constraints[i].returned, i, false});
    }
    std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) { return a.time < b.time; });
    std::vector<std::uint32_t> calls(constraints.size());
    entries_.resize(1);
    for (const Moment& moment : moments) {
      const auto at = static_cast<std::uint32_t>(entries_.size());
      entries_.push_back({moment.constraint, moment.is_call ? 0 : at, at - 1, end});
      entries_[at - 1].after = at;
      if (moment.is_call) calls[moment.constraint] = at;
      else entries_[calls[moment.constraint]].ret = at;
    }
  }

  const Entry& operator[](std::uint32_t at) const { return entries_[at]; }
  std::uint32_t first() const { return entries_[0].after; }
  bool is_call(std::uint32_t at) const { return at != end && entries_[at].ret != at; }

  void take(std::uint32_t call) {
    unlink(call);
    if (entries_[call].ret != 0) unlink(entries_[call].ret);
  }
  void put_back(std::uint32_t call) {
    if (entries_[call].ret != 0) link(entries_[call].ret);
    link(call);
  }

 private:
  void unlink(std::uint32_t at) {
    const Entry& entry = entries_[at];
    entries_[entry.before].after = entry.after;
    if (entry.after != end) entries_[entry.after].before = entry.before;
  }
  void link(std::uint32_t at) {
    const Entry& entry = entries_[at];
    entries_[entry.before].after = at;
    if (entry.after != end) entries_[entry.after].before = at;
  }

  std::vector<Entry> entries_;  ///< the first is the list's head
};

/// The history up to a return: what was not called by then is gone, what had not returned may have taken effect.
std::vector<Constraint> prefix(const std::vector<Constraint>& constraints, std::uint64_t time) {
  std::vector<Constraint> result;
  for (Constraint constraint : constraints) {
    if (constraint.called > time) continue;
    if (constraint.returned > time) constraint.returned = Operation::never;
    result.push_back(constraint);
  }
  return result;
}

}  // namespace

Verdict search(StateSpace& states, const std::vector<Constraint>& constraints, std::uint64_t steps_max) {
  struct Step {
    std::uint32_t call;
    std::uint32_t state;  ///< before it
  };
  Timeline timeline(constraints);
  Visited visited(states, constraints.size());
  std::vector<Step> steps;
  std::uint32_t state = 0;
  std::uint32_t state_count = 1;
  auto left = std::count_if(constraints.begin(), constraints.end(),
                            [](const Constraint& constraint) { return constraint.returned != Operation::never; });
  states.keep(1);
  std::uint64_t tried = 0;
  std::uint32_t at = timeline.first();
  while (left != 0) {
    if (!timeline.is_call(at)) {  // has returned, so that one before it in the order was wrong
      if (steps.empty()) return Verdict::not_linearizable;
      at = steps.back().call;
      state = steps.back().state;
      steps.pop_back();
      visited.flip(timeline[at].constraint);
      timeline.put_back(at);
      left += timeline[at].ret != 0;
      at = timeline[at].after;
      continue;
    }
    if (++tried + visited.comparisons() > steps_max) return Verdict::undecided;
    const std::uint32_t number = timeline[at].constraint;
    const bool returned = timeline[at].ret != 0;
    if (states.step(state, constraints[number].operation, returned)) {
      visited.flip(number);
      // What need not have happened, and would have changed nothing, did not.
      const bool useful = returned || !states.same(state, state_count);
      if (useful && visited.insert(state_count)) {
        steps.push_back({at, state});
        state = state_count++;
        timeline.take(at);
        left -= returned;
        at = timeline.first();
        continue;
      }
      visited.flip(number);
      states.keep(state_count);
    }
    at = timeline[at].after;
  }
  return Verdict::linearizable;
}

std::vector<Constraint> smallest_unexplained(StateSpace& states, const std::vector<Constraint>& constraints) {
  std::vector<std::uint64_t> returns;
  for (const Constraint& constraint : constraints) {
    if (constraint.returned != Operation::never) returns.push_back(constraint.returned);
  }
  std::sort(returns.begin(), returns.end());
  const auto explained = [&](std::uint64_t time) {
    return search(states, prefix(constraints, time), relaxing_steps_max) != Verdict::not_linearizable;
  };
  // Whatever extends a prefix without an order has none.
  const auto last = std::partition_point(returns.begin(), returns.end(), explained);
  std::vector<Constraint> result = last == returns.end() ? constraints : prefix(constraints, *last);
  for (Constraint& constraint : result) {
    const std::uint64_t returned = std::exchange(constraint.returned, Operation::never);
    if (returned == Operation::never) continue;
    if (search(states, result, relaxing_steps_max) != Verdict::not_linearizable) constraint.returned = returned;
  }
  return result;
}

}  // namespace foreseed::check
