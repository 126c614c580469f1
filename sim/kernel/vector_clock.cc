#include "kernel/vector_clock.h"

namespace foreseed {

void VectorClock::grow(std::uint32_t size) {
  if (data_ == inline_ && size > inline_size) {
    if (size > outgrown_size_) {
      outgrown_size_ = size * 2;
      outgrown_ = std::make_unique<std::uint32_t[]>(outgrown_size_);
    } else {
      std::fill_n(outgrown_.get(), outgrown_size_, 0u);
    }
    std::memcpy(outgrown_.get(), inline_, sizeof inline_);
    data_ = outgrown_.get();
  } else if (data_ != inline_ && size > outgrown_size_) {
    const std::uint32_t larger_size = size * 2;
    auto larger = std::make_unique<std::uint32_t[]>(larger_size);
    std::memcpy(larger.get(), data_, size_ * sizeof(std::uint32_t));
    outgrown_ = std::move(larger);
    outgrown_size_ = larger_size;
    data_ = outgrown_.get();
  }
  size_ = size;
}

}  // namespace foreseed
