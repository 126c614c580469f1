#pragma once
// The set of runnable tasks, ordered by task number, so that what choice k means never depends on history.

#include <bit>
#include <cstdint>
#include <vector>

namespace foreseed {

class ReadySet {
 public:
  /// Empties the set.
  void clear() {
    low_ = 0;
    high_.clear();
    count_ = 0;
  }

  std::uint32_t count() const { return count_; }

  bool contains(std::uint32_t task) const {
    return task / 64 <= high_.size() && ((word(task / 64) >> (task % 64)) & 1) != 0;
  }

  void insert(std::uint32_t task) {
    if (task / 64 > high_.size()) high_.resize(task / 64, 0);
    insert_word(task / 64, std::uint64_t{1} << (task % 64));
  }
  void erase(std::uint32_t task) { erase_word(task / 64, std::uint64_t{1} << (task % 64)); }

  /// The same for several of the tasks 0..63, one bit each.
  void insert_low(std::uint64_t tasks) { insert_word(0, tasks); }
  void erase_low(std::uint64_t tasks) { erase_word(0, tasks); }

  /// The k-th member, k < count(), counting upwards from task `start` and around.
  std::uint32_t nth_from(std::uint32_t start, std::uint32_t k) const {
    if (high_.empty()) {
      start %= 64;
      return (start + nth_bit(std::rotr(low_, static_cast<int>(start)), k)) % 64;
    }
    return nth_from_many(start, k);
  }

  /// The k for which nth_from(start, k) is `task`, a member.
  std::uint32_t rank_from(std::uint32_t start, std::uint32_t task) const {
    if (high_.empty()) {
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
    for (std::size_t index = 0; index <= high_.size(); ++index) {
      for (std::uint64_t left = word(index); left != 0; left &= left - 1) {
        visit(static_cast<std::uint32_t>(index * 64) + static_cast<std::uint32_t>(std::countr_zero(left)));
      }
    }
  }

 private:
  std::uint64_t word(std::size_t index) const { return index == 0 ? low_ : high_[index - 1]; }
  std::uint64_t& word(std::size_t index) { return index == 0 ? low_ : high_[index - 1]; }

  void insert_word(std::size_t index, std::uint64_t bits) {
    std::uint64_t& members = word(index);
    count_ += static_cast<std::uint32_t>(std::popcount(bits & ~members));
    members |= bits;
  }
  void erase_word(std::size_t index, std::uint64_t bits) {
    std::uint64_t& members = word(index);
    count_ -= static_cast<std::uint32_t>(std::popcount(bits & members));
    members &= ~bits;
  }

  static std::uint32_t nth_bit(std::uint64_t word, std::uint32_t k) {
    // Which k it is cannot be foretold: the first few go without a branch.
    for (; k >= 4; --k) word &= word - 1;
    const std::uint64_t second = word & (word - 1);
    const std::uint64_t third = second & (second - 1);
    const std::uint64_t rest[4] = {word, second, third, third & (third - 1)};
    return static_cast<std::uint32_t>(std::countr_zero(rest[k]));
  }

  __attribute__((noinline, cold)) std::uint32_t nth_from_many(std::uint32_t start, std::uint32_t k) const {
    const auto n = static_cast<std::uint32_t>(high_.size() + 1);
    const std::uint32_t first = start / 64 % n;
    const std::uint64_t upper = start / 64 < n ? ~std::uint64_t{0} << (start % 64) : ~std::uint64_t{0};
    for (std::uint32_t i = 0; i <= n; ++i) {
      const std::uint32_t index = (first + i) % n;
      std::uint64_t members = word(index);
      if (i == 0) members &= upper;
      if (i == n) members &= ~upper;
      const auto here = static_cast<std::uint32_t>(std::popcount(members));
      if (k < here) return index * 64 + nth_bit(members, k);
      k -= here;
    }
    __builtin_trap();  // k was not below count()
  }

  std::uint64_t low_ = 0;            ///< tasks 0..63
  std::vector<std::uint64_t> high_;  ///< the rest
  std::uint32_t count_ = 0;
};

}  // namespace foreseed
