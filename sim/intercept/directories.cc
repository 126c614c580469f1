// Directory streams, which reach the kernel from within libc.

#include <dirent.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/directory_stream.h"
#include "intercept/host_files.h"
#include "intercept/virtual.h"

using namespace foreseed;

namespace {

files::DirectoryStream* ours(DIR* stream) {
  if (!simulated_code()) return nullptr;
  const Entry entry;
  return files::find_stream(stream);
}

DIR* as_stream(int fd) {
  const Entry entry;
  return reinterpret_cast<DIR*>(files::open_stream(fd));
}

}  // namespace

FORESEED_EXPORT DIR* opendir(const char* path) {
  if (!virtual_path(AT_FDCWD, path)) return opened_on_host(REAL(opendir)(path));
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  DIR* const stream = as_stream(fd);
  if (stream == nullptr) close(fd);
  return stream;
}

FORESEED_EXPORT DIR* fdopendir(int fd) {
  if (virtual_descriptor(fd)) return as_stream(fd);
  DIR* const stream = opened_on_host(REAL(fdopendir)(fd));
  if (stream != nullptr) closed_on_host(fd);
  return stream;
}

FORESEED_EXPORT dirent64* readdir64(DIR* stream) {
  files::DirectoryStream* const found = ours(stream);
  if (found == nullptr) return REAL(readdir64)(stream);
  const Entry entry;
  return found->read();
}

FORESEED_EXPORT dirent* readdir(DIR* stream) {
  files::DirectoryStream* const found = ours(stream);
  if (found == nullptr) return REAL(readdir)(stream);
  static_assert(sizeof(dirent) == sizeof(dirent64));
  const Entry entry;
  return reinterpret_cast<dirent*>(found->read());
}

FORESEED_EXPORT int closedir(DIR* stream) {
  files::DirectoryStream* const found = ours(stream);
  if (found == nullptr) return closed_on_host(stream), REAL(closedir)(stream);
  const int fd = found->descriptor;
  {
    const Entry entry;
    files::close_stream(*found);
  }
  return close(fd);
}

FORESEED_EXPORT void rewinddir(DIR* stream) noexcept {
  files::DirectoryStream* const found = ours(stream);
  if (found == nullptr) return REAL(rewinddir)(stream);
  const Entry entry;
  found->rewind();
}

FORESEED_EXPORT int dirfd(DIR* stream) noexcept {
  const files::DirectoryStream* const found = ours(stream);
  return found == nullptr ? REAL(dirfd)(stream) : found->descriptor;
}

FORESEED_EXPORT long telldir(DIR* stream) noexcept {
  const files::DirectoryStream* const found = ours(stream);
  return found == nullptr ? REAL(telldir)(stream) : static_cast<long>(found->next);
}

FORESEED_EXPORT void seekdir(DIR* stream, long position) noexcept {
  files::DirectoryStream* const found = ours(stream);
  if (found == nullptr) return REAL(seekdir)(stream, position);
  if (position >= 0 && static_cast<std::size_t>(position) <= found->entries.size()) {
    found->next = static_cast<std::size_t>(position);
  }
}

// glob(3) can be told how to look; ours are the functions that the program itself would call.
FORESEED_EXPORT int glob(const char* pattern, int flags, int (*failed)(const char*, int), glob_t* result) noexcept {
  const bool as_told = !simulated_code() || (flags & GLOB_ALTDIRFUNC) != 0;
  if (!as_told) {
    result->gl_opendir = [](const char* path) -> void* { return opendir(path); };
    result->gl_readdir = [](void* stream) { return readdir(static_cast<DIR*>(stream)); };
    result->gl_closedir = [](void* stream) { closedir(static_cast<DIR*>(stream)); };
    result->gl_stat = [](const char* path, struct stat* what) { return stat(path, what); };
    result->gl_lstat = [](const char* path, struct stat* what) { return lstat(path, what); };
    flags |= GLOB_ALTDIRFUNC;
  }
  const int error = REAL_VERSION(glob, "GLIBC_2.27")(pattern, flags, failed, result);
  if (!as_told) result->gl_flags &= ~GLOB_ALTDIRFUNC;
  return error;
}

FORESEED_EXPORT int glob64(const char* pattern, int flags, int (*failed)(const char*, int), glob64_t* result) noexcept {
  static_assert(sizeof(glob_t) == sizeof(glob64_t));
  return glob(pattern, flags, failed, reinterpret_cast<glob_t*>(result));
}
