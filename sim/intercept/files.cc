// Files by descriptor: opening, reading and writing at an offset, sizes, durability, locks.

#include <limits.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include "files/mapped.h"
#include "intercept/host_files.h"
#include "intercept/virtual.h"
#include "memory/isolation.h"
#include "memory/mappings.h"

using namespace foreseed;

namespace {

bool takes_mode(int flags) { return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE; }

int open_file(int directory, const char* path, int flags, mode_t mode) {
  if (virtual_path(directory, path)) {
    return static_cast<int>(inside([&] { return files::open(directory, path, flags, mode); }));
  }
  if (simulated_code() && ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0)) {
    return errno = EROFS, -1;
  }
  return opened_on_host(REAL(openat)(directory, path, flags, mode));
}

}  // namespace

FORESEED_EXPORT int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (takes_mode(flags)) {
    va_list list;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
  }
  return open_file(AT_FDCWD, path, flags, mode);
}

FORESEED_EXPORT int openat(int directory, const char* path, int flags, ...) {
  mode_t mode = 0;
  if (takes_mode(flags)) {
    va_list list;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
  }
  return open_file(directory, path, flags, mode);
}

FORESEED_EXPORT int creat(const char* path, mode_t mode) {
  return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

FORESEED_EXPORT int __open_2(const char* path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
FORESEED_EXPORT int __openat_2(int directory, const char* path, int flags) {
  return open_file(directory, path, flags, 0);
}

// --- at an offset

FORESEED_EXPORT ssize_t pread(int fd, void* data, size_t size, off_t offset) {
  if (!virtual_descriptor(fd)) {
    if (series_active) memory::make_writable(data, size);
    return REAL(pread)(fd, data, size, offset);
  }
  if (offset < 0) return errno = EINVAL, -1;
  return with_file(fd, -ESPIPE,
                   [&](files::File& file) { return file.read_at(data, size, static_cast<std::uint64_t>(offset)); });
}

FORESEED_EXPORT ssize_t __pread_chk(int fd, void* data, size_t size, off_t offset, size_t room) {
  if (size > room) abort();
  return pread(fd, data, size, offset);
}

FORESEED_EXPORT ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  if (!virtual_descriptor(fd)) return REAL(pwrite)(fd, data, size, offset);
  if (offset < 0) return errno = EINVAL, -1;
  return with_file(fd, -ESPIPE,
                   [&](files::File& file) { return file.write_at(data, size, static_cast<std::uint64_t>(offset)); });
}

namespace {

/// The parts as one piece: a file's vector calls are as little to be torn apart as its plain ones.
long size_of(const iovec* parts, int count) {
  if (count < 0 || count > IOV_MAX) return -EINVAL;
  std::size_t size = 0;
  for (int i = 0; i < count; ++i) size += parts[i].iov_len;
  return size > SSIZE_MAX ? -EINVAL : static_cast<long>(size);
}

long read_parts(files::File& file, const iovec* parts, int count, off_t offset) {
  const long size = size_of(parts, count);
  if (size < 0) return size;
  std::string piece(static_cast<std::size_t>(size), '\0');
  const long n = offset < 0 ? file.read(piece.data(), piece.size())
                            : file.read_at(piece.data(), piece.size(), static_cast<std::uint64_t>(offset));
  std::size_t done = 0;
  for (int i = 0; i < count && static_cast<long>(done) < n; ++i) {
    const std::size_t part = std::min(parts[i].iov_len, static_cast<std::size_t>(n) - done);
    done += piece.copy(static_cast<char*>(parts[i].iov_base), part, done);
  }
  return n;
}

long write_parts(files::File& file, const iovec* parts, int count, off_t offset) {
  const long size = size_of(parts, count);
  if (size < 0) return size;
  std::string piece;
  for (int i = 0; i < count; ++i) piece.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return offset < 0 ? file.write(piece.data(), piece.size())
                    : file.write_at(piece.data(), piece.size(), static_cast<std::uint64_t>(offset));
}

/// readv(2) and writev(2) on sockets, pipes and the like: as many parts as go without waiting, the first with.
template <typename Step>
ssize_t each_part(int fd, const iovec* parts, int count, short ready, Step step) {
  ssize_t total = 0;
  for (int i = 0; i < count; ++i) {
    if (parts[i].iov_len == 0) continue;
    if (total != 0) {
      const Entry entry;
      const io::Description* const on = io::find(fd);
      if (on == nullptr || (on->readiness() & ready) == 0) break;
    }
    const ssize_t n = step(fd, parts[i].iov_base, parts[i].iov_len);
    if (n < 0) return total != 0 ? total : n;
    total += n;
    if (static_cast<size_t>(n) < parts[i].iov_len) break;
  }
  return total;
}

bool is_file(int fd) {
  const Entry entry;
  const io::Description* const description = io::find(fd);
  return description != nullptr && description->kind == io::Description::Kind::file;
}

}  // namespace

FORESEED_EXPORT ssize_t readv(int fd, const iovec* parts, int count) {
  if (!virtual_descriptor(fd)) return REAL(readv)(fd, parts, count);
  if (!is_file(fd)) return each_part(fd, parts, count, POLLIN, read);
  return with_file(fd, -EBADF, [&](files::File& file) { return read_parts(file, parts, count, -1); });
}

FORESEED_EXPORT ssize_t writev(int fd, const iovec* parts, int count) {
  if (!virtual_descriptor(fd)) return REAL(writev)(fd, parts, count);
  if (!is_file(fd)) return each_part(fd, parts, count, ~0, write);
  return with_file(fd, -EBADF, [&](files::File& file) { return write_parts(file, parts, count, -1); });
}

FORESEED_EXPORT ssize_t preadv(int fd, const iovec* parts, int count, off_t offset) {
  if (!virtual_descriptor(fd)) return REAL(preadv)(fd, parts, count, offset);
  if (offset < 0) return errno = EINVAL, -1;
  return with_file(fd, -ESPIPE, [&](files::File& file) { return read_parts(file, parts, count, offset); });
}

FORESEED_EXPORT ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  if (!virtual_descriptor(fd)) return REAL(pwritev)(fd, parts, count, offset);
  if (offset < 0) return errno = EINVAL, -1;
  return with_file(fd, -ESPIPE, [&](files::File& file) { return write_parts(file, parts, count, offset); });
}

