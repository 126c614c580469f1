#pragma once
// What a step touches, as one word: searches compare footprints far more often than they make them.
//
// Objects are numbered at first sight, so a number means the same in all executions of a search as long as equal objects
// have equal addresses there (see kernel/strategy.h).

#include <cstdint>
#include <span>
#include <vector>

namespace foreseed::explore {

using ObjectId = std::uint32_t;

/// One object: its number and whether it was written. Several: an index into the table, marked. Compare by conflict().
using Footprint = std::uint32_t;

inline constexpr Footprint touches_nothing = 0;
inline constexpr Footprint touches_everything = ~Footprint{0};

class Footprints {
 public:
  /// The number of the object at `address`, from 1.
  ObjectId object(const void* address);
  std::uint32_t object_count() const { return count_; }

  static Footprint of(ObjectId object, bool wrote) { return object << 1 | wrote; }
  /// What either touches.
  Footprint join(Footprint a, Footprint b);

  /// Whether steps of different tasks with these footprints do not commute.
  bool conflict(Footprint a, Footprint b) const {
    if (((a | b) & several) == 0) return a >> 1 == b >> 1 && ((a | b) & 1) != 0 && a != 0;
    return conflict_of_several(a, b);
  }

  /// The simple footprints that a footprint consists of.
  std::span<const Footprint> parts(const Footprint& footprint) const;

 private:
  static constexpr Footprint several = 1u << 31;
  bool conflict_of_several(Footprint a, Footprint b) const;
  void grow();

  struct Slot {
    std::uintptr_t address = 0;
    ObjectId id = 0;
  };
  std::vector<Slot> slots_ = std::vector<Slot>(256);
  std::uint32_t count_ = 0;
  std::vector<std::vector<Footprint>> lists_;  ///< sorted by object, each object once
};

}  // namespace foreseed::explore
