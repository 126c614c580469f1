#pragma once
// A queue of numbers, first in, first out, one operation at a time: what a queue for many threads must look like.

#include <foreseed/history.h>

#include <deque>
#include <string>

struct QueueSpecification {
  static constexpr int empty = -1;
  struct Call {
    bool push = false;
    int value = 0;
  };
  using Return = int;
  std::deque<int> values;

  bool apply(const Call& call, const Return* returned) {
    if (call.push) {
      values.push_back(call.value);
      return true;
    }
    const int first = values.empty() ? empty : values.front();
    if (!values.empty()) values.pop_front();
    return returned == nullptr || *returned == first;
  }
  bool operator==(const QueueSpecification&) const = default;
  static std::string text(const Call& call, const Return* returned) {
    if (call.push) return "push " + std::to_string(call.value);
    return "pop: " + (returned == nullptr ? "?" : *returned == empty ? "empty" : std::to_string(*returned));
  }
};

/// A queue of somebody's, with the history of what was done to it. `Queue` has bool push(int) and bool pop(int&).
template <typename Queue>
class RecordedQueue {
 public:
  void push(int value) {
    history_.record({true, value}, [&] {
      queue_.push(value);
      return value;
    });
  }
  int pop() {
    return history_.record({}, [&] {
      int value = 0;
      return queue_.pop(value) ? value : QueueSpecification::empty;
    });
  }
  const foreseed::History<QueueSpecification>& history() const { return history_; }

 private:
  Queue queue_;
  foreseed::History<QueueSpecification> history_;
};
