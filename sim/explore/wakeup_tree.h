#pragma once
// Wakeup trees (Abdulla, Aronis, Jonsson, Sagonas: Source Sets, JACM 2017): at a scheduling point, the sequences of steps
// that are still to be explored from there, as an ordered tree.

#include <cstdint>
#include <vector>

#include "explore/footprint.h"

namespace foreseed::explore {

struct PlannedStep {
  std::uint32_t task = 0;
  Footprint footprint = touches_nothing;
  std::vector<std::uint32_t> values;  ///< its answers to choices other than of tasks
};

/// The trees of all scheduling points of an execution, in one pool.
class WakeupTrees {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  struct Node {
    PlannedStep step;
    std::uint32_t child = none;    ///< the first
    std::uint32_t sibling = none;  ///< the next
    std::uint32_t unit = 0;        ///< who explores it and what follows, see Search::hand_out()
  };

  Node& operator[](std::uint32_t node) { return nodes_[node]; }
  const Node& operator[](std::uint32_t node) const { return nodes_[node]; }

  std::uint32_t make(PlannedStep step) {
    if (free_ == none) {
      nodes_.emplace_back();
      nodes_.back().step = std::move(step);
      return static_cast<std::uint32_t>(nodes_.size() - 1);
    }
    const std::uint32_t node = free_;
    free_ = nodes_[node].sibling;
    nodes_[node] = {std::move(step)};
    return node;
  }

  void release(std::uint32_t node) {
    nodes_[node].sibling = free_;
    free_ = node;
  }

  /// Releases a node, its later siblings, and all below them.
  void release_list(std::uint32_t node) {
    while (node != none) {
      const std::uint32_t next = nodes_[node].sibling;
      release_all(node);
      node = next;
    }
  }

  /// Releases a node and all below it.
  void release_all(std::uint32_t node) {
    release_list(nodes_[node].child);
    release(node);
  }

 private:
  std::vector<Node> nodes_;
  std::uint32_t free_ = none;
};

}  // namespace foreseed::explore
