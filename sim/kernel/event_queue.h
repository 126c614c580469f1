#pragma once
// What will happen at which virtual time. Ordered by (time, sequence): of two events at one instant the one scheduled
// first comes first, whatever the standard library. Events that are no longer wanted are skipped when they surface
// (`Alarm` says how).
//
// What comes before `horizon_` stands in a 4-ary heap of 16-byte keys, the four children of a node in one cache line
// (LaMarca and Ladner 1996); what an event does lies apart and does not move. The way down takes no decision that the
// processor could foretell wrongly. An event that comes before all others stands alone, for it is likely to be the next to
// go. Where more than a few hundred events are pending, the later ones wait unsorted in
// buckets by the highest bit in which their time differs from that of the first of them, as in a radix heap (Ahuja et al.
// 1990), and come into the heap one bucket at a time: so the heap stays in the nearest cache.

#include <algorithm>
#include <bit>
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
    for (; far_buckets_ != 0; far_buckets_ &= far_buckets_ - 1) far_[std::countr_zero(far_buckets_)].clear();
    near_only();
  }
  bool empty() const { return last_ < root; }
  std::size_t size() const { return near_size() + far_size_ + (!empty() && at(front) != latest); }
  std::uint64_t next_time() const { return time_of(first()); }
  Alarm top() const {
    const Key key = first();
    const Action& action = actions_[slot_of(key)];
    return {time_of(key), action.fire, action.context, action.argument};
  }

  void push(std::uint64_t time_ns, bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint64_t argument) {
    const Event event{time_ns, ++sequence_, {fire, context, argument}};
    if (__builtin_expect(time_ns >= horizon_ && far_size_ != 0, 0)) return put_far(event);
    if (!empty() && time_ns < next_time()) {
      const Key before = std::exchange(at(front), keep(event));
      if (before != latest) insert(before);
    } else {
      put_near(event);
    }
    if (__builtin_expect(near_size() > near_max_, 0)) spill();
  }

  void pop() {
    free_.push_back(static_cast<std::uint32_t>(slot_of(first())));
    if (at(front) != latest) {
      at(front) = latest;
      return;
    }
    const Key moved = std::exchange(at(last_), latest);
    if (--last_ < root) return refill();
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
  }

  /// If not null, called for events whose time comes soon, of many at once: with step 0 for each, then with step 1, and so
  /// on, so that what one step fetches into the caches tells where the next has to look, and all of them wait together.
  void (*fetch)(bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint32_t step) = nullptr;
  static constexpr std::uint32_t fetch_steps = 5;

  /// Drops every stale event; worth its O(n log n) when most are.
  void compact() {
    std::vector<Event> kept = take_all();
    std::erase_if(kept, [](const Event& event) { return !event.action.fire(event.action.context, event.action.argument, true); });
    near_only();
    for (const Event& event : kept) put_near(event);
    if (near_size() > near_max_) spill();
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
  struct Event {
    std::uint64_t time_ns;
    std::uint64_t sequence;
    Action action;
  };

  /// Four children of one node. Where there are fewer, `latest` stands for the rest. The root is at position 3; the children
  /// of position i are family i - 2. Beside the root stands what comes before all of the heap, or `latest` for nothing;
  /// where the heap is empty there is nothing.
  struct alignas(64) Family {
    Key keys[4];
  };
  static constexpr std::size_t root = 3;
  static constexpr std::size_t front = 0;

  /// The next; there is one.
  Key first() const { return at(front) != latest ? at(front) : at(root); }

  Key& at(std::size_t position) { return families_[position / 4].keys[position % 4]; }
  const Key& at(std::size_t position) const { return families_[position / 4].keys[position % 4]; }

  void insert(Key key) {
    const std::size_t hole = ++last_;
    if (hole / 4 >= families_.size()) families_.emplace_back();
    if (hole % 4 == 0) families_[hole / 4] = {{latest, latest, latest, latest}};
    if (hole == root) at(front) = latest;
    rise(hole, key);
  }

  void rise(std::size_t hole, Key key) {
    for (std::size_t parent; hole != root && key < at(parent = hole / 4 + 2); hole = parent) at(hole) = at(parent);
    at(hole) = key;
  }

  std::size_t near_size() const { return last_ + 1 - root; }

  void put_near(const Event& event) { insert(keep(event)); }

  /// Puts aside what the event does.
  Key keep(const Event& event) {
    std::size_t slot = actions_.size();
    if (free_.empty()) {
      if (slot >> slot_bits != 0) __builtin_trap();
      actions_.push_back(event.action);
    } else {
      slot = free_.back();
      free_.pop_back();
      actions_[slot] = event.action;
    }
    return Key{event.time_ns} << 64 | (event.sequence << slot_bits | slot);
  }

  // --- what comes later ----------------------------------------------------------------------------------------------

  /// All events there are stand in the heap.
  void near_only() {
    horizon_ = ~std::uint64_t{0};
    near_max_ = heap_max;
    far_size_ = 0;
  }

  /// Bucket i holds times whose highest difference from far_base_ is bit i; the first, those with none too.
  void put_far(const Event& event) {
    const std::uint64_t difference = (event.time_ns ^ far_base_) | 1;
    const int bucket = std::bit_width(difference) - 1;
    far_[bucket].push_back(event);
    far_buckets_ |= std::uint64_t{1} << bucket;
    ++far_size_;
  }

  /// The heap is empty: the first bucket that is not comes into it, or as much of it as the heap is good for.
  __attribute__((noinline)) void refill() {
    if (far_size_ == 0) return near_only();
    for (;;) {
      const int bucket = std::countr_zero(far_buckets_);
      far_buckets_ &= far_buckets_ - 1;
      far_[bucket].swap(moving_);
      far_size_ -= moving_.size();
      const std::uint64_t below = (std::uint64_t{2} << bucket) - 1;  // the bits in which its times differ
      if (moving_.size() <= heap_max / 2 || bucket == 0) {
        far_base_ |= below;  // the last time of the bucket: the other buckets stay what they are
        horizon_ = far_base_ + (far_base_ != ~std::uint64_t{0});
        break;
      }
      far_base_ = ((far_base_ | below) ^ below) | std::uint64_t{1} << bucket;  // its first time
      for (const Event& event : moving_) put_far(event);
      moving_.clear();
    }
    for (std::uint32_t step = 0; fetch != nullptr && step < fetch_steps; ++step) {
      for (const Event& event : moving_) fetch(event.action.fire, event.action.context, step);
    }
    for (const Event& event : moving_) put_near(event);
    moving_.clear();
    near_max_ = std::max({heap_max, 2 * near_size(), far_size_ / 4});
  }

  std::vector<Event> take_all() {
    std::vector<Event> all;
    const auto take = [&](Key key) {
      const std::size_t slot = slot_of(key);
      all.push_back({time_of(key), static_cast<std::uint64_t>(key) >> slot_bits, actions_[slot]});
      free_.push_back(static_cast<std::uint32_t>(slot));
    };
    if (!empty() && at(front) != latest) take(at(front));
    for (std::size_t i = root; i <= last_; ++i) take(at(i));
    last_ = root - 1;
    for (; far_buckets_ != 0; far_buckets_ &= far_buckets_ - 1) {
      std::vector<Event>& bucket = far_[std::countr_zero(far_buckets_)];
      all.insert(all.end(), bucket.begin(), bucket.end());
      bucket.clear();
    }
    return all;
  }

  /// The heap has outgrown what it is good for: only the first few stay.
  __attribute__((noinline)) void spill() {
    std::vector<Event> all = take_all();
    const auto middle = all.begin() + heap_max / 2;
    std::nth_element(all.begin(), middle, all.end(),
                     [](const Event& a, const Event& b) { return a.time_ns < b.time_ns; });
    near_only();
    horizon_ = far_base_ = middle->time_ns;
    for (const Event& event : all) event.time_ns < horizon_ ? put_near(event) : put_far(event);
    near_max_ = std::max(heap_max, far_size_ / 4);
    if (empty()) refill();  // the first of them are all of one time
  }

  std::vector<Family> families_;
  std::size_t last_ = root - 1;  ///< position of the last key
  std::vector<Action> actions_;
  std::vector<std::uint32_t> free_;  ///< slots of actions_
  std::uint64_t sequence_ = 0;

  static constexpr std::size_t heap_max = 256;
  std::uint64_t horizon_ = ~std::uint64_t{0};
  std::size_t near_max_ = heap_max;
  std::vector<Event> far_[64];
  std::uint64_t far_buckets_ = 0;  ///< those that are not empty
  std::uint64_t far_base_ = 0;
  std::size_t far_size_ = 0;
  std::vector<Event> moving_;
};

}  // namespace foreseed
