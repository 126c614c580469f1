// fcntl(2) and flock(2) on open files. A host is one process: its locks by F_SETLK conflict with those of tasks of
// other hosts only, and with the locks of open files (F_OFD_SETLK).

#include <sys/file.h>

#include <cerrno>

#include "files/file.h"

namespace foreseed::files {

std::uint64_t File::process() const { return World::get().current().host; }

long File::lock(int command, struct flock& wanted) {
  std::int64_t first = wanted.l_start;
  switch (wanted.l_whence) {
    case SEEK_SET:
      break;
    case SEEK_CUR:
      first += static_cast<std::int64_t>(position);
      break;
    case SEEK_END:
      first += static_cast<std::int64_t>(inode.data.size());
      break;
    default:
      return -EINVAL;
  }
  std::int64_t last = wanted.l_len == 0 ? INT64_MAX : first + wanted.l_len - 1;
  if (wanted.l_len < 0) last = first - 1, first += wanted.l_len;
  if (first < 0 || last < first) return -EINVAL;
  const bool of_file = command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_OFD_GETLK;
  const RangeLock range{static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(last),
                        of_file ? owner() : process(), wanted.l_type == F_WRLCK};
  World& world = World::get();
  if (command == F_GETLK || command == F_OFD_GETLK) {
    const RangeLock* const other = inode.range_locks.conflict(range);
    wanted.l_type = other == nullptr ? F_UNLCK : other->exclusive ? F_WRLCK : F_RDLCK;
    if (other == nullptr) return 0;
    wanted.l_whence = SEEK_SET;
    wanted.l_start = static_cast<off_t>(other->first);
    wanted.l_len = other->last == INT64_MAX ? 0 : static_cast<off_t>(other->last - other->first + 1);
    wanted.l_pid = other->owner >> 63 != 0 ? -1 : static_cast<pid_t>(other->owner) + 1;
    return 0;
  }
  if (wanted.l_type == F_UNLCK) {
    inode.written.join(world.current().clock);
    world.current().release();
    if (inode.range_locks.clear(range.owner, range.first, range.last)) world.wake_all(inode.lock_waiters);
    return 0;
  }
  if (wanted.l_type == F_WRLCK ? !writable() : !readable()) return -EBADF;
  while (inode.range_locks.conflict(range) != nullptr) {
    if (command == F_SETLK || command == F_OFD_SETLK) return -EAGAIN;
    const Waiter waiter(inode.lock_waiters, world.current());
    world.wait(Op::file_lock, number);
    if (epoch_ != tree.epoch) return -EIO;
  }
  inode.range_locks.set(range);
  world.wake_all(inode.lock_waiters);  // an exclusive lock may have become a shared one
  world.current().clock.join(inode.written);
  return 0;
}

long File::control(int command, long argument) {
  switch (command) {
    case F_GETFL:
      return flags | (nonblocking ? O_NONBLOCK : 0);
    case F_SETFL: {
      nonblocking = (argument & O_NONBLOCK) != 0;
      flags = (flags & ~O_APPEND) | (static_cast<int>(argument) & O_APPEND);
      return 0;
    }
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW: {
      World::get().point(Op::file_lock);
      if (epoch_ != tree.epoch) return report(Op::file_lock, -EIO);
      const long result = lock(command, *reinterpret_cast<struct flock*>(argument));
      return report(Op::file_lock, result, result != -EAGAIN);
    }
    // How long what is written is going to live.
    case F_GET_RW_HINT:
    case F_GET_FILE_RW_HINT:
      *reinterpret_cast<std::uint64_t*>(argument) = inode.lifetime;
      return 0;
    case F_SET_RW_HINT:
    case F_SET_FILE_RW_HINT: {
      const std::uint64_t lifetime = *reinterpret_cast<const std::uint64_t*>(argument);
      if (lifetime > RWH_WRITE_LIFE_EXTREME) return -EINVAL;
      inode.lifetime = lifetime;
      return 0;
    }
    default:
      return Description::control(command, argument);
  }
}

long File::flock(int operation) {
  World& world = World::get();
  world.point(Op::file_lock);
  if (epoch_ != tree.epoch) return report(Op::file_lock, -EIO);
  const RangeLock whole{0, ~std::uint64_t{0}, owner(), (operation & LOCK_EX) != 0};
  if ((operation & LOCK_UN) != 0) {
    inode.written.join(world.current().clock);
    world.current().release();
    if (inode.flock.clear(owner())) world.wake_all(inode.lock_waiters);
    return report(Op::file_lock, 0);
  }
  if ((operation & (LOCK_SH | LOCK_EX)) == 0) return report(Op::file_lock, -EINVAL);
  while (inode.flock.conflict(whole) != nullptr) {
    if ((operation & LOCK_NB) != 0) return report(Op::file_lock, -EWOULDBLOCK, false);
    const Waiter waiter(inode.lock_waiters, world.current());
    world.wait(Op::file_lock, number);
    if (epoch_ != tree.epoch) return report(Op::file_lock, -EIO);
  }
  inode.flock.set(whole);
  world.wake_all(inode.lock_waiters);
  world.current().clock.join(inode.written);
  return report(Op::file_lock, 0);
}

}  // namespace foreseed::files
