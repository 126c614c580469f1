// stdio on virtual files. Streams reach the kernel from within libc: those of virtual files are made by fopencookie(3).
//
// libc calls the functions of a cookie with the stream's lock held, which is no lock of the simulation: they never let
// another task go on. A stream that a run has left open outlives it in libc; its cookie tells.

#include <sys/random.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "intercept/host_files.h"
#include "intercept/virtual.h"

using namespace foreseed;

namespace {

struct Stream {
  FILE* stream;
  int descriptor;
};
std::vector<Stream> streams;
std::uint32_t streams_of_run = 0;

std::vector<Stream>& streams_of_this_run() {
  if (streams_of_run != files::run_number()) streams.clear();
  streams_of_run = files::run_number();
  return streams;
}

void* cookie_of(int descriptor) {
  return reinterpret_cast<void*>(std::uintptr_t{files::run_number()} << 32 | static_cast<std::uintptr_t>(descriptor));
}

/// Calls `use` with the descriptor of a cookie, unless its run is over.
template <typename Use>
long with_cookie(void* cookie, Use use) {
  const Entry entry;
  const auto value = reinterpret_cast<std::uintptr_t>(cookie);
  if (!run_active || value >> 32 != files::run_number()) return through_errno(-EBADF);
  return through_errno(use(static_cast<int>(value & 0xffffffff)));
}

ssize_t read_cookie(void* cookie, char* data, size_t size) {
  return with_cookie(cookie, [&](int descriptor) {
    long error = 0;
    files::File* const file = files::find_file(descriptor, -EBADF, error);
    return file == nullptr ? error : file->read_now(data, size);
  });
}

/// Unlike write(2) it must not say -1.
ssize_t write_cookie(void* cookie, const char* data, size_t size) {
  const long written = with_cookie(cookie, [&](int descriptor) {
    long error = 0;
    files::File* const file = files::find_file(descriptor, -EBADF, error);
    return file == nullptr ? error : file->write_now(data, size);
  });
  return written < 0 ? 0 : written;
}

int seek_cookie(void* cookie, off64_t* offset, int whence) {
  const long result = with_cookie(cookie, [&](int descriptor) {
    long error = 0;
    files::File* const file = files::find_file(descriptor, -ESPIPE, error);
    return file == nullptr ? error : file->seek_now(*offset, whence);
  });
  if (result < 0) return -1;
  *offset = result;
  return 0;
}

int close_cookie(void* cookie) {
  return static_cast<int>(with_cookie(cookie, [](int descriptor) {
    std::erase_if(streams_of_this_run(), [&](const Stream& stream) { return stream.descriptor == descriptor; });
    return io::close_now(descriptor);
  }));
}

/// The flags of open(2) for a mode of fopen(3); -1 if it is none.
int flags_of(const char* mode) {
  int flags;
  switch (mode[0]) {
    case 'r':
      flags = O_RDONLY;
      break;
    case 'w':
      flags = O_WRONLY | O_CREAT | O_TRUNC;
      break;
    case 'a':
      flags = O_WRONLY | O_CREAT | O_APPEND;
      break;
    default:
      return -1;
  }
  for (const char* at = mode + 1; *at != '\0' && *at != ','; ++at) {
    if (*at == '+') flags = (flags & ~O_ACCMODE) | O_RDWR;
    if (*at == 'x') flags |= O_EXCL;
    if (*at == 'e') flags |= O_CLOEXEC;
  }
  return flags;
}

FILE* stream_on(int descriptor, const char* mode) {
  FILE* const stream = fopencookie(cookie_of(descriptor), mode, {read_cookie, write_cookie, seek_cookie, close_cookie});
  if (stream == nullptr) return nullptr;
  const Entry entry;
  streams_of_this_run().push_back({stream, descriptor});
  return stream;
}

/// The descriptor of a stream on a virtual file; -1 if it is on none.
int descriptor_of(FILE* stream) {
  const Entry entry;
  for (const Stream& each : streams_of_this_run()) {
    if (each.stream == stream) return each.descriptor;
  }
  return -1;
}

}  // namespace

FORESEED_EXPORT FILE* fopen(const char* path, const char* mode) {
  if (!virtual_path(AT_FDCWD, path)) {
    if (simulated_code() && (flags_of(mode) & O_ACCMODE) != O_RDONLY) return errno = EROFS, nullptr;
    return opened_on_host(REAL(fopen)(path, mode));
  }
  const int flags = flags_of(mode);
  if (flags < 0) return errno = EINVAL, nullptr;
  const int descriptor = open(path, flags, 0666);
  if (descriptor < 0) return nullptr;
  FILE* const stream = stream_on(descriptor, mode);
  if (stream == nullptr) close(descriptor);
  return stream;
}

