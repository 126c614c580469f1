#include "kernel/vector_clock.h"

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "kernel/fetch.h"
#include "kernel/layout.h"

namespace foreseed {

/// A leaf has the components of 128 tasks in a row, an index the leaves of all. Both are written from `low` up to `high` only,
/// and know nothing of the rest; to write nothing to more of them changes nothing, whoever shares them.
struct VectorClock::Node {
  std::uint32_t references;
  bool is_index;
  std::uint16_t low;   ///< of a leaf: in groups of components
  std::uint16_t high;
};

namespace {

using Node = VectorClock::Node;

constexpr std::uint32_t fan = 128;
constexpr std::uint32_t group = 8;     ///< components that one vector instruction takes
constexpr std::uint32_t leaves_max = 256;
static_assert(fan * leaves_max >= stacks_max);

struct alignas(64) Leaf : Node {
  std::uint16_t block;  ///< it stands for tasks from block * fan on
  alignas(group * 4) std::uint32_t values[fan];
};
struct alignas(64) Index : Node {
  Leaf* leaves[leaves_max];
};

Leaf& leaf(Node* node) { return *static_cast<Leaf*>(node); }
const Leaf& leaf(const Node* node) { return *static_cast<const Leaf*>(node); }
Index& index(Node* node) { return *static_cast<Index*>(node); }
const Index& index(const Node* node) { return *static_cast<const Index*>(node); }

std::int64_t nodes_in_use = 0;

/// Memory of nodes of one kind. Never given back, so that clocks may be destroyed at any time.
template <typename Kind>
class Pool {
 public:
  Kind* take(std::uint32_t at) {
    ++nodes_in_use;
    if (unused_ == nullptr) {
      constexpr std::size_t batch = 32;
      auto* const made = static_cast<std::byte*>(::operator new(batch * sizeof(Kind), std::align_val_t{alignof(Kind)}));
      for (std::size_t i = 0; i < batch; ++i) unused_ = new (made + i * sizeof(Kind)) Unused{unused_};
    }
    void* const memory = unused_;
    unused_ = unused_->next;
    Kind* const made = new (memory) Kind;
    made->references = 1;
    made->is_index = std::is_same_v<Kind, Index>;
    made->low = made->high = static_cast<std::uint16_t>(at);
    return made;
  }
  void put_back(Kind& kind) {
    --nodes_in_use;
    unused_ = new (&kind) Unused{unused_};
  }

