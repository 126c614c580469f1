#pragma once
// Vector clocks: which steps of every task happen before a point of the execution (Mattern 1989; FastTrack, Flanagan and
// Freund 2009). Component i counts the release operations of task i; a missing component is 0.
// Kept small: up to twelve tasks need no allocation. Only the running execution uses them.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

namespace foreseed {

class VectorClock {
 public:
  static constexpr std::uint32_t inline_size = 12;

  VectorClock() = default;
  VectorClock(const VectorClock&) = delete;
  VectorClock& operator=(const VectorClock&) = delete;

  void clear() {
    size_ = 0;
    std::memset(inline_, 0, sizeof inline_);
    data_ = inline_;
  }
  std::uint32_t size() const { return size_; }
  std::uint32_t get(std::uint32_t task) const { return task < size_ ? data_[task] : 0; }

  void set(std::uint32_t task, std::uint32_t value) {
    if (task >= size_) grow(task + 1);
    data_[task] = value;
  }

  std::uint32_t increment(std::uint32_t task) {
    if (task >= size_) grow(task + 1);
    return ++data_[task];
  }

  /// Component-wise maximum.
  void join(const VectorClock& other) {
    if (__builtin_expect(data_ == inline_ && other.data_ == other.inline_, 1)) {
      for (std::uint32_t i = 0; i < inline_size; ++i) inline_[i] = std::max(inline_[i], other.inline_[i]);
      size_ = std::max(size_, other.size_);
      return;
    }
    if (other.size_ > size_) grow(other.size_);
    for (std::uint32_t i = 0; i < other.size_; ++i) data_[i] = std::max(data_[i], other.data_[i]);
  }

  void assign(const VectorClock& other) {
    if (__builtin_expect(other.data_ == other.inline_, 1)) {
      std::memcpy(inline_, other.inline_, sizeof inline_);
      data_ = inline_;
      size_ = other.size_;
      return;
    }
    clear();
    grow(other.size_);
    std::memcpy(data_, other.data_, size_ * sizeof(std::uint32_t));
  }

 private:
  void grow(std::uint32_t size);

  std::uint32_t size_ = 0;
  std::uint32_t* data_ = inline_;
  std::uint32_t inline_[inline_size] = {};  ///< from size_ on 0
  std::uint32_t outgrown_size_ = 0;
  std::unique_ptr<std::uint32_t[]> outgrown_;  ///< in place of inline_, from size_ on 0
};

}  // namespace foreseed
