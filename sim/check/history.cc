// Recording of histories, and what is said of one that is not linearizable.

#include "api/foreseed/history.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>

#include "check/linearizability.h"
#include "kernel/modules.h"
#include "kernel/world.h"
#include "sync/objects.h"

namespace foreseed::detail {

namespace {

/// Of a search, after which it gives up: a second or so.
constexpr std::uint64_t steps_max = 4'000'000;

/// For histories that are recorded outside a simulation.
std::mutex native;

/// The log's own clock carries happens-before from those who record to those who read, and not back: what is recorded
/// orders nothing in the code under test.
SyncObject& clock_of(const OperationLog* log) { return ObjectTable::get().at(log, ObjectKind::atomic); }

void publish(const OperationLog* log) {
  Task& self = World::get().current();
  clock_of(log).clock.join(self.clock);
  self.release();
}

/// A line for each operation: who, when relative to the others, what. Times are spread evenly.
std::string lanes(const StateSpace& states, const std::vector<Operation>& operations,
                  const std::vector<check::Constraint>& shown) {
  std::vector<std::uint64_t> times;
  for (const check::Constraint& constraint : shown) {
    times.push_back(constraint.called);
    times.push_back(constraint.returned);
  }
  std::sort(times.begin(), times.end());
  const std::size_t spread = times.size() <= 40 ? 2 : 1;
  const auto column = [&](std::uint64_t time) {
    return static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), time) - times.begin()) * spread;
  };
  std::string text;
  for (const check::Constraint& constraint : shown) {
    std::string lane(times.size() * spread, ' ');
    const std::size_t from = column(constraint.called);
    const std::size_t to = column(constraint.returned);
    std::fill(lane.begin() + static_cast<std::ptrdiff_t>(from), lane.begin() + static_cast<std::ptrdiff_t>(to), '-');
    lane[from] = lane[to] = '|';
    const std::uint32_t task = operations[constraint.operation].task;
    std::string name = task == 0 ? "main" : "T" + std::to_string(task);
    name.resize(std::max<std::size_t>(name.size(), 6), ' ');
    text += name + lane + "  " + states.text(constraint.operation) + "\n";
  }
  return text;
}

std::string explain(StateSpace& states, const std::vector<Operation>& operations,
                    const std::vector<check::Constraint>& constraints) {
  std::vector<check::Constraint> least = check::smallest_unexplained(states, constraints);
  std::erase_if(least, [](const check::Constraint& constraint) { return constraint.returned == Operation::never; });
  std::string text = "no order explains the results of:\n" + lanes(states, operations, least);
  if (const std::size_t others = operations.size() - least.size(); others != 0) {
    text += "whether or not, and with whatever result, the " + std::to_string(others) + " other operations took effect\n";
  }
  return text;
}

}  // namespace

OperationLog::~OperationLog() {
  if (!simulated_code()) return;
  const Entry entry;
  ObjectTable::get().forget(this);
}

void OperationLog::call(Operation& operation) {
  const bool simulated = simulated_code();
  std::unique_lock lock(native, std::defer_lock);
  if (!simulated) lock.lock();
  operation.called = ++time_;
  (last_ != nullptr ? last_->next : first_) = &operation;
  last_ = &operation;
  if (!simulated) return;
  const Entry entry;
  operation.task = World::get().current().id;
  publish(this);
}

void OperationLog::ret(Operation& operation) {
  const bool simulated = simulated_code();
  std::unique_lock lock(native, std::defer_lock);
  if (!simulated) lock.lock();
  operation.returned = ++time_;
  if (!simulated) return;
  const Entry entry;
  publish(this);
}

Operation* OperationLog::first() const {
  if (simulated_code()) {
    const Entry entry;
    World::get().current().clock.join(clock_of(this).clock);
    return first_;
  }
  const std::lock_guard lock(native);
  return first_;
}

Linearizability check_linearizability(StateSpace& states, const std::vector<Operation>& operations) {
  std::vector<check::Constraint> constraints;
  for (std::uint32_t i = 0; i < operations.size(); ++i) {
    constraints.push_back({i, operations[i].called, operations[i].returned});
  }
  Linearizability result{check::search(states, constraints, steps_max), {}};
  if (result.verdict == Verdict::not_linearizable) result.counterexample = explain(states, operations, constraints);
  return result;
}

void fail_not_linearizable(const char* what, const Linearizability& result, const char* file, int line) {
  std::string message = std::string(what) + (result.verdict == Verdict::undecided
                                                 ? ": too many operations at a time to say whether it is linearizable; "
                                                   "give its specification a key(), or record fewer"
                                                 : " is not linearizable");
  if (!simulated_code()) throw std::logic_error(message + "\n" + result.counterexample);
  const Entry entry;
  const std::string where = std::string(module_file(file)) + ":" + std::to_string(line);
  World::get().fail(FindingKind::check_failed, "check failed: " + std::move(message), {}, result.counterexample,
                    "check at " + where);
}

}  // namespace foreseed::detail
