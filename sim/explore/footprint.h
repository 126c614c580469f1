#pragma once
// What a step touches, as one word: searches compare footprints far more often than they make them.
//
// Objects are numbered at first sight, so a number means the same in all executions of a search as long as equal objects
// have equal addresses there (see kernel/strategy.h). Where a search goes on in another process, or parts of it are done
// there, objects are told by object_name().

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "explore/archive.h"

namespace foreseed::explore {

using ObjectId = std::uint32_t;

/// One object: its number and whether it was written. Several: an index into the table, marked. Compare by conflict().
using Footprint = std::uint32_t;

inline constexpr Footprint touches_nothing = 0;
inline constexpr Footprint touches_everything = ~Footprint{0};

/// Spreads the bits of a number.
inline std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

class Footprints {
 public:
  /// The number of the object at `address`, from 1.
  ObjectId object(const void* address);

  static Footprint of(ObjectId object, bool wrote) { return object << 1 | wrote; }
  /// What either touches.
  Footprint join(Footprint a, Footprint b);

  /// Whether steps of different tasks with these footprints do not commute.
  bool conflict(Footprint a, Footprint b) const {
    if (((a | b) & several) == 0) return a >> 1 == b >> 1 && ((a | b) & 1) != 0 && a != 0;
    return conflict_of_several(a, b);
  }

  /// A summary of footprints: where those of two summaries have nothing in common, they all commute; and if exact(), only
  /// then.
  struct Summary {
    std::uint64_t touched = 0;
    std::uint64_t written = 0;

    void add(const Summary& other) {
      touched |= other.touched;
      written |= other.written;
    }
    bool overlaps(const Summary& other) const { return ((touched & other.written) | (written & other.touched)) != 0; }
  };
  Summary summary(Footprint footprint) const {
    if (__builtin_expect((footprint & several) != 0, 0)) return summary_of_several(footprint);
    const std::uint64_t bit = std::uint64_t{1} << (footprint >> 1) % 64;  // of no object, where it touches nothing
    return {bit | 1, (footprint & 1) != 0 ? bit : 0};
  }
  bool exact() const { return names_.size() <= 64; }

  /// Equal for equal footprints, in whatever process.
  std::uint64_t hash(Footprint footprint) const;

  void save(Writer& out) const;
  void load(Reader& in);
  /// What `footprint` of `other` is here.
  Footprint translate(const Footprints& other, Footprint footprint);

  /// The simple footprints that a footprint consists of.
  std::span<const Footprint> parts(const Footprint& footprint) const;

 private:
  static constexpr Footprint several = 1u << 31;
  bool conflict_of_several(Footprint a, Footprint b) const;
  Summary summary_of_several(Footprint footprint) const;
  void grow();
  ObjectId named(std::uint64_t name);
  Footprint list(std::vector<Footprint> parts);

  struct Slot {
    std::uintptr_t address = 0;
    ObjectId id = 0;
  };
  std::vector<Slot> slots_ = std::vector<Slot>(256);
  std::uint32_t seen_ = 0;                     ///< slots in use
  std::unordered_map<std::uint64_t, ObjectId> numbers_;
  std::vector<std::uint64_t> names_ = {0};     ///< by number
  std::vector<std::vector<Footprint>> lists_;  ///< sorted by object, each object once
};

}  // namespace foreseed::explore
