#pragma once
// What will happen at which virtual time. Ordered by (time, sequence): of two events at one instant the one scheduled
// first comes first, whatever the standard library. Events that are no longer wanted are skipped when they surface
// (`Alarm` says how).
//
// What comes before `horizon_` stands in a 4-ary heap of 16-byte keys, the four children of a node in one cache line
// (LaMarca and Ladner 1996); what an event does lies apart and does not move. The way down takes no decision that the
// processor could foretell wrongly. An event that comes before all others stands alone, for it is likely to be the next to
// go. Where more than a few hundred events are pending, the later ones wait unsorted in buckets by the highest hexadecimal
// digit in which their time differs from that of the first of them, and by what that digit is, as in a two-level radix heap
// (Ahuja et al. 1990). They come into the heap a few at a time: so the way down is short.

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
    clear_far([](const std::vector<Key>&) {});
    near_only();
  }
  bool empty() const { return last_ < root; }
  std::size_t size() const { return near_size() + far_size_ + (!empty() && at(front) != latest); }
  std::uint64_t next_time() const { return time_of(first()); }
  Alarm top() const {
    const Key key = first();
    const Action& action = action_of(key);
    return {time_of(key), action.fire, action.context, action.argument};
  }

  void push(std::uint64_t time_ns, bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint64_t argument) {
    const Key key = keep(time_ns, {fire, context, argument});
    if (__builtin_expect(time_ns >= horizon_ && far_size_ != 0, 0)) return put_far(key);
    if (!empty() && time_ns < next_time()) {
      const Key before = std::exchange(at(front), key);
      if (before != latest) insert(before);
    } else {
      insert(key);
    }
    if (__builtin_expect(near_size() > near_max_, 0)) spill();
  }

  void pop() {
    free_.push_back(slot_of(first()));
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
    const std::vector<Key> all = take_all();
    near_only();
    for (const Key key : all) {
      const Action& action = action_of(key);
      action.fire(action.context, action.argument, true) ? insert(key) : free_.push_back(slot_of(key));
    }
    if (near_size() > near_max_) spill();
  }

 private:
  /// Time in the upper half; below, the sequence and the action's slot.
  __extension__ using Key = unsigned __int128;
  static constexpr Key latest = ~Key{0};
  static constexpr int slot_bits = 24;
  static std::uint32_t slot_of(Key key) { return static_cast<std::uint32_t>(key) & ((1u << slot_bits) - 1); }
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
  const Action& action_of(Key key) const { return actions_[slot_of(key)]; }

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

  /// Puts aside what the event does.
  Key keep(std::uint64_t time_ns, const Action& action) {
    std::size_t slot = actions_.size();
    if (free_.empty()) {
      if (slot >> slot_bits != 0) __builtin_trap();
      actions_.push_back(action);
    } else {
      slot = free_.back();
      free_.pop_back();
      actions_[slot] = action;
    }
    return Key{time_ns} << 64 | (++sequence_ << slot_bits | slot);
  }

  // --- what comes later ----------------------------------------------------------------------------------------------

  /// All events there are stand in the heap.
  void near_only() {
    horizon_ = ~std::uint64_t{0};
    near_max_ = heap_max;
    far_size_ = 0;
  }

  static constexpr int digit_bits = 4;
  static constexpr std::uint32_t digits = 1u << digit_bits;
  /// The times of a level differ from far_base_ in this digit, and in none above; those of the first level perhaps in none.
  struct Level {
    std::vector<Key> of_digit[digits];
    std::uint32_t filled = 0;  ///< digits whose vector is not empty
  };

  void put_far(Key key) {
    const std::uint64_t time_ns = time_of(key);
    const int at = (std::bit_width((time_ns ^ far_base_) | 1) - 1) / digit_bits;
    Level& level = far_[at];
    const std::uint32_t digit = (time_ns >> at * digit_bits) % digits;
    level.of_digit[digit].push_back(key);
    level.filled |= 1u << digit;
    far_levels_ |= 1u << at;
    ++far_size_;
  }

  /// The heap is empty: the first buckets that are not come into it, as much of them as the heap is good for.
  __attribute__((noinline)) void refill() {
    if (far_size_ == 0) return near_only();
    const std::size_t portion = fetch != nullptr ? 32 : 8;  // where they are fetched, enough to hide what each waits for
    while (far_levels_ != 0) {
      const int at = std::countr_zero(far_levels_);
      Level& level = far_[at];
      const int digit = std::countr_zero(level.filled);
      std::vector<Key>& bucket = level.of_digit[digit];
      const bool fits = moving_.size() + bucket.size() <= portion;
      if (!fits && !moving_.empty()) break;
      level.filled &= level.filled - 1;
      if (level.filled == 0) far_levels_ &= far_levels_ - 1;
      far_size_ -= bucket.size();
      const int shift = at * digit_bits;
      const std::uint64_t below = (std::uint64_t{1} << shift) - 1;  // the bits in which its times differ
      const std::uint64_t first = (time_of(bucket.front()) | below) ^ below;
      if (fits || at == 0) {
        moving_.insert(moving_.end(), bucket.begin(), bucket.end());
        far_base_ = first | below;  // the last time of the bucket: the other buckets stay what they are
      } else {
        far_base_ = first;
        bucket.swap(dividing_);
        for (const Key key : dividing_) put_far(key);
        dividing_.clear();
      }
      bucket.clear();
    }
    horizon_ = far_base_ + (far_base_ != ~std::uint64_t{0});
    for (const Key key : moving_) __builtin_prefetch(&action_of(key));
    for (std::uint32_t step = 0; fetch != nullptr && step < fetch_steps; ++step) {
      for (const Key key : moving_) fetch(action_of(key).fire, action_of(key).context, step);
    }
    for (const Key key : moving_) insert(key);
    moving_.clear();
    near_max_ = std::max({heap_max, 2 * near_size(), far_size_ / 4});
  }

  /// Empties every bucket, after take(bucket).
  template <typename Take>
  void clear_far(Take take) {
    for (; far_levels_ != 0; far_levels_ &= far_levels_ - 1) {
      Level& level = far_[std::countr_zero(far_levels_)];
      for (; level.filled != 0; level.filled &= level.filled - 1) {
        std::vector<Key>& bucket = level.of_digit[std::countr_zero(level.filled)];
        take(bucket);
        bucket.clear();
      }
    }
  }

  std::vector<Key> take_all() {
    std::vector<Key> all;
    if (!empty() && at(front) != latest) all.push_back(at(front));
    for (std::size_t i = root; i <= last_; ++i) all.push_back(at(i));
    last_ = root - 1;
    clear_far([&](const std::vector<Key>& bucket) { all.insert(all.end(), bucket.begin(), bucket.end()); });
    return all;
  }

  /// The heap has outgrown what it is good for: only the first few stay.
  __attribute__((noinline)) void spill() {
    std::vector<Key> all = take_all();
    const auto middle = all.begin() + heap_max / 2;
    std::nth_element(all.begin(), middle, all.end());
    near_only();
    horizon_ = far_base_ = time_of(*middle);
    for (const Key key : all) time_of(key) < horizon_ ? insert(key) : put_far(key);
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
  Level far_[64 / digit_bits];
  std::uint32_t far_levels_ = 0;  ///< those that are not empty
  std::uint64_t far_base_ = 0;
  std::size_t far_size_ = 0;
  std::vector<Key> moving_;
  std::vector<Key> dividing_;
};

}  // namespace foreseed
