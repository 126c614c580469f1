#pragma once
// A vector of counters, one per task, that can be copied and moved: what an event knows of each task, as epochs (see
// VectorClock) or as numbers of its seq_cst operations. A missing component is 0.

#include <cstdint>
#include <vector>

#include "kernel/vector_clock.h"

namespace foreseed::memory {

class Known {
 public:
  Known() = default;
  explicit Known(const VectorClock& clock) { join(clock); }

  std::uint32_t get(std::uint32_t task) const { return task < of_.size() ? of_[task] : 0; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(of_.size()); }
  bool empty() const { return of_.empty(); }
  void clear() { of_.clear(); }

  void raise(std::uint32_t task, std::uint32_t value) {
    if (task >= of_.size()) of_.resize(task + 1, 0);
    if (of_[task] < value) of_[task] = value;
  }
  template <typename Other>
  void join(const Other& other) {
    for (std::uint32_t i = 0; i < other.size(); ++i) {
      if (const std::uint32_t value = other.get(i); value != 0) raise(i, value);
    }
  }
  /// Teaches it to a task.
  void join_into(VectorClock& clock) const {
    for (std::uint32_t i = 0; i < size(); ++i) {
      if (of_[i] != 0) clock.raise(i, of_[i]);
    }
  }
  template <typename Other>
  bool same_as(const Other& other) const {
    for (std::uint32_t i = 0; i < size() || i < other.size(); ++i) {
      if (get(i) != other.get(i)) return false;
    }
    return true;
  }

 private:
  std::vector<std::uint32_t> of_;
};

}  // namespace foreseed::memory
