#pragma once
// Programs of a few atomic operations on three locations, which are 0 at first; plain accesses, locks, semaphores and threads.

#include <algorithm>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

namespace foreseed::testing {

inline constexpr std::size_t locations = 3;
inline constexpr std::size_t cells = 2;       ///< plain variables
inline constexpr std::size_t locks = 3;
inline constexpr std::size_t shared_lock = 1; ///< the one that readers can share
inline constexpr std::size_t semaphores = 2;  ///< which are 0 and 1 at first

enum class Act : std::uint8_t {
  load, store, add, exchange, compare_exchange, fence,
  wait,         // until another value is found
  read, write,  // plain
  lock, try_lock, unlock, lock_shared, try_lock_shared, unlock_shared, post, take, try_take,
  start, join   // of a thread
};

/// What an operation is said to have read.
enum class Finds : std::uint8_t { anything, expected, other };

struct Step {
  Act act = Act::load;
  std::memory_order order = std::memory_order_relaxed;
  std::size_t location = 0;  ///< or cell, lock, semaphore, thread
  int value = 0;             ///< stored, or added; of an attempt: how many steps are left out if it fails
  int expected = 0;          ///< by a compare-exchange; what a wait waits to see no more
  std::memory_order failure = std::memory_order_relaxed;
  Finds finds = Finds::anything;
  bool weak = false;         ///< of a compare-exchange

  bool attempts() const { return act == Act::try_lock || act == Act::try_lock_shared || act == Act::try_take; }
  bool reads() const { return (act != Act::store && act <= Act::read && act != Act::fence && act != Act::wait) || attempts(); }
  bool atomic() const { return act <= Act::wait; }
  bool plain() const { return act == Act::read || act == Act::write; }
  bool calls() const { return act >= Act::lock; }
  bool shares() const { return act == Act::lock_shared || act == Act::try_lock_shared || act == Act::unlock_shared; }
  bool semaphore() const { return act == Act::post || act == Act::take || act == Act::try_take; }
  bool thread() const { return act >= Act::start; }
};
/// A thread begins when another starts it, or at once, if none does; the last one is the program's first.
using Program = std::vector<std::vector<Step>>;

/// What a program may read, step by step in the order of its threads, and then leave in its locations and cells; -1: the
/// step was left out.
using Outcomes = std::set<std::vector<int>>;

/// What may come of a program.
struct Verdict {
  Outcomes outcomes;   ///< of executions that come to the end and have no data race
  bool stuck = false;  ///< a deadlock
  bool races = false;
};

template <typename Is>
bool any(const Program& program, Is is) {
  return std::any_of(program.begin(), program.end(),
                     [&](const std::vector<Step>& steps) { return std::any_of(steps.begin(), steps.end(), is); });
}
inline bool any_waits(const Program& program) {
  return any(program, [](const Step& step) { return step.act == Act::wait; });
}
inline bool is_started(const Program& program, std::size_t thread) {
  return any(program, [thread](const Step& step) { return step.act == Act::start && step.location == thread; });
}

/// What locks and semaphores are at.
struct Objects {
  int owner[locks] = {-1, -1, -1};
  int readers[locks] = {};
  int count[semaphores] = {0, 1};
  auto operator<=>(const Objects&) const = default;

  /// Whether the call could be done now; starting and joining aside.
  bool open(const Step& step) const {
    switch (step.act) {
      case Act::lock: case Act::try_lock: return owner[step.location] < 0 && readers[step.location] == 0;
      case Act::lock_shared: case Act::try_lock_shared: return owner[step.location] < 0;
      case Act::take: case Act::try_take: return count[step.location] > 0;
      default: return true;
    }
  }
  void done(const Step& step, int thread) {
    switch (step.act) {
      case Act::lock: case Act::try_lock: owner[step.location] = thread; break;
      case Act::unlock: owner[step.location] = -1; break;
      case Act::lock_shared: case Act::try_lock_shared: ++readers[step.location]; break;
      case Act::unlock_shared: --readers[step.location]; break;
      case Act::post: ++count[step.location]; break;
      case Act::take: case Act::try_take: --count[step.location]; break;
      default: break;
    }
  }
};

}  // namespace foreseed::testing
