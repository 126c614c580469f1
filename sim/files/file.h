#pragma once
// An open file or directory of a host's tree.
//
// Reads take over what the writers of the bytes had done, so data that is handed over through a file is no race.
// Simulator code only.

#include <fcntl.h>
#include <sys/stat.h>

#include "files/tree.h"
#include "io/description.h"

namespace foreseed::files {

struct File final : io::Description {
  File(Tree& of, Inode& what, int open_flags);

  long read(void* data, std::size_t size) override;
  long write(const void* data, std::size_t size) override;
  /// pread(2) and pwrite(2).
  long read_at(void* data, std::size_t size, std::uint64_t offset);
  long write_at(const void* data, std::size_t size, std::uint64_t offset);
  long seek(std::int64_t offset, int whence);
  long truncate(std::int64_t size);
  /// Room for [offset, offset + size), as posix_fallocate(3).
  long allocate(std::int64_t offset, std::int64_t size);
  long sync(bool data_only);
  long control(int command, long argument) override;
  long flock(int operation);

  /// The same as read() and write(), but never a scheduling point: for stdio, which calls them with a lock of libc's.
  long read_now(void* data, std::size_t size);
  long write_now(const void* data, std::size_t size);
  long seek_now(std::int64_t offset, int whence);

  short readiness() const override { return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM; }
  std::size_t unread() const override;
  void descriptor_closed() override;
  void closed() override;

  bool readable() const { return (flags & O_ACCMODE) != O_WRONLY; }
  bool writable() const { return (flags & O_ACCMODE) != O_RDONLY; }

  Tree& tree;
  Inode& inode;
  int flags;
  std::uint64_t position = 0;

 private:
  /// EIO after a crash of the host, or the error that was planned for this operation.
  long trouble(Op op);
  long get(void* data, std::size_t size, std::uint64_t offset);
  long put(const void* data, std::size_t size, std::uint64_t offset);
  long lock(int command, struct flock& wanted);
  std::uint64_t process() const;
  std::uint64_t owner() const { return std::uint64_t{1} << 63 | number; }

  std::uint32_t epoch_;
};

/// The file behind a descriptor; null with the error to report in `error` (EBADF, or `otherwise` if it is no file).
File* find_file(int descriptor, long otherwise, long& error);

void describe(const Tree& tree, const Inode& inode, struct stat& out);

}  // namespace foreseed::files
