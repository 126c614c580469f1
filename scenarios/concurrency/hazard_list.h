#pragma once
// A sorted list without locks (Michael, SPAA 2002), whose nodes are freed as soon as no hazard pointer names them (Michael,
// IEEE TPDS 2004). For two threads, which name themselves.

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace hazard_list {

/// `looks_again`: whether a thread looks, once its hazard pointer stands, that the node is still there. It must: the node
/// may have been freed before.
template <bool looks_again>
class List {
 public:
  static constexpr std::size_t threads = 2;

  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    for (Node* node = pointer(head_); node != nullptr;) {
      Node* const next = pointer(node->next);
      delete node;
      node = next;
    }
    for (const std::vector<Node*>& retired : retired_) {
      for (Node* const node : retired) delete node;
    }
  }

  bool insert(std::size_t self, int key) {
    auto* const node = new Node{key, {}};
    for (;;) {
      Position at = find(self, key);
      if (at.found) {
        delete node;
        clear(self);
        return false;
      }
      node->next = link(at.node);
      std::uintptr_t expected = link(at.node);
      if (at.link->compare_exchange_strong(expected, link(node))) {
        clear(self);
        return true;
      }
    }
  }

  bool remove(std::size_t self, int key) {
    for (;;) {
      const Position at = find(self, key);
      if (!at.found) {
        clear(self);
        return false;
      }
      std::uintptr_t next = at.next;
      if (!at.node->next.compare_exchange_strong(next, next | marked)) continue;
      std::uintptr_t expected = link(at.node);
      const bool mine = at.link->compare_exchange_strong(expected, at.next);
      if (!mine) find(self, key);  // which takes it out, if nobody else's walk has
      clear(self);
      if (mine) retire(self, at.node);
      return true;
    }
  }

  bool contains(std::size_t self, int key) {
    const bool found = find(self, key).found;
    clear(self);
    return found;
  }

 private:
  struct Node {
    int key;
    std::atomic<std::uintptr_t> next;  ///< the lowest bit: this node is being taken out
  };
  struct Position {
    std::atomic<std::uintptr_t>* link;  ///< that points to `node`
    Node* node;                         ///< the first whose key is not smaller
    std::uintptr_t next;                ///< after it
    bool found;
  };

  static constexpr std::uintptr_t marked = 1;
  static Node* pointer(std::uintptr_t link) { return reinterpret_cast<Node*>(link & ~marked); }
  static std::uintptr_t link(Node* node) { return reinterpret_cast<std::uintptr_t>(node); }

  Position find(std::size_t self, int key) {
  again:
    std::atomic<std::uintptr_t>* from = &head_;
    for (std::size_t depth = 0;; ++depth) {
      const std::uintptr_t here = *from;
      if ((here & marked) != 0) goto again;
      Node* const node = pointer(here);
      if (node == nullptr) return {from, nullptr, 0, false};
      hazard(self, depth) = node;  // the node before it keeps the other one
      if (looks_again && *from != here) goto again;
      const std::uintptr_t next = node->next;
      if ((next & marked) != 0) {
        std::uintptr_t expected = here;
        if (!from->compare_exchange_strong(expected, next & ~marked)) goto again;
        clear(self);
        retire(self, node);
        goto again;
      }
      if (looks_again && *from != here) goto again;
      if (node->key >= key) return {from, node, next, node->key == key};
      from = &node->next;
    }
  }

  std::atomic<Node*>& hazard(std::size_t self, std::size_t depth) { return hazards_[self * 2 + depth % 2]; }
  void clear(std::size_t self) {
    hazard(self, 0) = nullptr;
    hazard(self, 1) = nullptr;
  }

  void retire(std::size_t self, Node* node) {
    retired_[self].push_back(node);
    std::vector<Node*> kept;
    for (Node* const old : retired_[self]) {
      bool named = false;
      for (const std::atomic<Node*>& hazard : hazards_) named = named || hazard == old;
      if (named) kept.push_back(old);
      else delete old;
    }
    retired_[self] = std::move(kept);
  }

  std::atomic<std::uintptr_t> head_{0};
  std::array<std::atomic<Node*>, 2 * threads> hazards_{};
  std::array<std::vector<Node*>, threads> retired_;  ///< each its thread's own
};

}  // namespace hazard_list
