#pragma once
// What will happen at which virtual time. Ordered by (time, sequence): of two events at one instant the one scheduled
// first comes first, whatever the standard library. A 4-ary heap; events that are no longer wanted are skipped when they
// surface (`Alarm` says how).

#include <cstddef>
#include <cstdint>
#include <vector>

namespace foreseed {

/// An event to come: `fire(context, argument)` is called when its time has come and returns false if the event turned
/// out to be stale, in which case time does not move for it.
struct Alarm {
  std::uint64_t time_ns;
  std::uint64_t sequence;
  bool (*fire)(void* context, std::uint64_t argument, bool dry);  ///< dry: only say whether it would do anything
  void* context;
  std::uint64_t argument;
};

class EventQueue {
 public:
  void clear() {
    heap_.clear();
    sequence_ = 0;
  }
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  const Alarm& top() const { return heap_.front(); }

  void push(std::uint64_t time_ns, bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint64_t argument) {
    heap_.push_back({time_ns, ++sequence_, fire, context, argument});
    sift_up(heap_.size() - 1);
  }

  void pop() {
    heap_.front() = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down(0);
  }

  /// Drops every stale event; worth its O(n) when most are.
  void compact() {
    std::erase_if(heap_, [](const Alarm& alarm) { return !alarm.fire(alarm.context, alarm.argument, true); });
    for (std::size_t i = heap_.size() / 4 + 1; i-- > 0;) {
      if (i < heap_.size()) sift_down(i);
    }
  }

 private:
  static bool before(const Alarm& a, const Alarm& b) {
    return a.time_ns != b.time_ns ? a.time_ns < b.time_ns : a.sequence < b.sequence;
  }

  void sift_up(std::size_t i) {
    const Alarm moved = heap_[i];
    for (std::size_t parent; i != 0 && before(moved, heap_[parent = (i - 1) / 4]); i = parent) heap_[i] = heap_[parent];
    heap_[i] = moved;
  }

  void sift_down(std::size_t i) {
    const Alarm moved = heap_[i];
    const std::size_t n = heap_.size();
    for (;;) {
      const std::size_t child = 4 * i + 1;
      if (child >= n) break;
      const std::size_t end = child + 4 < n ? child + 4 : n;
      std::size_t least = child;
      for (std::size_t c = child + 1; c < end; ++c) {
        if (before(heap_[c], heap_[least])) least = c;
      }
      if (!before(heap_[least], moved)) break;
      heap_[i] = heap_[least];
      i = least;
    }
    heap_[i] = moved;
  }

  std::vector<Alarm> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace foreseed