FORESEED_EXPORT off_t lseek(int fd, off_t offset, int whence) noexcept {
  if (!virtual_descriptor(fd)) return REAL(lseek)(fd, offset, whence);
  return with_file(fd, -ESPIPE, [&](files::File& file) { return file.seek(offset, whence); });
}

// --- durability and sizes

FORESEED_EXPORT int fsync(int fd) {
  if (!virtual_descriptor(fd)) return REAL(fsync)(fd);
  return static_cast<int>(with_file(fd, -EINVAL, [](files::File& file) { return file.sync(false); }));
}

FORESEED_EXPORT int fdatasync(int fd) {
  if (!virtual_descriptor(fd)) return REAL(fdatasync)(fd);
  return static_cast<int>(with_file(fd, -EINVAL, [](files::File& file) { return file.sync(true); }));
}

FORESEED_EXPORT void sync() noexcept {
  if (!simulated_code()) return REAL(sync)();
  const Entry entry;
  World& world = World::get();
  world.point(Op::file_sync);
  files::tree_of(world.current().host).make_all_durable();
  world.event(Op::file_sync, 0, 0);
}

FORESEED_EXPORT int syncfs(int fd) noexcept {
  if (!virtual_descriptor(fd)) return REAL(syncfs)(fd);
  sync();
  return 0;
}

/// Starts what may happen at any time: no promise.
FORESEED_EXPORT int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
  if (!virtual_descriptor(fd)) return REAL(sync_file_range)(fd, offset, size, flags);
  return static_cast<int>(with_file(fd, -ESPIPE, [](files::File&) { return 0L; }));
}

FORESEED_EXPORT int ftruncate(int fd, off_t size) noexcept {
  if (!virtual_descriptor(fd)) return REAL(ftruncate)(fd, size);
  return static_cast<int>(with_file(fd, -EINVAL, [&](files::File& file) { return file.truncate(size); }));
}

FORESEED_EXPORT int truncate(const char* path, off_t size) noexcept {
  if (virtual_path(AT_FDCWD, path)) return static_cast<int>(inside([&] { return files::truncate(path, size); }));
  return simulated_code() ? (errno = EROFS, -1) : REAL(truncate)(path, size);
}

FORESEED_EXPORT int posix_fallocate(int fd, off_t offset, off_t size) {
  if (!virtual_descriptor(fd)) return REAL(posix_fallocate)(fd, offset, size);
  const int before = errno;
  const long result = with_file(fd, -ESPIPE, [&](files::File& file) { return file.allocate(offset, size); });
  const int error = result < 0 ? errno : 0;
  errno = before;
  return error;
}

FORESEED_EXPORT int fallocate(int fd, int mode, off_t offset, off_t size) {
  if (!virtual_descriptor(fd)) return REAL(fallocate)(fd, mode, offset, size);
  if (mode != 0) return errno = EOPNOTSUPP, -1;
  return static_cast<int>(with_file(fd, -ESPIPE, [&](files::File& file) { return file.allocate(offset, size); }));
}

