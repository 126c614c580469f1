#pragma once
// Vector clocks: which steps of every task happen before a point of the execution (Mattern 1989; FastTrack, Flanagan and
// Freund 2009). Component i counts the release operations of task i; a missing component is 0.
//
// A clock is as large as what it knows, and clocks that know the same share it: with 10,000 tasks, vectors of their own
// would be 10^8 components.
//   - The first twelve components stand in the clock: programs with few tasks need no allocation.
//   - One more, of any task, stands beside them: a task's own, which changes all the time.
//   - The rest is in leaves of 128 components, which are never changed while more than one clock points to them.
// Only the running execution uses them; memory of nodes is used again.

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace foreseed {

class VectorClock {
 public:
  static constexpr std::uint32_t inline_size = 12;
  struct Node;
  /// How many nodes clocks point to.
  static std::int64_t nodes();

  VectorClock() = default;
  ~VectorClock() { clear(); }
  VectorClock(const VectorClock&) = delete;
  VectorClock& operator=(const VectorClock&) = delete;

  void clear() {
    near_ = {};
    if (__builtin_expect(rest_ != nullptr, 0)) drop_rest();
  }

  std::uint32_t get(std::uint32_t task) const {
    return __builtin_expect(task < inline_size, 1) ? near_.low[task] : get_far(task);
  }

  /// Raises component `task` by one.
  void increment(std::uint32_t task) {
    if (__builtin_expect(task < inline_size, 1)) {
      ++near_.low[task];
      return;
    }
    if (near_.own_task != task) make_own(task);
    ++near_.own;
  }

  /// Component `task` becomes at least `value`.
  void raise(std::uint32_t task, std::uint32_t value) {
    if (__builtin_expect(task < inline_size, 1)) {
      near_.low[task] = std::max(near_.low[task], value);
    } else {
      raise_far(task, value);
    }
  }

  /// Whether it knows nothing.
  bool empty() const {
    std::uint32_t known = near_.own;
    for (std::uint32_t i = 0; i < inline_size; ++i) known |= near_.low[i];
    return known == 0 && rest_ == nullptr;
  }
  /// Components from here on are 0.
  std::uint32_t size() const { return __builtin_expect(near_.own_task == 0 && rest_ == nullptr, 1) ? inline_size : far_size(); }

  /// Component-wise maximum.
  void join(const VectorClock& other) {
    for (std::uint32_t i = 0; i < inline_size; ++i) near_.low[i] = std::max(near_.low[i], other.near_.low[i]);
    if (__builtin_expect(other.rest_ != nullptr || other.near_.own_task != 0, 0)) join_far(other);
  }

  /// Fetches what a join will touch first; the clock itself is at hand.
  void fetch() const;

  void assign(const VectorClock& other) {
    near_ = other.near_;
    if (__builtin_expect(rest_ != other.rest_, 0)) assign_rest(other);
  }

 private:
  std::uint32_t get_far(std::uint32_t task) const;
  void make_own(std::uint32_t task);
  void raise_far(std::uint32_t task, std::uint32_t value);
  std::uint32_t far_size() const;
  void join_far(const VectorClock& other);
  void assign_rest(const VectorClock& other);
  void drop_rest();

  struct Near {
    std::uint32_t low[inline_size] = {};
    std::uint32_t own = 0;
    std::uint32_t own_task = 0;  ///< 0: none; else not below inline_size. `rest_` may know less of it.
  };
  Near near_;
  Node* rest_ = nullptr;  ///< components from inline_size on
};

}  // namespace foreseed
