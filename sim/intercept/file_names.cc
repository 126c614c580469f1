// Files by name: what is there, and what it is called.

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "intercept/virtual.h"
#include "memory/isolation.h"

using namespace foreseed;

namespace {

/// Calls `use`, which changes something: the paths of the host are read-only.
template <typename Use, typename Real>
int change(int directory, const char* path, Use use, Real real) {
  if (virtual_path(directory, path)) return static_cast<int>(inside(use));
  return simulated_code() ? (errno = EROFS, -1) : real();
}

int stat_path(int directory, const char* path, int flags, struct stat* out) {
  const bool empty_path = (flags & AT_EMPTY_PATH) != 0;
  return static_cast<int>(inside([&] { return files::status(directory, path, empty_path, *out); }));
}

void prepare(void* out, std::size_t size) {
  if (series_active) memory::make_writable(out, size);
}

}  // namespace

// --- stat

FORESEED_EXPORT int stat(const char* path, struct stat* out) noexcept {
  if (virtual_path(AT_FDCWD, path)) return stat_path(AT_FDCWD, path, 0, out);
  prepare(out, sizeof *out);
  return REAL(stat)(path, out);
}

FORESEED_EXPORT int lstat(const char* path, struct stat* out) noexcept {
  if (virtual_path(AT_FDCWD, path)) return stat_path(AT_FDCWD, path, 0, out);
  prepare(out, sizeof *out);
  return REAL(lstat)(path, out);
}

FORESEED_EXPORT int fstat(int fd, struct stat* out) noexcept {
  if (virtual_descriptor(fd)) return static_cast<int>(inside([&] { return files::status(fd, *out); }));
  prepare(out, sizeof *out);
  return REAL(fstat)(fd, out);
}

FORESEED_EXPORT int fstatat(int directory, const char* path, struct stat* out, int flags) noexcept {
  if (virtual_path(directory, path)) return stat_path(directory, path, flags, out);
  prepare(out, sizeof *out);
  return REAL(fstatat)(directory, path, out, flags);
}

FORESEED_EXPORT int statx(int directory, const char* path, int flags, unsigned mask, struct statx* out) noexcept {
  if (!virtual_path(directory, path)) {
    prepare(out, sizeof *out);
    return REAL(statx)(directory, path, flags, mask, out);
  }
  struct stat plain;
  if (stat_path(directory, path, flags, &plain) != 0) return -1;
  std::memset(out, 0, sizeof *out);
  out->stx_mask = STATX_BASIC_STATS;
  out->stx_blksize = static_cast<unsigned>(plain.st_blksize);
  out->stx_nlink = static_cast<unsigned>(plain.st_nlink);
  out->stx_mode = static_cast<std::uint16_t>(plain.st_mode);
  out->stx_ino = plain.st_ino;
  out->stx_size = static_cast<std::uint64_t>(plain.st_size);
  out->stx_blocks = static_cast<std::uint64_t>(plain.st_blocks);
  out->stx_mtime.tv_sec = plain.st_mtim.tv_sec;
  out->stx_mtime.tv_nsec = static_cast<unsigned>(plain.st_mtim.tv_nsec);
  out->stx_atime = out->stx_ctime = out->stx_mtime;
  out->stx_dev_major = major(plain.st_dev);
  out->stx_dev_minor = minor(plain.st_dev);
  return 0;
}

FORESEED_EXPORT int stat64(const char* path, struct stat64* out) noexcept {
  return stat(path, reinterpret_cast<struct stat*>(out));
}
FORESEED_EXPORT int lstat64(const char* path, struct stat64* out) noexcept {
  return lstat(path, reinterpret_cast<struct stat*>(out));
}
FORESEED_EXPORT int fstat64(int fd, struct stat64* out) noexcept {
  return fstat(fd, reinterpret_cast<struct stat*>(out));
}
FORESEED_EXPORT int fstatat64(int directory, const char* path, struct stat64* out, int flags) noexcept {
  return fstatat(directory, path, reinterpret_cast<struct stat*>(out), flags);
}
static_assert(sizeof(struct stat) == sizeof(struct stat64));

