#include "files/locks.h"

namespace foreseed::files {

const RangeLock* RangeLocks::conflict(const RangeLock& wanted) const {
  for (const RangeLock& lock : locks_) {
    if (lock.owner == wanted.owner || lock.last < wanted.first || lock.first > wanted.last) continue;
    if (lock.exclusive || wanted.exclusive) return &lock;
  }
  return nullptr;
}

void RangeLocks::set(const RangeLock& wanted) {
  clear(wanted.owner, wanted.first, wanted.last);
  locks_.push_back(wanted);
}

bool RangeLocks::clear(std::uint64_t owner, std::uint64_t first, std::uint64_t last) {
  bool had = false;
  std::vector<RangeLock> kept;
  for (const RangeLock& lock : locks_) {
    if (lock.owner != owner || lock.last < first || lock.first > last) {
      kept.push_back(lock);
      continue;
    }
    had = true;
    if (lock.first < first) kept.push_back({lock.first, first - 1, owner, lock.exclusive});
    if (lock.last > last) kept.push_back({last + 1, lock.last, owner, lock.exclusive});
  }
  locks_ = std::move(kept);
  return had;
}

}  // namespace foreseed::files