 private:
  struct Unused {
    Unused* next;
  };
  Unused* unused_ = nullptr;
};
Pool<Leaf> leaves;
Pool<Index> indexes;

template <typename Kind>
Kind* share(Kind* node) {
  ++node->references;
  return node;
}

void drop(Leaf* leaf) {
  if (--leaf->references == 0) leaves.put_back(*leaf);
}

void drop(Node* node) {
  if (!node->is_index) return drop(&leaf(node));
  if (--node->references != 0) return;
  for (std::uint32_t i = node->low; i < node->high; ++i) {
    if (Leaf* const child = index(node).leaves[i]; child != nullptr) drop(child);
  }
  indexes.put_back(index(node));
}

void widen(Leaf& node, std::uint32_t low, std::uint32_t high) {
  for (; node.low > low; --node.low) std::memset(&node.values[(node.low - 1) * group], 0, group * 4);
  for (; node.high < high; ++node.high) std::memset(&node.values[node.high * group], 0, group * 4);
}

void widen(Index& node, std::uint32_t low, std::uint32_t high) {
  for (; node.low > low; --node.low) node.leaves[node.low - 1] = nullptr;
  for (; node.high < high; ++node.high) node.leaves[node.high] = nullptr;
}

// The functions below take over the caller's reference to `mine` and give one to what they return.

/// `mine`, or a copy where others point to it too.
Leaf* unshare(Leaf* mine) {
  if (mine->references == 1) return mine;
  --mine->references;
  Leaf* const copy = leaves.take(mine->low);
  copy->block = mine->block;
  copy->high = mine->high;
  const std::size_t first = mine->low * group;
  std::memcpy(&copy->values[first], &mine->values[first], (mine->high - mine->low) * group * 4);
  return copy;
}

Index* unshare(Index* mine) {
  if (mine->references == 1) return mine;
  --mine->references;
  Index* const copy = indexes.take(mine->low);
  copy->high = mine->high;
  for (std::uint32_t i = mine->low; i < mine->high; ++i) {
    if (Leaf* const child = copy->leaves[i] = mine->leaves[i]; child != nullptr) ++child->references;
  }
  return copy;
}

/// An index in which `mine` stands.
Index* lift(Node* mine) {
  if (mine->is_index) return &index(mine);
  const std::uint32_t block = leaf(mine).block;
  Index* const made = indexes.take(block);
  widen(*made, block, block + 1);
  made->leaves[block] = &leaf(mine);
  return made;
}

const Leaf* leaf_of(const Node* node, std::uint32_t block) {
  if (node == nullptr) return nullptr;
  if (!node->is_index) return leaf(node).block == block ? &leaf(node) : nullptr;
  return block >= node->low && block < node->high ? index(node).leaves[block] : nullptr;
}

std::uint32_t get(const Node* node, std::uint32_t task) {
  const Leaf* const found = leaf_of(node, task / fan);
  if (found == nullptr) return 0;
  const std::uint32_t at = task % fan / group;
  return at >= found->low && at < found->high ? found->values[task % fan] : 0;
}

/// Component `task`, which has less, becomes `value`. `mine` may be null.
Leaf* raise(Leaf* mine, std::uint32_t task, std::uint32_t value) {
  const std::uint32_t at = task % fan / group;
  if (mine == nullptr) {
    mine = leaves.take(at);
    mine->block = static_cast<std::uint16_t>(task / fan);
  } else {
    mine = unshare(mine);
  }
  widen(*mine, at, at + 1);
  mine->values[task % fan] = value;
  return mine;
}

/// Plain loops over whole groups, without a branch: the compiler makes vector instructions of them.
[[gnu::always_inline]] inline Leaf* merge_leaves_inline(Leaf* mine, Leaf* other) {
  const std::uint32_t low = std::min(mine->low, other->low);
  const std::uint32_t high = std::max(mine->high, other->high);
  widen(*mine, low, high);
  widen(*other, low, high);
  std::uint32_t* own = &mine->values[low * group];
  const std::uint32_t* const theirs = &other->values[low * group];
  const std::uint32_t count = (high - low) * group;
  std::uint32_t less = 0;
  std::uint32_t greater = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t most = std::max(own[i], theirs[i]);
    less |= most ^ own[i];
    greater |= most ^ theirs[i];
  }
  if (less == 0) return mine;
  if (greater == 0) {
    drop(mine);
    return share(other);
  }
  mine = unshare(mine);
  own = &mine->values[low * group];
  for (std::uint32_t i = 0; i < count; ++i) own[i] = std::max(own[i], theirs[i]);
  return mine;
}

// Where the processor has AVX2, twice as many components at once.
const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
[[gnu::target("avx2")]] Leaf* merge_leaves_avx2(Leaf* mine, Leaf* other) { return merge_leaves_inline(mine, other); }

/// The maximum of two that stand for the same tasks: `mine`, or one that is as good. `mine` may be null.
Leaf* merge_leaves(Leaf* mine, Leaf* other) {
  if (mine == nullptr) return share(other);
  return __builtin_expect(has_avx2, 1) ? merge_leaves_avx2(mine, other) : merge_leaves_inline(mine, other);
}

Index* merge_indexes(Index* mine, Index* other) {
  bool less = false;
  for (std::uint32_t i = other->low; i < other->high; ++i) {
    less |= other->leaves[i] != nullptr && (i < mine->low || i >= mine->high || mine->leaves[i] != other->leaves[i]);
  }
  if (!less) return mine;
  mine = unshare(mine);
  widen(*mine, other->low, other->high);
  bool equal = mine->low == other->low && mine->high == other->high;
  for (std::uint32_t i = other->low; i < other->high; ++i) {
    Leaf* const theirs = other->leaves[i];
    Leaf*& child = mine->leaves[i];
    if (theirs != nullptr && theirs != child) child = merge_leaves(child, theirs);
    equal &= child == theirs;
  }
  if (!equal) return mine;
  drop(mine);
  return share(other);
}

/// The maximum of both, shared with `other` where that knows all of it.
Node* merge(Node* mine, Node* other) {
  if (mine == nullptr) return share(other);
  if (other->is_index) return merge_indexes(lift(mine), &index(other));
  Leaf* const theirs = &leaf(other);
  if (!mine->is_index && leaf(mine).block == theirs->block) return merge_leaves(&leaf(mine), theirs);
  if (leaf_of(mine, theirs->block) == theirs) return mine;
  Index* const wide = unshare(lift(mine));
  widen(*wide, theirs->block, theirs->block + 1u);
  Leaf*& child = wide->leaves[theirs->block];
  child = merge_leaves(child, theirs);
  return wide;
}

/// Component `task` becomes at least `value`.
void raise_to(Node*& tree, std::uint32_t task, std::uint32_t value) {
  if (get(tree, task) >= value) return;
  const std::uint32_t block = task / fan;
  if (tree == nullptr || (!tree->is_index && leaf(tree).block == block)) {
    tree = raise(static_cast<Leaf*>(tree), task, value);
    return;
  }
  Index* const wide = unshare(lift(tree));
  widen(*wide, block, block + 1);
  wide->leaves[block] = raise(wide->leaves[block], task, value);
  tree = wide;
}

}  // namespace

std::int64_t VectorClock::nodes() { return nodes_in_use; }

void VectorClock::fetch() const {
  if (rest_ == nullptr) return;
  fetch_lines(rest_, 1);
  // As if it were a leaf: to ask would be to wait. What a task knows of is often of those made a little before it.
  fetch_lines(&leaf(rest_).values[std::max(near_.own_task % fan, group) - group], 2);
}

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
  std::uint32_t of_rest = inline_size;
  if (rest_ != nullptr) of_rest = rest_->is_index ? rest_->high * fan : leaf(rest_).block * fan + rest_->high * group;
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
