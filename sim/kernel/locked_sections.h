#pragma once
// Loops that look under a lock until another task has changed something, as a search sees them: who takes a lock, looks, and
// gives it back has changed nothing; and who does that again and again spins.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace foreseed {

/// What a task has written since a point that it comes to again and again, and whether that is now as it was there. What it
/// wrote the last time as well is compared with the end of that, for on a stack there may have been anything in between.
class Unchanged {
 public:
  bool knows(std::uintptr_t address, std::uint32_t size) const { return find(written_, address, size) != nullptr; }
  /// To be called before the first write to a place.
  void writes(std::uintptr_t address, std::uint32_t size);
  bool holds() const;
  /// The point is come to.
  void restart();
  void clear() {
    written_.clear();
    last_.clear();
  }

 private:
  struct Bytes {
    std::uintptr_t address;
    std::uint64_t value;
    std::uint32_t size;  ///< at most 8; 0: that cannot be told, and counts as a change
  };
  static constexpr std::size_t written_max = 128;

  static const Bytes* find(const std::vector<Bytes>& among, std::uintptr_t address, std::uint32_t size);
  std::vector<Bytes> written_;  ///< with the values before
  std::vector<Bytes> last_;
};

/// What a task does under locks, as far as that tells whether it only looks: see World::note_lock.
struct LockedSections {
  struct Lock {
    const void* address;
    std::uint32_t times;
  };
  std::uint32_t held = 0;
  std::uint32_t count = 0;
  Lock locks[4] = {};   ///< the last that it took, with nothing held, and how often
  bool watched = false;
  bool looked = false;  ///< since it last gave one back: under a lock it has read what it had not written
  Unchanged since_lock;
  Unchanged since_release;
};

}  // namespace foreseed
