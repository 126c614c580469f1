// Directory streams, which reach the kernel from within libc.

#include <dirent.h>
#include <unistd.h>

#include "files/directory_stream.h"
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
  if (!virtual_path(AT_FDCWD, path)) return REAL(opendir)(path);
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  DIR* const stream = as_stream(fd);
  if (stream == nullptr) close(fd);
  return stream;
}

FORESEED_EXPORT DIR* fdopendir(int fd) { return virtual_descriptor(fd) ? as_stream(fd) : REAL(fdopendir)(fd); }

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
  if (found == nullptr) return REAL(closedir)(stream);
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
