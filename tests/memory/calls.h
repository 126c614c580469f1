#pragma once
// The orders in which a program's calls - of locks, semaphores and threads - can be done, and what each lets happen before
// what. Shares nothing with the simulator.

#include <compare>
#include <set>
#include <utility>
#include <vector>

#include "tiny_program.h"

namespace foreseed::testing {

/// A step that is done, by its place in its thread.
struct Done {
  int thread;
  int index;
  bool failed;  ///< an attempt
  auto operator<=>(const Done&) const = default;
};

/// Orders of calls that agree in all that matters.
struct CallOrder {
  std::vector<std::vector<Done>> threads;
  std::set<std::pair<Done, Done>> synchronised;  ///< the first happens before the second
  std::set<std::pair<Done, Done>> ordered;       ///< it was done first
  auto operator<=>(const CallOrder&) const = default;
};

class Calls {
 public:
  /// `stuck`: some order does not come to the end.
  static std::set<CallOrder> orders(const Program& program, bool& stuck) {
    Calls calls(program);
    State state;
    state.done.resize(program.size());
    for (std::size_t t = 0; t < program.size(); ++t) state.running.push_back(!is_started(program, t));
    calls.go_on(state);
    stuck = calls.stuck_;
    return calls.orders_;
  }

 private:
  struct State {
    std::vector<bool> running;
    std::vector<std::vector<Done>> done;
    std::vector<Done> calls;
    std::vector<std::size_t> next = std::vector<std::size_t>(8, 0);
    Objects objects;
  };

  explicit Calls(const Program& program) : program_(program) {}

  const Step& at(const Done& done) const {
    return program_[static_cast<std::size_t>(done.thread)][static_cast<std::size_t>(done.index)];
  }
  bool ended(const State& state, std::size_t t) const { return state.running[t] && state.next[t] == program_[t].size(); }

  void go_on(State state) {
    bool any = false;
    bool all_ended = true;
    for (std::size_t t = 0; t < program_.size(); ++t) {
      while (state.running[t] && !ended(state, t) && !program_[t][state.next[t]].calls()) step(state, t, false);
    }
    for (std::size_t t = 0; t < program_.size(); ++t) {
      all_ended &= ended(state, t);
      if (!state.running[t] || ended(state, t)) continue;
      const Step& call = program_[t][state.next[t]];
      const bool open = state.objects.open(call) && (call.act != Act::join || ended(state, call.location));
      if (!open && !call.attempts()) continue;
      any = true;
      State after = state;
      step(after, t, !open);
      go_on(after);
    }
    if (any) return;
    all_ended ? void(orders_.insert(told(state))) : void(stuck_ = true);
  }

  void step(State& state, std::size_t t, bool failed) {
    const Step& step = program_[t][state.next[t]];
    const Done done{static_cast<int>(t), static_cast<int>(state.next[t]), failed};
    state.done[t].push_back(done);
    if (step.calls()) state.calls.push_back(done);
    state.next[t] += 1 + static_cast<std::size_t>(failed ? step.value : 0);
    if (failed) return;
    state.objects.done(step, static_cast<int>(t));
    if (step.act == Act::start) state.running[step.location] = true;
  }

  CallOrder told(const State& state) const {
    CallOrder order{state.done, {}, {}};
    for (std::size_t b = 0; b < state.calls.size(); ++b) {
      const Done later = state.calls[b];
      if (at(later).thread()) {
        for (const Done done : state.done[at(later).location]) {
          order.synchronised.insert(at(later).act == Act::start ? std::pair(later, done) : std::pair(done, later));
        }
      }
      for (std::size_t a = 0; a < b; ++a) {
        const Done earlier = state.calls[a];
        if (at(earlier).location != at(later).location || at(earlier).semaphore() != at(later).semaphore()) continue;
        if (at(earlier).thread() || at(later).thread()) continue;
        const bool post = at(earlier).act == Act::post && at(later).act == Act::post;
        const bool commute = post || (at(earlier).shares() && at(later).shares());
        if (!commute) order.ordered.emplace(earlier, later);
        if (synchronise(at(earlier), at(later)) && !later.failed) order.synchronised.emplace(earlier, later);
      }
    }
    return order;
  }

  /// Whether what comes before the one happens before what comes after the other, where the other is done later.
  static bool synchronise(const Step& earlier, const Step& later) {
    const bool takes = later.act == Act::lock || later.act == Act::try_lock;
    const bool shares = later.act == Act::lock_shared || later.act == Act::try_lock_shared;
    switch (earlier.act) {
      case Act::unlock: return takes || shares;
      case Act::unlock_shared: return takes;
      case Act::post: return later.act != Act::post;
      default: return false;
    }
  }

  const Program& program_;
  std::set<CallOrder> orders_;
  bool stuck_ = false;
};

}  // namespace foreseed::testing