FORESEED_EXPORT FILE* fdopen(int fd, const char* mode) noexcept {
  if (!virtual_descriptor(fd)) {
    FILE* const stream = opened_on_host(REAL(fdopen)(fd, mode));
    if (stream != nullptr) closed_on_host(fd);
    return stream;
  }
  const int flags = flags_of(mode);
  if (flags < 0) return errno = EINVAL, nullptr;
  if (with_file(fd, -EBADF, [&](files::File& file) {
        if ((flags & O_APPEND) != 0) file.flags |= O_APPEND;
        return 0L;
      }) != 0) {
    unsupported_call("fdopen() of a descriptor that is no file");
  }
  return stream_on(fd, mode);
}

FORESEED_EXPORT FILE* freopen(const char* path, const char* mode, FILE* stream) {
  if (simulated_code()) unsupported_call("freopen()");
  return REAL(freopen)(path, mode, stream);
}

FORESEED_EXPORT int fclose(FILE* stream) {
  closed_on_host(stream);
  return REAL(fclose)(stream);
}

FORESEED_EXPORT int fileno(FILE* stream) noexcept {
  if (simulated_code()) {
    if (const int descriptor = descriptor_of(stream); descriptor >= 0) return descriptor;
  }
  return REAL(fileno)(stream);
}

FORESEED_EXPORT int fileno_unlocked(FILE* stream) noexcept {
  return simulated_code() ? fileno(stream) : REAL(fileno_unlocked)(stream);
}

#define SAME(name, as) FORESEED_EXPORT decltype(as) name __attribute__((alias(#as)))
SAME(fopen64, fopen);
SAME(freopen64, freopen);

// --- names that nobody has: libc makes them from within itself too

namespace {

constexpr int attempts_max = 100;

/// Fills in the XXXXXX before the last `suffix` characters and calls `make` until it succeeds.
template <typename Make>
int with_new_name(char* name, int suffix, Make make) {
  const std::size_t length = std::strlen(name);
  if (suffix < 0 || length < static_cast<std::size_t>(suffix) + 6) return errno = EINVAL, -1;
  char* const place = name + length - static_cast<std::size_t>(suffix) - 6;
  if (std::memcmp(place, "XXXXXX", 6) != 0) return errno = EINVAL, -1;
  constexpr char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    std::uint32_t number = 0;
    getrandom(&number, sizeof number, 0);
    for (int i = 0; i < 6; ++i) place[i] = letters[number % 36], number /= 36;
    const int made = make(name);
    if (made >= 0 || errno != EEXIST) return made;
  }
  return -1;
}

}  // namespace

FORESEED_EXPORT int mkostemps(char* name, int suffix, int flags) {
  if (!simulated_code()) return REAL(mkostemps)(name, suffix, flags);
  return with_new_name(name, suffix, [&](const char* made) {
    return open(made, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
  });
}
FORESEED_EXPORT int mkstemp(char* name) { return simulated_code() ? mkostemps(name, 0, 0) : REAL(mkstemp)(name); }
FORESEED_EXPORT int mkostemp(char* name, int flags) {
  return simulated_code() ? mkostemps(name, 0, flags) : REAL(mkostemp)(name, flags);
}
FORESEED_EXPORT int mkstemps(char* name, int suffix) {
  return simulated_code() ? mkostemps(name, suffix, 0) : REAL(mkstemps)(name, suffix);
}
SAME(mkstemp64, mkstemp);
SAME(mkostemp64, mkostemp);
SAME(mkstemps64, mkstemps);
SAME(mkostemps64, mkostemps);

FORESEED_EXPORT char* mkdtemp(char* name) noexcept {
  if (!simulated_code()) return REAL(mkdtemp)(name);
  return with_new_name(name, 0, [](const char* made) { return mkdir(made, 0700); }) == 0 ? name : nullptr;
}

FORESEED_EXPORT FILE* tmpfile() {
  if (!simulated_code()) return REAL(tmpfile)();
  char name[] = "/tmp/tmpfXXXXXX";
  const int descriptor = mkstemp(name);
  if (descriptor < 0) return nullptr;
  unlink(name);
  return fdopen(descriptor, "w+");
}
SAME(tmpfile64, tmpfile);