FORESEED_EXPORT int posix_fadvise(int fd, off_t offset, off_t size, int advice) noexcept {
  if (!virtual_descriptor(fd)) return REAL(posix_fadvise)(fd, offset, size, advice);
  const Entry entry;
  return io::find(fd) == nullptr ? EBADF : 0;
}

FORESEED_EXPORT int flock(int fd, int operation) noexcept {
  if (!virtual_descriptor(fd)) return REAL(flock)(fd, operation);
  return static_cast<int>(with_file(fd, -EINVAL, [&](files::File& file) { return file.flock(operation); }));
}

FORESEED_EXPORT ssize_t sendfile(int to, int from, off_t* offset, size_t size) noexcept {
  if (!simulated_code()) return REAL(sendfile)(to, from, offset, size);
  if (!io::is_virtual(to) || !io::is_virtual(from)) unsupported_call("sendfile() of a file of the host");
  std::string piece(std::min<std::size_t>(size, 64 * 1024), '\0');
  const ssize_t n = with_file(from, -EINVAL, [&](files::File& file) {
    const auto at = offset != nullptr ? static_cast<std::uint64_t>(*offset) : file.position;
    return file.read_at(piece.data(), piece.size(), at);
  });
  if (n <= 0) return n;
  const ssize_t sent = write(to, piece.data(), static_cast<std::size_t>(n));
  if (sent <= 0) return sent;
  if (offset != nullptr) {
    *offset += sent;
  } else {
    lseek(from, sent, SEEK_CUR);
  }
  return sent;
}

// --- memory that is mapped

FORESEED_EXPORT void* mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  if ((flags & MAP_ANONYMOUS) == 0 && virtual_descriptor(fd)) {
    void* mapped = MAP_FAILED;
    with_file(fd, -ENODEV, [&](files::File& file) {
      mapped = files::map(file, size, protection, flags, static_cast<std::uint64_t>(offset));
      return mapped == MAP_FAILED ? -static_cast<long>(errno) : 0;
    });
    return mapped;
  }
  if (address != nullptr || (flags & MAP_ANONYMOUS) == 0 || !simulated_code()) {
    return REAL(mmap)(address, size, protection, flags, fd, offset);
  }
  const Entry entry;
  return memory::map_anonymous(size, protection, flags);
}

FORESEED_EXPORT int munmap(void* address, size_t size) noexcept {
  if (simulated_code()) {
    const Entry entry;
    files::unmap(reinterpret_cast<std::uintptr_t>(address), size);
  }
  return REAL(munmap)(address, size);
}

FORESEED_EXPORT int msync(void* address, size_t size, int flags) {
  if (!simulated_code()) return REAL(msync)(address, size, flags);
  return static_cast<int>(
      inside([&] { return files::sync_mapped(reinterpret_cast<std::uintptr_t>(address), size, (flags & MS_SYNC) != 0); }));
}

/// Of memory that the run has mapped: what grows moves to an address that is the same in every run.
FORESEED_EXPORT void* mremap(void* address, size_t from, size_t to, int flags, ...) noexcept {
  if (!simulated_code()) {
    va_list list;
    va_start(list, flags);
    void* const wanted = (flags & MREMAP_FIXED) != 0 ? va_arg(list, void*) : nullptr;
    va_end(list);
    return REAL(mremap)(address, from, to, flags, wanted);
  }
  const Entry entry;
  const auto first = reinterpret_cast<std::uintptr_t>(address);
  if (to <= from && flags <= MREMAP_MAYMOVE) {
    if (to != from) files::unmap(first + to, from - to);
    return REAL(mremap)(address, from, to, 0);
  }
  if (flags != MREMAP_MAYMOVE || files::is_mapped(first, from)) unsupported_call("mremap() of a mapped file, or to a given address");
  void* const moved = memory::map_anonymous(to, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  if (moved == MAP_FAILED) return moved;
  std::memcpy(moved, address, from);
  REAL(munmap)(address, from);
  return moved;
}

// --- the names with 64 in them: off_t has as many bits

#define SAME(name, as) FORESEED_EXPORT decltype(as) name __attribute__((alias(#as)))
SAME(open64, open);
SAME(openat64, openat);
SAME(creat64, creat);
SAME(__open64_2, __open_2);
SAME(__openat64_2, __openat_2);
SAME(pread64, pread);
SAME(pwrite64, pwrite);
SAME(__pread64_chk, __pread_chk);
SAME(preadv64, preadv);
SAME(pwritev64, pwritev);
SAME(lseek64, lseek);
SAME(ftruncate64, ftruncate);
SAME(truncate64, truncate);
SAME(posix_fallocate64, posix_fallocate);
SAME(fallocate64, fallocate);
SAME(posix_fadvise64, posix_fadvise);
SAME(mmap64, mmap);
SAME(sendfile64, sendfile);
