#pragma once
// The set of runnable tasks, ordered by task number, so that what choice k means never depends on history.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace foreseed {

/// Whether the processor has BMI2, in which `pdep` finds the k-th bit that is set.
inline const bool has_pdep = __builtin_cpu_supports("bmi2") != 0;

class ReadySet {
 public:
  ReadySet() = default;
  ReadySet(const ReadySet& other) : low_(other.low_), count_(other.count_), newest_(other.newest_), words_(other.words_) {
    if (__builtin_expect(words_ != 0, 0)) many_ = std::make_unique<Many>(*other.many_);
  }
  ReadySet& operator=(const ReadySet& other) {
    low_ = other.low_;
    count_ = other.count_;
    newest_ = other.newest_;
    words_ = other.words_;
    if (__builtin_expect(words_ != 0, 0)) many_ = std::make_unique<Many>(*other.many_);
    return *this;
  }
  ~ReadySet() = default;

  /// Empties the set.
  void clear() {
    low_ = 0;
    count_ = 0;
    if (__builtin_expect(words_ != 0, 0)) many_->clear();
    words_ = 0;
  }

  std::uint32_t count() const { return count_; }

  bool contains(std::uint32_t task) const {
    if (__builtin_expect(task < 64, 1)) return ((low_ >> task) & 1) != 0;
    return task / 64 <= words_ && ((word(task / 64) >> (task % 64)) & 1) != 0;
  }

  void insert(std::uint32_t task) {
    __builtin_expect(task < 64, 1) ? insert_low(std::uint64_t{1} << task) : insert_high(task);
  }
  void erase(std::uint32_t task) {
    __builtin_expect(task < 64, 1) ? erase_low(std::uint64_t{1} << task) : erase_high(task);
  }

  /// The same for several of the tasks 0..63, one bit each.
  void insert_low(std::uint64_t tasks) {
    count_ += static_cast<std::uint32_t>(std::popcount(tasks & ~low_));
    low_ |= tasks;
  }
  void erase_low(std::uint64_t tasks) {
    count_ -= static_cast<std::uint32_t>(std::popcount(tasks & low_));
    low_ &= ~tasks;
  }

  /// The k-th member, k < count(), counting upwards from task `start` and around.
  std::uint32_t nth_from(std::uint32_t start, std::uint32_t k) const {
    if (__builtin_expect(words_ == 0, 1)) {
      start %= 64;
      return (start + nth_bit(std::rotr(low_, static_cast<int>(start)), k)) % 64;
    }
    return nth_from_many(start, k);
  }

  /// The k for which nth_from(start, k) is `task`, a member.
  std::uint32_t rank_from(std::uint32_t start, std::uint32_t task) const {
    if (__builtin_expect(words_ == 0, 1)) {
      start %= 64;
      const std::uint64_t turned = std::rotr(low_, static_cast<int>(start));
      return static_cast<std::uint32_t>(std::popcount(turned & ((std::uint64_t{1} << ((task - start) % 64)) - 1)));
    }
    std::uint32_t k = 0;
    while (nth_from_many(start, k) != task) ++k;
    return k;
  }

  /// Calls visit(task) for each member, in order. The set must not change meanwhile.
  template <typename Visit>
  void each(Visit visit) const {
    for (std::size_t index = 0; index <= words_; ++index) {
      for (std::uint64_t left = word(index); left != 0; left &= left - 1) {
        visit(static_cast<std::uint32_t>(index * 64) + static_cast<std::uint32_t>(std::countr_zero(left)));
      }
    }
  }

  /// The first member for which holds(task), in order; -1 if there is none.
  template <typename Holds>
  std::int64_t first(Holds holds) const {
    for (std::size_t index = 0; index <= words_; ++index) {
      for (std::uint64_t left = word(index); left != 0; left &= left - 1) {
        const std::uint32_t task = static_cast<std::uint32_t>(index * 64) + static_cast<std::uint32_t>(std::countr_zero(left));
        if (holds(task)) return task;
      }
    }
    return -1;
  }

 private:
  /// So many tasks are counted together, so that a member among 10,000 is found in some 20 steps.
  static constexpr std::uint32_t group_tasks = 1024;

  /// Tasks 64.. : a set without them is copied as three words.
  struct Many {
    std::vector<std::uint64_t> words;
    std::vector<std::uint32_t> groups;  ///< how many members each group has, but for tasks 0..63

    void clear() {
      words.clear();
      groups.clear();
    }
  };

