#pragma once
// The machine of x86-TSO (Owens, Sarkar and Sewell, TPHOLs 2009), by brute force: each thread's stores wait in a queue of its
// own, in which its loads look first. Shares nothing with the simulator.

#include <array>
#include <compare>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "tiny_program.h"

namespace foreseed::testing {

class StoreBuffers {
 public:
  /// What the program may do on it, or, if no store ever waits, under sequential consistency.
  static Outcomes outcomes(const Program& program, bool buffered) {
    StoreBuffers machine{program, buffered};
    machine.go_on({{}, std::vector<Thread>(program.size())});
    return machine.outcomes_;
  }

 private:
  struct Thread {
    std::size_t next = 0;
    std::vector<std::pair<std::size_t, int>> waiting;  ///< location and value, oldest first
    std::vector<int> read;
    auto operator<=>(const Thread&) const = default;
  };
  struct State {
    std::array<int, locations> memory;
    std::vector<Thread> threads;
    auto operator<=>(const State&) const = default;
  };

  StoreBuffers(const Program& program, bool buffered) : program_(program), buffered_(buffered) {}

  void go_on(State state) {
    if (!seen_.insert(state).second) return;
    bool done = true;
    for (std::size_t t = 0; t < program_.size(); ++t) {
      State after = state;
      Thread& thread = after.threads[t];
      if (!thread.waiting.empty()) {
        done = false;
        const auto [location, value] = thread.waiting.front();
        thread.waiting.erase(thread.waiting.begin());
        after.memory[location] = value;
        go_on(after);
        after = state;
      }
      if (thread.next == program_[t].size()) continue;
      done = false;
      if (execute(after, thread, program_[t][thread.next])) {
        ++thread.next;
        go_on(after);
      }
    }
    if (!done) return;
    std::vector<int> outcome;
    for (const Thread& thread : state.threads) outcome.insert(outcome.end(), thread.read.begin(), thread.read.end());
    outcome.insert(outcome.end(), state.memory.begin(), state.memory.end());
    outcomes_.insert(outcome);
  }

  /// False if it has to wait for the thread's own stores.
  bool execute(State& state, Thread& thread, const Step& step) const {
    const bool plain_store = step.act == Act::store && step.order != std::memory_order_seq_cst && buffered_;
    const bool no_instruction = step.act == Act::fence && step.order != std::memory_order_seq_cst;
    if (step.act != Act::load && !plain_store && !no_instruction && !thread.waiting.empty()) return false;
    if (step.act == Act::fence) return true;
    if (plain_store) {
      thread.waiting.emplace_back(step.location, step.value);
      return true;
    }
    int& here = state.memory[step.location];
    if (step.act == Act::store) {
      here = step.value;
      return true;
    }
    int value = here;
    for (const auto& [location, waiting] : thread.waiting) {
      if (location == step.location) value = waiting;
    }
    thread.read.push_back(value);
    if (step.act == Act::add) here += step.value;
    if (step.act == Act::exchange || (step.act == Act::compare_exchange && value == step.expected)) here = step.value;
    return true;
  }

  const Program& program_;
  bool buffered_;
  std::set<State> seen_;
  Outcomes outcomes_;
};

}  // namespace foreseed::testing
