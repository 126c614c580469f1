#pragma once
// What will happen at which virtual time. Ordered by (time, sequence): of two events at one instant the one scheduled
// first comes first, whatever the standard library. Events that are no longer wanted are skipped when they surface
// (`Alarm` says how).
//
// A 4-ary heap of 16-byte keys, the four children of a node in one cache line (LaMarca and Ladner 1996); what an event does
// lies apart and does not move. The way down takes no decision that the processor could foretell wrongly.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace foreseed {

/// An event to come: `fire(context, argument)` is called when its time has come and returns false if the event turned
/// out to be stale, in which case time does not move for it.
struct Alarm {
  std::uint64_t time_ns;
  bool (*fire)(void* context, std::uint64_t argument, bool dry);  ///< dry: only say whether it would do anything
  void* context;
  std::uint64_t argument;
};

/// At most 2^24 events are pending, and 2^40 scheduled in one execution.
class EventQueue {
 public:
  void clear() {
    last_ = root - 1;
    sequence_ = 0;
    actions_.clear();
    free_.clear();
  }
  bool empty() const { return last_ < root; }
  std::size_t size() const { return last_ + 1 - root; }
  std::uint64_t next_time() const { return time_of(at(root)); }
  Alarm top() const {
    const Action& action = actions_[slot_of(at(root))];
    return {next_time(), action.fire, action.context, action.argument};
  }

  void push(std::uint64_t time_ns, bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint64_t argument) {
    std::size_t slot = actions_.size();
    if (free_.empty()) {
      if (slot >> slot_bits != 0) __builtin_trap();
      actions_.push_back({fire, context, argument});
    } else {
      slot = free_.back();
      free_.pop_back();
      actions_[slot] = {fire, context, argument};
    }
    insert(Key{time_ns} << 64 | (++sequence_ << slot_bits | slot));
  }

  void pop() {
    free_.push_back(static_cast<std::uint32_t>(slot_of(at(root))));
    const Key moved = std::exchange(at(last_), latest);
    if (--last_ < root) return;
    // The least children move up all the way to a leaf. What stood last goes there, and rarely has to rise.
    std::size_t hole = root;
    for (std::size_t family = 1; 4 * family <= last_; family = hole - 2) {
      const Key* const keys = families_[family].keys;
      const std::size_t left = less(keys[1], keys[0]);
      const std::size_t right = 2 + less(keys[3], keys[2]);
      const std::size_t least = left + ((right - left) & -less(keys[right], keys[left]));
      at(hole) = keys[least];
      hole = 4 * family + least;
    }
    rise(hole, moved);
    __builtin_prefetch(&actions_[slot_of(at(root))]);
  }

  /// Drops every stale event; worth its O(n log n) when most are.
  void compact() {
    std::vector<Key> kept;
    for (std::size_t i = root; i <= last_; ++i) {
      const Action& action = actions_[slot_of(at(i))];
      if (action.fire(action.context, action.argument, true)) {
        kept.push_back(at(i));
      } else {
        free_.push_back(static_cast<std::uint32_t>(slot_of(at(i))));
      }
    }
    last_ = root - 1;
    for (const Key key : kept) insert(key);
  }

 private:
  /// Time in the upper half; below, the sequence and the action's slot.
  __extension__ using Key = unsigned __int128;
  static constexpr Key latest = ~Key{0};
  static constexpr int slot_bits = 24;
  static std::size_t slot_of(Key key) { return static_cast<std::size_t>(key) & ((std::size_t{1} << slot_bits) - 1); }
  /// 1 or 0, and never a jump: which it is cannot be foretold.
  static std::size_t less(Key a, Key b) {
    std::size_t result = a < b;
    asm("" : "+r"(result));
    return result;
  }
  static std::uint64_t time_of(Key key) { return static_cast<std::uint64_t>(key >> 64); }

  struct Action {
    bool (*fire)(void*, std::uint64_t, bool);
    void* context;
    std::uint64_t argument;
  };

  /// Four children of one node. Where there are fewer, `latest` stands for the rest. The root stands alone, at position 3;
  /// the children of position i are family i - 2.
  struct alignas(64) Family {
    Key keys[4];
  };
  static constexpr std::size_t root = 3;

  Key& at(std::size_t position) { return families_[position / 4].keys[position % 4]; }
  const Key& at(std::size_t position) const { return families_[position / 4].keys[position % 4]; }

  void insert(Key key) {
    const std::size_t hole = ++last_;
    if (hole / 4 >= families_.size()) families_.emplace_back();
    if (hole % 4 == 0) families_[hole / 4] = {{latest, latest, latest, latest}};
    rise(hole, key);
  }

  void rise(std::size_t hole, Key key) {
    for (std::size_t parent; hole != root && key < at(parent = hole / 4 + 2); hole = parent) at(hole) = at(parent);
    at(hole) = key;
  }

  std::vector<Family> families_;
  std::size_t last_ = root - 1;  ///< position of the last key
  std::vector<Action> actions_;
  std::vector<std::uint32_t> free_;  ///< slots of actions_
  std::uint64_t sequence_ = 0;
};

}  // namespace foreseed
