// What a program can ask of the file system that its host's files are on.

#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <climits>
#include <cstring>

#include "intercept/virtual.h"

using namespace foreseed;

namespace {

constexpr std::uint64_t block = 4096;
constexpr long ext4 = 0xef53;
constexpr unsigned long files_max = 1'000'000;

/// As statfs(2) and statvfs(3) fill them in; `known`: the path's or the descriptor's status, or its error.
template <typename Out>
int fill(long known, Out& out) {
  if (known < 0) return static_cast<int>(known);
  const Entry entry;
  const files::Tree& tree = files::tree_of(World::get().current().host);
  std::memset(&out, 0, sizeof out);
  out.f_bsize = block;
  out.f_frsize = block;
  out.f_blocks = tree.capacity / block;
  out.f_bfree = out.f_bavail = tree.room() / block;
  out.f_files = out.f_ffree = files_max;
  if constexpr (requires { out.f_type; }) {
    out.f_type = ext4;
    out.f_namelen = NAME_MAX;
  } else {
    out.f_favail = files_max;
    out.f_namemax = NAME_MAX;
  }
  return 0;
}

long known(const char* path) {
  struct stat status;
  return inside([&] { return files::status(AT_FDCWD, path, false, status); });
}

long known(int fd) {
  struct stat status;
  return inside([&] { return files::status(fd, status); });
}

}  // namespace

#define OF_A_PATH(name, Out)                                                 \
  FORESEED_EXPORT int name(const char* path, struct Out* out) noexcept {     \
    return virtual_path(AT_FDCWD, path) ? fill(known(path), *out) : REAL(name)(path, out); \
  }
#define OF_A_DESCRIPTOR(name, Out)                                           \
  FORESEED_EXPORT int name(int fd, struct Out* out) noexcept {               \
    return virtual_descriptor(fd) ? fill(known(fd), *out) : REAL(name)(fd, out); \
  }
OF_A_PATH(statfs, statfs)
OF_A_PATH(statfs64, statfs64)
OF_A_PATH(statvfs, statvfs)
OF_A_PATH(statvfs64, statvfs64)
OF_A_DESCRIPTOR(fstatfs, statfs)
OF_A_DESCRIPTOR(fstatfs64, statfs64)
OF_A_DESCRIPTOR(fstatvfs, statvfs)
OF_A_DESCRIPTOR(fstatvfs64, statvfs64)
