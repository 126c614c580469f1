#pragma once
// Calls on paths by the running task, on its host's tree.
//
// `directory` is AT_FDCWD or a virtual descriptor; a host's current directory is always "/". Results are those of the
// system calls of the same name, or negative errno values. Simulator code only.

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "files/file.h"

namespace foreseed::files {

/// Whether the path is one of those that pass through to the host, read-only: what libraries read of the system they
/// run on, such as time zones, locales and certificates. `directory` may be a real descriptor.
bool passes_to_host(int directory, const char* path);

long open(int directory, const char* path, int flags, unsigned mode);
long make_directory(int directory, const char* path, unsigned mode);
/// A name for a socket (EADDRINUSE if there is one), and what a name for one leads to: told apart by its address. Neither
/// is a scheduling point.
long make_socket(const char* path, const void*& made);
long find_socket(const char* path, const void*& found);
long unlink(int directory, const char* path, bool is_directory);
/// remove(3)
long remove(const char* path);
long rename(int from_directory, const char* from, int to_directory, const char* to, bool replace);
long link(int from_directory, const char* from, int to_directory, const char* to);
long status(int directory, const char* path, bool empty_path, struct stat& out);
long status(int descriptor, struct stat& out);
long access(int directory, const char* path, int mode);
long change_mode(int directory, const char* path, unsigned mode);
long change_mode(int descriptor, unsigned mode);
long truncate(const char* path, std::int64_t size);
/// readlink(2): there are no symbolic links.
long read_link(int directory, const char* path);
/// The absolute path of what `path` names, without "." and "..": as realpath(3).
long real_path(const char* path, std::string& out);

struct Listed {
  std::string name;
  std::uint64_t inode;
  unsigned char type;  ///< DT_REG ..
};
/// Everything in the directory, "." and ".." first, sorted by name.
long list(File& directory, std::vector<Listed>& out);

}  // namespace foreseed::files
