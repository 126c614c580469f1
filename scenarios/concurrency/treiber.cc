// Treiber's stack (1986), and how the ABA problem breaks it: a node that was taken off and put back looks as if nothing had
// happened. Nodes come from an array, so that this is no use after free. What the stack did must be linearizable.

#include <foreseed/history.h>
#include <foreseed/scenario.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "together.h"

namespace {

constexpr int nothing = 0;  ///< no node, or an empty stack

/// `tagged`: whether the head carries a number that grows with each change.
template <bool tagged>
class NodeStack {
 public:
  void push(int node) {
    std::uint64_t head = head_;
    do {
      next_[static_cast<std::size_t>(node)] = node_of(head);
    } while (!head_.compare_exchange_weak(head, changed(head, node)));
  }
  int pop() {
    std::uint64_t head = head_;
    while (node_of(head) != nothing) {
      const int below = next_[static_cast<std::size_t>(node_of(head))];
      if (head_.compare_exchange_weak(head, changed(head, below))) return node_of(head);
    }
    return nothing;
  }

 private:
  static int node_of(std::uint64_t head) { return static_cast<int>(head & 0xffffffff); }
  static std::uint64_t changed(std::uint64_t head, int node) {
    const std::uint64_t tag = tagged ? (head >> 32) + 1 : 0;
    return tag << 32 | static_cast<std::uint64_t>(node);
  }
  std::array<std::atomic<int>, 4> next_{};
  std::atomic<std::uint64_t> head_{nothing};
};

/// A stack of numbers, one operation at a time.
struct StackSpecification {
  struct Call {
    bool push = false;
    int value = 0;
  };
  using Return = int;
  std::vector<int> values;

  bool apply(const Call& call, const Return* returned) {
    if (call.push) {
      values.push_back(call.value);
      return true;
    }
    const int top = values.empty() ? nothing : values.back();
    if (!values.empty()) values.pop_back();
    return returned == nullptr || *returned == top;
  }
  bool operator==(const StackSpecification&) const = default;
  static std::string text(const Call& call, const Return* returned) {
    if (call.push) return "push " + std::to_string(call.value);
    return "pop: " + (returned == nullptr ? "?" : *returned == nothing ? "empty" : std::to_string(*returned));
  }
};

template <bool tagged>
void reused_nodes() {
  NodeStack<tagged> stack;
  foreseed::History<StackSpecification> history;
  const auto push = [&](int node) {
    history.record({true, node}, [&] {
      stack.push(node);
      return nothing;
    });
  };
  const auto pop = [&] { return history.record({}, [&] { return stack.pop(); }); };
  push(1);
  push(2);
  together([&] { pop(); },
           [&] {
             const int first = pop();
             pop();
             if (first != nothing) push(first);
           });
  for (int i = 0; i < 3; ++i) pop();
  FORESEED_CHECK_LINEARIZABLE(history);
}

/// As one writes it first: nodes on the heap, given back as soon as they are taken off.
class HeapStack {
 public:
  explicit HeapStack(bool gives_back_at_once) : gives_back_at_once_(gives_back_at_once) {}
  ~HeapStack() {
    while (pop() != nothing) {
    }
    for (Node* node = retired_; node != nullptr;) delete std::exchange(node, node->retired);
  }
  void push(int value) {
    auto* const node = new Node{value, head_, nullptr};
    while (!head_.compare_exchange_weak(node->next, node)) {
    }
  }
  int pop() {
    Node* node = head_;
    while (node != nullptr && !head_.compare_exchange_weak(node, node->next)) {
    }
    if (node == nullptr) return nothing;
    const int value = node->value;
    if (gives_back_at_once_) {
      delete node;  // another thread may be about to read its `next`
    } else {
      node->retired = retired_;
      while (!retired_.compare_exchange_weak(node->retired, node)) {
      }
    }
    return value;
  }

 private:
  struct Node {
    int value;
    Node* next;
    Node* retired;
  };
  bool gives_back_at_once_;
  std::atomic<Node*> head_{nullptr};
  std::atomic<Node*> retired_{nullptr};
};

void two_poppers(bool gives_back_at_once) {
  HeapStack stack(gives_back_at_once);
  stack.push(1);
  stack.push(2);
  int taken[2] = {};
  together([&] { taken[0] = stack.pop(); }, [&] { taken[1] = stack.pop(); });
  FORESEED_CHECK(taken[0] + taken[1] == 3);
}

}  // namespace

FORESEED_SCENARIO(treiber_aba, "nodes are used again, and the head has no tag (fails: check)") { reused_nodes<false>(); }
FORESEED_SCENARIO(treiber_tagged, "the repaired twin: the head has a tag (holds)") { reused_nodes<true>(); }

FORESEED_SCENARIO(treiber_freed, "a node is freed although another thread may read it (fails: data race)") { two_poppers(true); }
FORESEED_SCENARIO(treiber_retired, "the repaired twin: nodes are freed with the stack (holds)") { two_poppers(false); }
