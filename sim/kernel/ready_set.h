#pragma once
// The set of runnable tasks, ordered by task number, so that what choice k means never depends on history.

#include <bit>
#include <cstdint>
#include <vector>

namespace foreseed {

class ReadySet {
 public:
  /// Empties the set and makes room for `tasks` >= 1 members.
  void clear(std::uint32_t tasks) {
    words_.assign((tasks + 63) / 64, 0);
    count_ = 0;
  }

  std::uint32_t count() const { return count_; }

  bool contains(std::uint32_t task) const {
    return task / 64 < words_.size() && ((words_[task / 64] >> (task % 64)) & 1) != 0;
  }

  void insert(std::uint32_t task) {
    if (task / 64 >= words_.size()) words_.resize(task / 64 + 1, 0);
    const std::uint64_t bit = std::uint64_t{1} << (task % 64);
    count_ += (words_[task / 64] & bit) == 0;
    words_[task / 64] |= bit;
  }

  void erase(std::uint32_t task) {
    const std::uint64_t bit = std::uint64_t{1} << (task % 64);
    count_ -= (words_[task / 64] & bit) != 0;
    words_[task / 64] &= ~bit;
  }

  /// The k-th member, k < count(), counting upwards from task `start` and around.
  std::uint32_t nth_from(std::uint32_t start, std::uint32_t k) const {
    if (words_.size() == 1) {
      start %= 64;
      return (start + nth_bit(std::rotr(words_[0], static_cast<int>(start)), k)) % 64;
    }
    return nth_from_many(start, k);
  }

 private:
  static std::uint32_t nth_bit(std::uint64_t word, std::uint32_t k) {
    for (; k != 0; --k) word &= word - 1;
    return static_cast<std::uint32_t>(std::countr_zero(word));
  }

  std::uint32_t nth_from_many(std::uint32_t start, std::uint32_t k) const {
    const std::uint32_t n = static_cast<std::uint32_t>(words_.size());
    const std::uint32_t first = start / 64 % n;
    const std::uint64_t upper = start / 64 < n ? ~std::uint64_t{0} << (start % 64) : ~std::uint64_t{0};
    for (std::uint32_t i = 0; i <= n; ++i) {
      const std::uint32_t index = (first + i) % n;
      std::uint64_t word = words_[index];
      if (i == 0) word &= upper;
      if (i == n) word &= ~upper;
      const auto members = static_cast<std::uint32_t>(std::popcount(word));
      if (k < members) return index * 64 + nth_bit(word, k);
      k -= members;
    }
    __builtin_trap();  // k was not below count()
  }

  std::vector<std::uint64_t> words_{0};
  std::uint32_t count_ = 0;
};

}  // namespace foreseed