FORESEED_EXPORT int access(const char* path, int mode) noexcept {
  if (virtual_path(AT_FDCWD, path))
    return static_cast<int>(inside([&] { return files::access(AT_FDCWD, path, mode); }));
  return REAL(access)(path, mode);
}
FORESEED_EXPORT int euidaccess(const char* path, int mode) noexcept {
  return simulated_code() ? access(path, mode) : REAL(euidaccess)(path, mode);
}
FORESEED_EXPORT int eaccess(const char* path, int mode) noexcept {
  return simulated_code() ? access(path, mode) : REAL(eaccess)(path, mode);
}
FORESEED_EXPORT int faccessat(int directory, const char* path, int mode, int flags) noexcept {
  if (virtual_path(directory, path))
    return static_cast<int>(inside([&] { return files::access(directory, path, mode); }));
  return REAL(faccessat)(directory, path, mode, flags);
}

// --- names

FORESEED_EXPORT int unlink(const char* path) noexcept {
  return change(
      AT_FDCWD, path, [&] { return files::unlink(AT_FDCWD, path, false); }, [&] { return REAL(unlink)(path); });
}

FORESEED_EXPORT int rmdir(const char* path) noexcept {
  return change(
      AT_FDCWD, path, [&] { return files::unlink(AT_FDCWD, path, true); }, [&] { return REAL(rmdir)(path); });
}

FORESEED_EXPORT int unlinkat(int directory, const char* path, int flags) noexcept {
  return change(
      directory, path, [&] { return files::unlink(directory, path, (flags & AT_REMOVEDIR) != 0); },
      [&] { return REAL(unlinkat)(directory, path, flags); });
}

FORESEED_EXPORT int remove(const char* path) noexcept {
  return change(
      AT_FDCWD, path, [&] { return files::remove(path); }, [&] { return REAL(remove)(path); });
}

FORESEED_EXPORT int mkdir(const char* path, mode_t mode) noexcept {
  return change(
      AT_FDCWD, path, [&] { return files::make_directory(AT_FDCWD, path, mode); },
      [&] { return REAL(mkdir)(path, mode); });
}

FORESEED_EXPORT int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  return change(
      directory, path, [&] { return files::make_directory(directory, path, mode); },
      [&] { return REAL(mkdirat)(directory, path, mode); });
}

FORESEED_EXPORT int renameat2(int from_directory, const char* from, int to_directory, const char* to,
                              unsigned flags) noexcept {
  if (!simulated_code()) return REAL(renameat2)(from_directory, from, to_directory, to, flags);
  if (!virtual_path(from_directory, from) || !virtual_path(to_directory, to)) return errno = EROFS, -1;
  if ((flags & ~unsigned{RENAME_NOREPLACE}) != 0) return errno = EINVAL, -1;
  return static_cast<int>(
      inside([&] { return files::rename(from_directory, from, to_directory, to, (flags & RENAME_NOREPLACE) == 0); }));
}

FORESEED_EXPORT int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return simulated_code() ? renameat2(from_directory, from, to_directory, to, 0)
                          : REAL(renameat)(from_directory, from, to_directory, to);
}

FORESEED_EXPORT int rename(const char* from, const char* to) noexcept {
  return simulated_code() ? renameat2(AT_FDCWD, from, AT_FDCWD, to, 0) : REAL(rename)(from, to);
}

FORESEED_EXPORT int linkat(int from_directory, const char* from, int to_directory, const char* to, int flags) noexcept {
  if (!simulated_code()) return REAL(linkat)(from_directory, from, to_directory, to, flags);
  if (!virtual_path(from_directory, from) || !virtual_path(to_directory, to)) return errno = EROFS, -1;
  return static_cast<int>(inside([&] { return files::link(from_directory, from, to_directory, to); }));
}

FORESEED_EXPORT int link(const char* from, const char* to) noexcept {
  return simulated_code() ? linkat(AT_FDCWD, from, AT_FDCWD, to, 0) : REAL(link)(from, to);
}

FORESEED_EXPORT ssize_t readlinkat(int directory, const char* path, char* out, size_t size) noexcept {
  if (virtual_path(directory, path)) return inside([&] { return files::read_link(directory, path); });
  prepare(out, size);
  return REAL(readlinkat)(directory, path, out, size);
}

FORESEED_EXPORT ssize_t readlink(const char* path, char* out, size_t size) noexcept {
  return simulated_code() ? readlinkat(AT_FDCWD, path, out, size) : REAL(readlink)(path, out, size);
}

FORESEED_EXPORT ssize_t __readlink_chk(const char* path, char* out, size_t size, size_t room) noexcept {
  if (size > room) std::abort();
  return readlink(path, out, size);
}

