#pragma once
// The machine of x86-TSO (Owens, Sarkar and Sewell, TPHOLs 2009), by brute force: each thread's stores wait in a queue of its
// own, in which its loads look first. Who starts a thread, hands on a lock or posts a semaphore has waited for its own stores,
// and so has who ends. Who takes a lock need not. Shares nothing with the simulator.

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
  enum class Takes : std::uint8_t { locked, early };

  /// What the program may do on it, or, if no store ever waits, under sequential consistency. `takes`: whether who takes a lock
  /// or a semaphore, or tries, waits for its own stores; if not, an attempt may fail for no reason.
  static Verdict outcomes(const Program& program, bool buffered, Takes takes = Takes::early) {
    StoreBuffers machine{program, buffered, takes};
    State state{{}, {}, {}, std::vector<Thread>(program.size())};
    for (std::size_t t = 0; t < program.size(); ++t) {
      state.threads[t].running = !is_started(program, t);
      for (const Step& step : program[t]) state.threads[t].read.insert(state.threads[t].read.end(), step.reads() ? 1 : 0, -1);
    }
    machine.go_on(state);
    return machine.verdict_;
  }

 private:
  struct Thread {
    bool running = true;
    std::size_t next = 0;
    std::size_t result = 0;  ///< of the next step that reads
    std::vector<std::pair<std::size_t, int>> waiting;  ///< location and value, oldest first
    std::vector<int> read;
    auto operator<=>(const Thread&) const = default;
  };
  struct State {
    std::array<int, locations> memory{};
    std::array<int, cells> plain{};
    Objects objects;
    std::vector<Thread> threads;
    auto operator<=>(const State&) const = default;
  };

  StoreBuffers(const Program& program, bool buffered, Takes takes) : program_(program), buffered_(buffered), takes_(takes) {}

  bool ended(const State& state, std::size_t t) const {
    const Thread& thread = state.threads[t];
    return thread.running && thread.next == program_[t].size() && thread.waiting.empty();
  }

  void go_on(State state) {
    if (!seen_.insert(state).second) return;
    bool any = false;
    bool all_ended = true;
    for (std::size_t t = 0; t < program_.size(); ++t) {
      all_ended &= ended(state, t);
      if (!state.threads[t].waiting.empty()) {
        any = true;
        State after = state;
        Thread& thread = after.threads[t];
        const auto [location, value] = thread.waiting.front();
        thread.waiting.erase(thread.waiting.begin());
        after.memory[location] = value;
        go_on(after);
      }
      if (!state.threads[t].running || state.threads[t].next == program_[t].size()) continue;
      const Step& step = program_[t][state.threads[t].next];
      for (const bool fails : {false, true}) {
        State after = state;
        if (fails && !step.attempts()) continue;
        if (!(step.calls() ? call(after, t, step, fails) : !fails && execute(after, after.threads[t], step))) continue;
        any = true;
        ++after.threads[t].next;
        go_on(after);
      }
    }
    if (any) return;
    if (!all_ended) {
      verdict_.stuck = true;
      return;
    }
    std::vector<int> outcome;
    for (const Thread& thread : state.threads) outcome.insert(outcome.end(), thread.read.begin(), thread.read.end());
    outcome.insert(outcome.end(), state.memory.begin(), state.memory.end());
    outcome.insert(outcome.end(), state.plain.begin(), state.plain.end());
    verdict_.outcomes.insert(outcome);
  }

  static void found(Thread& thread, int value) { thread.read[thread.result++] = value; }

  /// False if it has to wait.
  bool call(State& state, std::size_t t, const Step& step, bool fails) const {
    Thread& thread = state.threads[t];
    const bool unlocks = step.act == Act::unlock || step.act == Act::unlock_shared;
    const bool hands_on = unlocks || step.act == Act::post || step.act == Act::start;
    const bool early = takes_ == Takes::early && !hands_on;
    if (!early && !thread.waiting.empty()) return false;
    const bool open = state.objects.open(step) && (step.act != Act::join || ended(state, step.location));
    if (step.attempts()) {
      if (fails ? open && !(buffered_ && early) : !open) return false;
      found(thread, !fails);
    } else if (!open) {
      return false;
    }
    if (fails) {
      for (int i = 0; i < step.value; ++i) thread.result += program_[t][++thread.next].reads();
      return true;
    }
    state.objects.done(step, static_cast<int>(t));
    if (step.act == Act::start) state.threads[step.location].running = true;
    return true;
  }

  /// False if it has to wait for the thread's own stores.
  bool execute(State& state, Thread& thread, const Step& step) const {
    if (step.act == Act::read) found(thread, state.plain[step.location]);
    if (step.act == Act::write) state.plain[step.location] = step.value;
    if (step.plain()) return true;
    const bool plain_store = step.act == Act::store && step.order != std::memory_order_seq_cst && buffered_;
    const bool no_instruction = step.act == Act::fence && step.order != std::memory_order_seq_cst;
    const bool loads = step.act == Act::load || step.act == Act::wait;
    if (!loads && !plain_store && !no_instruction && !thread.waiting.empty()) return false;
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
    if (step.act == Act::wait) return value != step.expected;
    found(thread, value);
    if (step.act == Act::add) here += step.value;
    if (step.act == Act::exchange || (step.act == Act::compare_exchange && value == step.expected)) here = step.value;
    return true;
  }

  const Program& program_;
  bool buffered_;
  Takes takes_;
  std::set<State> seen_;
  Verdict verdict_;
};

}  // namespace foreseed::testing
