#include "kernel/vector_clock.h"

#include <cstddef>
#include <new>
#include <utility>

namespace foreseed {

/// Of height 0: the components of 32 tasks. Above: 32 nodes of the height below, each null where it knows nothing.
/// It stands for tasks from prefix * 32^(height + 1) on; the root is as low as what it knows allows.
struct VectorClock::Node {
  std::uint32_t references;
  std::uint16_t height;
  std::uint16_t prefix;
};

namespace {

using Node = VectorClock::Node;

constexpr std::uint32_t fan = 32;
constexpr std::uint32_t fan_bits = 5;

struct Leaf : Node {
  std::uint32_t values[fan];
};
struct Inner : Node {
  std::uint32_t width;    ///< so many children are written, the last of them not null; the rest is nothing
  Node* children[fan];
};

Leaf& leaf(Node* node) { return *static_cast<Leaf*>(node); }
const Leaf& leaf(const Node* node) { return *static_cast<const Leaf*>(node); }
Inner& inner(Node* node) { return *static_cast<Inner*>(node); }
const Inner& inner(const Node* node) { return *static_cast<const Inner*>(node); }

/// Nodes that nobody points to. Never given back, so that clocks may be destroyed at any time.
union Unused {
  Unused* next;
  Leaf leaf;
  Inner inner;
};
Unused* unused = nullptr;
std::int64_t nodes_in_use = 0;

void* take_memory() {
  ++nodes_in_use;
  if (unused == nullptr) {
    constexpr std::size_t batch = 64;
    auto* const made = static_cast<Unused*>(::operator new(batch * sizeof(Unused)));
    for (std::size_t i = 0; i < batch; ++i) {
      made[i].next = unused;
      unused = &made[i];
    }
  }
  Unused* const taken = unused;
  unused = taken->next;
  return taken;
}

/// Of a leaf, the values are the caller's to write.
Node* make_node(std::uint32_t height, std::uint32_t prefix) {
  Node* node;
  if (height == 0) {
    node = new (take_memory()) Leaf;
  } else {
    auto* const made = new (take_memory()) Inner;
    made->width = 0;
    node = made;
  }
  node->references = 1;
  node->height = static_cast<std::uint16_t>(height);
  node->prefix = static_cast<std::uint16_t>(prefix);
  return node;
}

Node* share(Node* node) {
  ++node->references;
  return node;
}

void drop(Node* node) {
  if (--node->references != 0) return;
  if (node->height != 0) {
    for (std::uint32_t i = 0; i < inner(node).width; ++i) {
      if (Node* const child = inner(node).children[i]; child != nullptr) drop(child);
    }
  }
  --nodes_in_use;
  auto* const memory = reinterpret_cast<Unused*>(node);
  memory->next = unused;
  unused = memory;
}

// The functions below take over the caller's reference to `mine` and give one to what they return.

/// `mine`, or a copy where others point to it too.
Node* unshare(Node* mine) {
  if (mine->references == 1) return mine;
  Node* const copy = make_node(mine->height, mine->prefix);
  if (mine->height == 0) {
    std::memcpy(leaf(copy).values, leaf(mine).values, sizeof leaf(mine).values);
  } else {
    const std::uint32_t width = inner(copy).width = inner(mine).width;
    for (std::uint32_t i = 0; i < width; ++i) {
      if (Node* const child = inner(copy).children[i] = inner(mine).children[i]; child != nullptr) ++child->references;
    }
  }
  --mine->references;
  return copy;
}

/// The prefix of a node that stands for `task`, and of one above `node`, at that height.
std::uint32_t prefix_of(std::uint32_t task, std::uint32_t height) { return task >> (fan_bits * (height + 1)); }
std::uint32_t prefix_of(const Node* node, std::uint32_t height) { return node->prefix >> (fan_bits * (height - node->height)); }

void widen(Inner& node, std::uint32_t width) {
  while (node.width < width) node.children[node.width++] = nullptr;
}

/// A node of that height above `mine`.
Node* lift(Node* mine, std::uint32_t height) {
  while (mine->height < height) {
    const std::uint32_t at = mine->prefix % fan;
    Node* const above = make_node(mine->height + 1u, mine->prefix / fan);
    widen(inner(above), at + 1);
    inner(above).children[at] = mine;
    mine = above;
  }
  return mine;
}

std::uint32_t get(const Node* node, std::uint32_t task) {
  if (node == nullptr || prefix_of(task, node->height) != node->prefix) return 0;
  while (node->height != 0) {
    const std::uint32_t at = (task >> (fan_bits * node->height)) % fan;
    if (at >= inner(node).width || inner(node).children[at] == nullptr) return 0;
    node = inner(node).children[at];
  }
  return leaf(node).values[task % fan];
}

/// Component `task`, which has less, becomes `value`. `mine` may be null, and is of that height otherwise.
Node* raise(Node* mine, std::uint32_t height, std::uint32_t task, std::uint32_t value) {
  const bool fresh = mine == nullptr;
  mine = fresh ? make_node(height, prefix_of(task, height)) : unshare(mine);
  if (height == 0) {
    if (fresh) std::memset(leaf(mine).values, 0, sizeof leaf(mine).values);
    leaf(mine).values[task % fan] = value;
  } else {
    const std::uint32_t at = (task >> (fan_bits * height)) % fan;
    widen(inner(mine), at + 1);
    Node*& child = inner(mine).children[at];
    child = raise(child, height - 1, task, value);
  }
  return mine;
}

struct Maximum {
  std::uint32_t most[fan];
  bool mine;    ///< it is `own`
  bool theirs;
};

/// Plain loops over whole leaves, without a branch: the compiler makes vector instructions of them.
[[gnu::always_inline]] inline Maximum maximum(const std::uint32_t* own, const std::uint32_t* theirs) {
  Maximum result;
  std::uint32_t less = 0;
  std::uint32_t greater = 0;
  for (std::uint32_t i = 0; i < fan; ++i) {
    const std::uint32_t most = result.most[i] = std::max(own[i], theirs[i]);
    less |= most ^ own[i];
    greater |= most ^ theirs[i];
  }
  result.mine = less == 0;
  result.theirs = greater == 0;
  return result;
}

/// `mine` with the maximum, or one that is as good.
[[gnu::always_inline]] inline Node* merge_leaves_inline(Node* mine, Node* other) {
  const Maximum both = maximum(leaf(mine).values, leaf(other).values);
  if (both.mine) return mine;
  if (both.theirs) {
    drop(mine);
    return share(other);
  }
  if (mine->references != 1) {
    --mine->references;
    mine = make_node(0, other->prefix);
  }
  std::memcpy(leaf(mine).values, both.most, sizeof both.most);
  return mine;
}

// Where the processor has AVX2, twice as many components at once.
const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
[[gnu::target("avx2")]] Node* merge_leaves_avx2(Node* mine, Node* other) { return merge_leaves_inline(mine, other); }

Node* merge_leaves(Node* mine, Node* other) {
  return __builtin_expect(has_avx2, 1) ? merge_leaves_avx2(mine, other) : merge_leaves_inline(mine, other);
}

Node* merge_inner(Node* mine, Node* other);

/// Of two that stand for the same tasks.
Node* merge_equal(Node* mine, Node* other) {
  return mine->height == 0 ? merge_leaves(mine, other) : merge_inner(mine, other);
}

Node* merge_inner(Node* mine, Node* other) {
  const std::uint32_t width = inner(other).width;
  bool less = width > inner(mine).width;
  for (std::uint32_t i = 0; i < std::min(width, inner(mine).width); ++i) {
    less |= inner(other).children[i] != nullptr && inner(mine).children[i] != inner(other).children[i];
  }
  if (!less) return mine;
  mine = unshare(mine);
  bool equal = inner(mine).width <= width;
  widen(inner(mine), width);
  for (std::uint32_t i = 0; i < width; ++i) {
    Node* const theirs = inner(other).children[i];
    Node*& child = inner(mine).children[i];
    if (theirs != nullptr && theirs != child) child = child == nullptr ? share(theirs) : merge_equal(child, theirs);
    equal &= child == theirs;
  }
  if (!equal) return mine;
  drop(mine);
  return share(other);
}

/// The maximum of both, shared with `other` where that knows all of it.
Node* merge(Node* mine, Node* other) {
  if (mine == nullptr) return share(other);
  if (mine->height == other->height && mine->prefix == other->prefix) return merge_equal(mine, other);
  std::uint32_t height = std::max(mine->height, other->height);
  while (prefix_of(mine, height) != prefix_of(other, height)) ++height;
  if (mine->height < height) mine = lift(mine, height);
  if (other->height == height) return merge_inner(mine, other);
  const std::uint32_t at = prefix_of(other, height - 1) % fan;
  if (at < inner(mine).width && inner(mine).children[at] == other) return mine;
  mine = unshare(mine);
  widen(inner(mine), at + 1);
  Node*& child = inner(mine).children[at];
  child = child == nullptr ? lift(share(other), height - 1) : merge(child, other);
  return mine;
}

/// Component `task` becomes at least `value`.
void raise_to(Node*& tree, std::uint32_t task, std::uint32_t value) {
  if (get(tree, task) >= value) return;
  std::uint32_t height = 0;
  if (tree != nullptr) {
    for (height = tree->height; prefix_of(tree, height) != prefix_of(task, height);) ++height;
    if (tree->height < height) tree = lift(tree, height);
  }
  tree = raise(tree, height, task, value);
}

}  // namespace

std::int64_t VectorClock::nodes() { return nodes_in_use; }

std::uint32_t VectorClock::get_far(std::uint32_t task) const {
  const std::uint32_t known = foreseed::get(rest_, task);
  return task == near_.own_task ? std::max(near_.own, known) : known;
}

void VectorClock::make_own(std::uint32_t task) {
  if (near_.own_task != 0) raise_to(rest_, near_.own_task, near_.own);
  near_.own_task = task;
  near_.own = foreseed::get(rest_, task);
}

void VectorClock::raise_far(std::uint32_t task, std::uint32_t value) {
  if (task == near_.own_task) {
    near_.own = std::max(near_.own, value);
  } else {
    raise_to(rest_, task, value);
  }
}

std::uint32_t VectorClock::far_size() const {
  const std::uint32_t of_rest =
      rest_ == nullptr ? inline_size : (rest_->prefix + 1u) << (fan_bits * (rest_->height + 1u));
  return std::max(of_rest, near_.own_task + 1);
}

void VectorClock::join_far(const VectorClock& other) {
  if (other.rest_ != nullptr && other.rest_ != rest_) rest_ = merge(rest_, other.rest_);
  const auto [theirs, task] = std::pair(other.near_.own, other.near_.own_task);
  if (task == 0) return;
  if (task == near_.own_task) {
    near_.own = std::max(near_.own, theirs);
  } else if (near_.own_task == 0) {
    near_.own_task = task;
    near_.own = theirs;
  } else {
    raise_to(rest_, task, theirs);
  }
}

void VectorClock::assign_rest(const VectorClock& other) {
  if (other.rest_ != nullptr) share(other.rest_);
  if (rest_ != nullptr) drop(rest_);
  rest_ = other.rest_;
}

void VectorClock::drop_rest() {
  drop(rest_);
  rest_ = nullptr;
}

}  // namespace foreseed
