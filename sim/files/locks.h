#pragma once
// Locks on ranges of a file, as fcntl(2) gives them to a process (or to an open file), and flock(2) on the whole of it.
//
// An owner is a number that the caller makes up; ranges of one owner never conflict and never overlap. Nothing here
// waits.

#include <cstdint>
#include <vector>

namespace foreseed::files {

struct RangeLock {
  std::uint64_t first;
  std::uint64_t last;  ///< inclusive
  std::uint64_t owner;
  bool exclusive;
};

class RangeLocks {
 public:
  /// The first lock of another owner that is in the way of `wanted`; null if there is none.
  const RangeLock* conflict(const RangeLock& wanted) const;
  /// Takes `wanted`, in place of what its owner had of that range.
  void set(const RangeLock& wanted);
  /// Gives up what `owner` has of [first, last]; whether it had anything.
  bool clear(std::uint64_t owner, std::uint64_t first = 0, std::uint64_t last = ~std::uint64_t{0});
  void clear_all() { locks_.clear(); }

 private:
  std::vector<RangeLock> locks_;
};

}  // namespace foreseed::files