  __attribute__((noinline)) void insert_high(std::uint32_t task) {
    const std::uint64_t bit = std::uint64_t{1} << (task % 64);
    if (task / 64 > words_) grow(task / 64);
    std::uint64_t& members = many_->words[task / 64 - 1];
    const std::uint32_t added = (members & bit) == 0;
    members |= bit;
    many_->groups[task / group_tasks] += added;
    count_ += added;
    newest_ = task;
  }
  __attribute__((noinline)) void erase_high(std::uint32_t task) {
    const std::uint64_t bit = std::uint64_t{1} << (task % 64);
    if (task / 64 > words_) return;
    std::uint64_t& members = many_->words[task / 64 - 1];
    const std::uint32_t dropped = (members & bit) != 0;
    members &= ~bit;
    many_->groups[task / group_tasks] -= dropped;
    count_ -= dropped;
  }

  std::uint64_t word(std::size_t index) const { return index == 0 ? low_ : many_->words[index - 1]; }

  void grow(std::size_t words) {
    if (many_ == nullptr) many_ = std::make_unique<Many>();
    if (words_ == 0) many_->clear();
    words_ = static_cast<std::uint32_t>(words);
    many_->words.resize(words, 0);
    many_->groups.resize(words * 64 / group_tasks + 1, 0);
  }

  static std::uint32_t nth_bit(std::uint64_t word, std::uint32_t k) {
    // Which k it is cannot be foretold: no branch on it, or for the first few, where the processor has no such instruction.
    if (__builtin_expect(has_pdep, 1)) {
      std::uint64_t bit;
      asm("pdep %2, %1, %0" : "=r"(bit) : "r"(std::uint64_t{1} << k), "r"(word));
      return static_cast<std::uint32_t>(__builtin_ctzll(bit));
    }
    for (; k >= 4; --k) word &= word - 1;
    const std::uint64_t second = word & (word - 1);
    const std::uint64_t third = second & (second - 1);
    const std::uint64_t rest[4] = {word, second, third, third & (third - 1)};
    return static_cast<std::uint32_t>(std::countr_zero(rest[k]));
  }

  static std::uint32_t ones(std::uint64_t word) { return static_cast<std::uint32_t>(std::popcount(word)); }

  __attribute__((noinline)) std::uint32_t nth_from_many(std::uint32_t start, std::uint32_t k) const {
    if (count_ == 1 && low_ != 0) return static_cast<std::uint32_t>(std::countr_zero(low_));
    if (count_ == 1 && contains(newest_)) return newest_;
    k += rank(start);
    return select(k < count_ ? k : k - count_);
  }

  /// Of many_->words, the first of a group; those of tasks 0..63 are in low_.
  static std::size_t first_word(std::size_t group) { return group == 0 ? 0 : group * (group_tasks / 64) - 1; }

  /// How many members are below `task`.
  std::uint32_t rank(std::uint32_t task) const {
    const std::size_t index = task / 64;
    if (index > words_) return count_;
    const std::uint64_t before = ~(~std::uint64_t{0} << (task % 64));
    if (index == 0) return ones(low_ & before);
    const std::uint64_t* const words = many_->words.data();
    const std::size_t group = task / group_tasks;
    std::uint32_t below = ones(low_) + ones(words[index - 1] & before);
    for (std::size_t i = 0; i < group; ++i) below += many_->groups[i];
    for (std::size_t i = first_word(group); i < index - 1; ++i) below += ones(words[i]);
    return below;
  }

  /// The k-th member from task 0 on, k < count().
  std::uint32_t select(std::uint32_t k) const {
    std::uint32_t members = ones(low_);
    if (k < members) return nth_bit(low_, k);
    k -= members;
    std::size_t group = 0;
    for (; k >= (members = many_->groups[group]); ++group) k -= members;
    const std::uint64_t* word = &many_->words[first_word(group)];
    for (; k >= (members = ones(*word)); ++word) k -= members;
    return static_cast<std::uint32_t>(word - many_->words.data() + 1) * 64 + nth_bit(*word, k);
  }

  std::uint64_t low_ = 0;  ///< tasks 0..63
  std::uint32_t count_ = 0;
  std::uint32_t newest_ = 0;  ///< of tasks 64.., the last to come, if it is still a member
  std::uint32_t words_ = 0;   ///< of many_; if there are none, it may have any
  std::unique_ptr<Many> many_;
};

}  // namespace foreseed