// --- modes, owners and times: modes are kept, the rest is not

FORESEED_EXPORT int chmod(const char* path, mode_t mode) noexcept {
  return change(
      AT_FDCWD, path, [&] { return files::change_mode(AT_FDCWD, path, mode); },
      [&] { return REAL(chmod)(path, mode); });
}

FORESEED_EXPORT int fchmodat(int directory, const char* path, mode_t mode, int flags) noexcept {
  return change(
      directory, path, [&] { return files::change_mode(directory, path, mode); },
      [&] { return REAL(fchmodat)(directory, path, mode, flags); });
}

FORESEED_EXPORT int fchmod(int fd, mode_t mode) noexcept {
  if (!virtual_descriptor(fd)) return REAL(fchmod)(fd, mode);
  return static_cast<int>(inside([&] { return files::change_mode(fd, mode); }));
}

namespace {

/// Succeeds where the file exists.
int exists(int directory, const char* path) {
  struct stat unused;
  if (path == nullptr) return static_cast<int>(inside([&] { return files::status(directory, unused); }));
  return stat_path(directory, path, AT_EMPTY_PATH, &unused);
}

}  // namespace

FORESEED_EXPORT int chown(const char* path, uid_t owner, gid_t group) noexcept {
  return simulated_code() ? exists(AT_FDCWD, path) : REAL(chown)(path, owner, group);
}
FORESEED_EXPORT int lchown(const char* path, uid_t owner, gid_t group) noexcept {
  return simulated_code() ? exists(AT_FDCWD, path) : REAL(lchown)(path, owner, group);
}
FORESEED_EXPORT int fchown(int fd, uid_t owner, gid_t group) noexcept {
  return virtual_descriptor(fd) ? exists(fd, nullptr) : REAL(fchown)(fd, owner, group);
}
FORESEED_EXPORT int fchownat(int directory, const char* path, uid_t owner, gid_t group, int flags) noexcept {
  return simulated_code() ? exists(directory, path) : REAL(fchownat)(directory, path, owner, group, flags);
}
FORESEED_EXPORT int utimensat(int directory, const char* path, const timespec* times, int flags) noexcept {
  return simulated_code() ? exists(directory, path) : REAL(utimensat)(directory, path, times, flags);
}
FORESEED_EXPORT int futimens(int fd, const timespec* times) noexcept {
  return virtual_descriptor(fd) ? exists(fd, nullptr) : REAL(futimens)(fd, times);
}
FORESEED_EXPORT int utimes(const char* path, const timeval* times) noexcept {
  return simulated_code() ? exists(AT_FDCWD, path) : REAL(utimes)(path, times);
}
FORESEED_EXPORT int utime(const char* path, const utimbuf* times) noexcept {
  return simulated_code() ? exists(AT_FDCWD, path) : REAL(utime)(path, times);
}

// --- where

FORESEED_EXPORT char* getcwd(char* out, size_t size) noexcept {
  if (!simulated_code()) return REAL(getcwd)(out, size);
  if (out == nullptr) return strdup("/");
  if (size < 2) return errno = size == 0 ? EINVAL : ERANGE, nullptr;
  return std::strcpy(out, "/");
}

FORESEED_EXPORT char* __getcwd_chk(char* out, size_t size, size_t room) noexcept {
  if (size > room) std::abort();
  return getcwd(out, size);
}

FORESEED_EXPORT char* realpath(const char* path, char* out) noexcept {
  if (!virtual_path(AT_FDCWD, path)) return REAL_VERSION(realpath, "GLIBC_2.3")(path, out);
  char text[PATH_MAX];
  const long result = inside([&]() -> long {
    std::string found;
    if (path == nullptr) return -EINVAL;
    if (const long error = files::real_path(path, found); error != 0) return error;
    if (found.size() >= sizeof text) return -ENAMETOOLONG;
    std::memcpy(text, found.c_str(), found.size() + 1);
    return 0;
  });
  if (result != 0) return nullptr;
  return out == nullptr ? strdup(text) : std::strcpy(out, text);
}

FORESEED_EXPORT char* __realpath_chk(const char* path, char* out, size_t) noexcept { return realpath(path, out); }
FORESEED_EXPORT char* canonicalize_file_name(const char* path) noexcept {
  return simulated_code() ? realpath(path, nullptr) : REAL(canonicalize_file_name)(path);
}
