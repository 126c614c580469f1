#include "files/file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "files/mapped.h"
#include "io/descriptors.h"

namespace foreseed::files {

namespace {

constexpr std::uint64_t block_size = 512;

void fill_at_random(void* data, std::size_t size) {
  auto* out = static_cast<unsigned char*>(data);
  while (size != 0) {
    const std::uint32_t word =
        World::get().choose(static_cast<std::uint32_t>(Op::entropy), ChoiceKind::entropy, std::uint64_t{1} << 32);
    const std::size_t n = std::min(size, sizeof word);
    std::memcpy(out, &word, n);
    out += n;
    size -= n;
  }
}

}  // namespace

File::File(Tree& of, Inode& what, int open_flags)
    : Description(Kind::file, what.is_directory() ? "directory" : "file"),
      tree(of),
      inode(what),
      flags(open_flags),
      epoch_(of.epoch) {
  host = of.host;
  ++inode.opens;
}

File* find_file(int descriptor, long otherwise, long& error) {
  io::Description* const description = io::find(descriptor);
  if (description == nullptr) return error = -EBADF, nullptr;
  if (description->kind != io::Description::Kind::file) return error = otherwise, nullptr;
  return static_cast<File*>(description);
}

long File::trouble(Op op) {
  if (epoch_ != tree.epoch) return -EIO;
  return tree.failure(op);
}

long File::get(void* data, std::size_t size, std::uint64_t offset) {
  if (!readable()) return -EBADF;
  if (inode.is_directory()) return -EISDIR;
  if (const long error = trouble(Op::read); error != 0) return error;
  switch (inode.kind) {
    case Inode::Kind::null_device:
      return 0;
    case Inode::Kind::random_device:
      fill_at_random(data, size);
      return static_cast<long>(size);
    case Inode::Kind::zero_device:
    case Inode::Kind::full_device:
      std::memset(data, 0, size);
      return static_cast<long>(size);
    default:
      break;
  }
  World::get().current().clock.join(inode.written);
  if (inode.mapped) take_over_stores(inode);
  if (offset >= inode.data.size()) return 0;
  const std::size_t n = std::min<std::uint64_t>(size, inode.data.size() - offset);
  std::memcpy(data, inode.data.data() + offset, n);
  return static_cast<long>(n);
}

long File::put(const void* data, std::size_t size, std::uint64_t offset) {
  if (!writable()) return -EBADF;
  if (const long error = trouble(Op::write); error != 0) return error;
  if (inode.kind == Inode::Kind::full_device) return -ENOSPC;
  if (inode.is_device() || size == 0) return static_cast<long>(size);
  const std::uint64_t end = inode.data.size();
  if (offset + size > end) {
    const std::uint64_t most = end + tree.room();
    if (most <= offset) return -ENOSPC;
    size = std::min<std::uint64_t>(size, most - offset);
    tree.count(static_cast<std::int64_t>(std::max(end, offset + size) - end));
  }
  World& world = World::get();
  if (inode.mapped) take_over_stores(inode);
  inode.write(offset, {static_cast<const char*>(data), size});
  if ((flags & O_DSYNC) != 0) inode.make_data_durable();
  inode.modified_ns = wall_epoch_ns + world.now();
  inode.written.join(world.current().clock);
  world.current().release();
  return static_cast<long>(size);
}

long File::read_now(void* data, std::size_t size) {
  const long n = get(data, size, position);
  if (n > 0) position += static_cast<std::uint64_t>(n);
  return report(Op::read, n, n > 0);
}

long File::write_now(const void* data, std::size_t size) {
  if ((flags & O_APPEND) != 0) position = inode.data.size();
  const long n = put(data, size, position);
  if (n > 0) position += static_cast<std::uint64_t>(n);
  return report(Op::write, n);
}

long File::seek_now(std::int64_t offset, int whence) {
  if (inode.is_device()) return 0;
  const auto size = static_cast<std::int64_t>(inode.data.size());
  std::int64_t base = 0;
  switch (whence) {
    case SEEK_SET:
      break;
    case SEEK_CUR:
      base = static_cast<std::int64_t>(position);
      break;
    case SEEK_END:
      base = size;
      break;
    case SEEK_DATA:
      return offset >= 0 && offset < size ? position = static_cast<std::uint64_t>(offset), offset : -ENXIO;
    case SEEK_HOLE:
      return offset >= 0 && offset < size ? position = static_cast<std::uint64_t>(size), size : -ENXIO;
    default:
      return -EINVAL;
  }
  std::int64_t to;
  if (__builtin_add_overflow(base, offset, &to)) return -EOVERFLOW;
  if (to < 0) return -EINVAL;
  position = static_cast<std::uint64_t>(to);
  return to;
}

long File::read(void* data, std::size_t size) {
  World::get().point(Op::read);
  return read_now(data, size);
}

long File::write(const void* data, std::size_t size) {
  World::get().point(Op::write);
  return write_now(data, size);
}

long File::read_at(void* data, std::size_t size, std::uint64_t offset) {
  World::get().point(Op::read);
  return report(Op::read, get(data, size, offset), false);
}

long File::write_at(const void* data, std::size_t size, std::uint64_t offset) {
  World::get().point(Op::write);
  if ((flags & O_APPEND) != 0) offset = inode.data.size();  // as Linux has it, unlike POSIX
  return report(Op::write, put(data, size, offset));
}

long File::seek(std::int64_t offset, int whence) {
  World::get().point(Op::file_seek);
  const long result = seek_now(offset, whence);
  World::get().event(Op::file_seek, number, static_cast<std::int32_t>(result));
  return result;
}

long File::truncate(std::int64_t size) {
  World& world = World::get();
  world.point(Op::file_truncate);
  if (size < 0 || !writable() || inode.kind != Inode::Kind::file) return report(Op::file_truncate, -EINVAL);
  if (const long error = trouble(Op::file_truncate); error != 0) return report(Op::file_truncate, error);
  const auto to = static_cast<std::uint64_t>(size);
  const std::uint64_t from = inode.data.size();
  if (to > from && to - from > tree.room()) return report(Op::file_truncate, -ENOSPC);
  if (to != from) {
    if (inode.mapped) take_over_stores(inode);
    tree.count(size - static_cast<std::int64_t>(from));
    inode.truncate(to);
  }
  inode.modified_ns = wall_epoch_ns + world.now();
  return report(Op::file_truncate, 0);
}

long File::allocate(std::int64_t offset, std::int64_t size) {
  std::int64_t end;
  if (offset < 0 || size <= 0) return -EINVAL;
  if (!writable()) return -EBADF;
  if (__builtin_add_overflow(offset, size, &end)) return -EFBIG;
  return static_cast<std::uint64_t>(end) <= inode.data.size() ? 0 : truncate(end);
}

long File::sync(bool data_only) {
  const Op op = data_only ? Op::file_datasync : Op::file_sync;
  World::get().point(op);
  if (inode.is_device()) return report(op, -EINVAL);
  if (const long error = trouble(Op::file_sync); error != 0) return report(op, error);
  if (inode.is_directory()) {
    tree.make_names_durable(inode);
  } else {
    if (inode.mapped) take_over_stores(inode);
    inode.make_data_durable();
  }
  return report(op, 0);
}

std::size_t File::unread() const { return inode.data.size() > position ? inode.data.size() - position : 0; }

void File::descriptor_closed() {
  if (epoch_ != tree.epoch) return;
  if (inode.range_locks.clear(process())) World::get().wake_all(inode.lock_waiters);
}

void File::closed() {
  if (epoch_ != tree.epoch) return;
  const bool had_range = inode.range_locks.clear(owner());
  if (inode.flock.clear(owner()) || had_range) World::get().wake_all(inode.lock_waiters);
  --inode.opens;
  tree.let_go(inode);
}

void describe(const Tree& tree, const Inode& inode, struct stat& out) {
  std::memset(&out, 0, sizeof out);
  out.st_dev = 0x100 + tree.host;
  out.st_ino = inode.number;
  out.st_nlink = inode.links;
  const bool socket = inode.kind == Inode::Kind::socket;
  out.st_mode = inode.mode | (inode.is_directory() ? S_IFDIR : inode.is_device() ? S_IFCHR : socket ? S_IFSOCK : S_IFREG);
  out.st_blksize = 4096;
  if (inode.is_directory()) {
    out.st_size = 4096;
    out.st_nlink = inode.links == 0 ? 0 : 2;
    for (const auto& [name, child] : inode.names) out.st_nlink += child->is_directory();
  } else {
    out.st_size = static_cast<off_t>(inode.data.size());
  }
  out.st_blocks = static_cast<blkcnt_t>((inode.data.size() + block_size - 1) / block_size);
  out.st_mtim = {static_cast<time_t>(inode.modified_ns / 1'000'000'000),
                 static_cast<long>(inode.modified_ns % 1'000'000'000)};
  out.st_atim = out.st_ctim = out.st_mtim;
}

}  // namespace foreseed::files
