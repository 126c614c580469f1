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

  void clear() { size_ = 0; }
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
    if (other.size_ > size_) grow(other.size_);
    const std::uint32_t n = other.size_;
    std::uint32_t* const mine = data_;
    const std::uint32_t* const theirs = other.data_;
    for (std::uint32_t i = 0; i < n; ++i) mine[i] = std::max(mine[i], theirs[i]);
  }

  void assign(const VectorClock& other) {
    if (other.size_ > capacity_) grow(other.size_);
    size_ = other.size_;
    if (size_ != 0) std::memcpy(data_, other.data_, size_ * sizeof(std::uint32_t));
  }

 private:
  void grow(std::uint32_t size) {
    if (size > capacity_) reserve(size);
    std::fill(data_ + size_, data_ + size, 0u);
    size_ = size;
  }

  void reserve(std::uint32_t size);

  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = inline_size;
  std::uint32_t* data_ = inline_;
  std::uint32_t inline_[inline_size];
  std::unique_ptr<std::uint32_t[]> outgrown_;
};

inline void VectorClock::reserve(std::uint32_t size) {
  const std::uint32_t capacity = std::max(size, capacity_ * 2);
  auto larger = std::make_unique<std::uint32_t[]>(capacity);
  std::memcpy(larger.get(), data_, size_ * sizeof(std::uint32_t));
  outgrown_ = std::move(larger);
  data_ = outgrown_.get();
  capacity_ = capacity;
}

}  // namespace foreseed
