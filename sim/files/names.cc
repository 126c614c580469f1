#include "files/names.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "io/descriptors.h"

namespace foreseed::files {

namespace {

constexpr unsigned creation_mask = 022;

std::string shown(const char* path) { return path != nullptr ? path : "(null)"; }

/// Notes what was done to which name.
long note(Op op, const std::string& text, long result, bool progress = true) {
  World::get().text_event(op, text, static_cast<std::int32_t>(result), progress && result >= 0);
  return result;
}

/// A path as the running task means it: whose tree, from which directory on.
struct Start {
  Tree* tree;
  Inode* inode;
};

long start_of(int directory, const char* path, Start& start) {
  if (path == nullptr) return -EFAULT;
  start.tree = &tree_of(World::get().current().host);
  start.inode = &start.tree->root();
  if (start.tree->is_of_the_past(World::get().current())) return -EIO;
  if (directory == AT_FDCWD || path[0] == '/') return 0;
  long error = 0;
  const File* const file = find_file(directory, -ENOTDIR, error);
  if (file == nullptr) return error;
  if (!file->inode.is_directory()) return -ENOTDIR;
  start = {&file->tree, &file->inode};
  return 0;
}

long find(int directory, const char* path, Start& start, Place& place) {
  long error = start_of(directory, path, start);
  if (error == 0) error = start.tree->find(*start.inode, path, place);
  if (error == 0 && place.inode != nullptr && place.inode->made_at_use != nullptr) start.tree->make_data(*place.inode);
  return error;
}

/// The same for a name that must exist.
long find_existing(int directory, const char* path, Start& start, Place& place) {
  const long error = find(directory, path, start, place);
  return error == 0 && place.inode == nullptr ? -ENOENT : error;
}

long try_open(int directory, const char* path, int flags, unsigned mode) {
  if ((flags & O_TMPFILE) == O_TMPFILE) return -EOPNOTSUPP;
  Start start{};
  Place place;
  if (const long error = find(directory, path, start, place); error != 0) return error;
  if (const long error = start.tree->failure(Op::file_open); error != 0) return error;
  const bool creates = (flags & O_CREAT) != 0;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (place.inode == nullptr) {
    if (!creates) return -ENOENT;
    if (place.wants_directory) return -EISDIR;
    const std::uint32_t bits = mode & 07777 & ~creation_mask;
    if (const long error = start.tree->make(place, Inode::Kind::file, bits, place.inode); error != 0) return error;
  } else {
    if (creates && (flags & O_EXCL) != 0) return -EEXIST;
    if (place.inode->is_directory() && (writes || creates)) return -EISDIR;
    if (!place.inode->is_directory() && (flags & O_DIRECTORY) != 0) return -ENOTDIR;
    if (place.inode->kind == Inode::Kind::socket) return -ENXIO;
  }
  if (writes) place.inode->made_at_use = nullptr;
  File& file = io::make<File>(*start.tree, *place.inode, flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC | O_NOCTTY));
  file.nonblocking = (flags & O_NONBLOCK) != 0;
  const long descriptor = io::open(file);
  if (descriptor < 0) return file.closed(), descriptor;
  if ((flags & O_TRUNC) != 0 && writes && place.inode->kind == Inode::Kind::file && !place.inode->data.empty()) {
    start.tree->count(-static_cast<std::int64_t>(place.inode->data.size()));
    place.inode->truncate(0);
  }
  return descriptor;
}

std::string path_of(const Inode& directory) {
  std::string path;
  for (const Inode* at = &directory; at->parent != at && at->parent != nullptr; at = at->parent) {
    for (const auto& [name, inode] : at->parent->names) {
      if (inode == at) path = "/" + name + path;
    }
  }
  return path.empty() ? "/" : path;
}

}  // namespace

long open(int directory, const char* path, int flags, unsigned mode) {
  World::get().point(Op::file_open);
  return note(Op::file_open, shown(path), try_open(directory, path, flags, mode));
}

long make_directory(int directory, const char* path, unsigned mode) {
  World::get().point(Op::file_mkdir);
  Start start{};
  Place place;
  Inode* made = nullptr;
  long result = find(directory, path, start, place);
  if (result == 0) result = start.tree->failure(Op::file_mkdir);
  if (result == 0) {
    result = start.tree->make(place, Inode::Kind::directory, mode & 07777 & ~creation_mask, made);
  }
  return note(Op::file_mkdir, shown(path), result);
}

long make_socket(const char* path, const void*& made) {
  Start start{};
  Place place;
  Inode* inode = nullptr;
  long result = find(AT_FDCWD, path, start, place);
  if (result == 0) result = start.tree->failure(Op::file_open);
  if (result == 0) result = start.tree->make(place, Inode::Kind::socket, 0777 & ~creation_mask, inode);
  made = inode;
  return result == -EEXIST ? -EADDRINUSE : result;
}

long find_socket(const char* path, const void*& found) {
  Start start{};
  Place place;
  const long error = find_existing(AT_FDCWD, path, start, place);
  if (error != 0) return error;
  found = place.inode;
  return place.inode->kind == Inode::Kind::socket ? 0 : -ECONNREFUSED;
}

long unlink(int directory, const char* path, bool is_directory) {
  World::get().point(Op::file_unlink);
  Start start{};
  Place place;
  long result = find_existing(directory, path, start, place);
  if (result == 0) result = start.tree->failure(Op::file_unlink);
  if (result == 0) result = start.tree->remove(place, is_directory);
  return note(Op::file_unlink, shown(path), result);
}

long remove(const char* path) {
  Start start{};
  Place place;
  const bool is_directory = find_existing(AT_FDCWD, path, start, place) == 0 && place.inode->is_directory();
  return unlink(AT_FDCWD, path, is_directory);
}

long rename(int from_directory, const char* from, int to_directory, const char* to, bool replace) {
  World::get().point(Op::file_rename);
  Start from_start{};
  Start to_start{};
  Place from_place;
  Place to_place;
  long result = find_existing(from_directory, from, from_start, from_place);
  if (result == 0) result = find(to_directory, to, to_start, to_place);
  if (result == 0 && from_start.tree != to_start.tree) result = -EXDEV;
  if (result == 0) result = from_start.tree->failure(Op::file_rename);
  if (result == 0) result = from_start.tree->rename(from_place, to_place, replace);
  return note(Op::file_rename, shown(from) + " to " + shown(to), result);
}

long link(int from_directory, const char* from, int to_directory, const char* to) {
  World::get().point(Op::file_rename);
  Start from_start{};
  Start to_start{};
  Place from_place;
  Place to_place;
  long result = find_existing(from_directory, from, from_start, from_place);
  if (result == 0) result = find(to_directory, to, to_start, to_place);
  if (result == 0 && from_start.tree != to_start.tree) result = -EXDEV;
  if (result == 0) result = from_start.tree->failure(Op::file_rename);
  if (result == 0) result = from_start.tree->link(*from_place.inode, to_place);
  return note(Op::file_rename, shown(from) + " also " + shown(to), result);
}

long status(int directory, const char* path, bool empty_path, struct stat& out) {
  World::get().point(Op::file_stat);
  if (empty_path && path != nullptr && path[0] == '\0' && directory != AT_FDCWD) return status(directory, out);
  Start start{};
  Place place;
  const long result = find_existing(directory, path, start, place);
  if (result == 0) describe(*start.tree, *place.inode, out);
  return note(Op::file_stat, shown(path), result, false);
}

long status(int descriptor, struct stat& out) {
  const io::Description* const description = io::find(descriptor);
  if (description == nullptr) return -EBADF;
  if (description->kind == io::Description::Kind::file) {
    const auto* const file = static_cast<const File*>(description);
    describe(file->tree, file->inode, out);
    return 0;
  }
  std::memset(&out, 0, sizeof out);
  out.st_nlink = 1;
  out.st_blksize = 4096;
  out.st_ino = description->number;
  switch (description->kind) {
    case io::Description::Kind::stream:
    case io::Description::Kind::datagram:
      out.st_mode = S_IFSOCK | 0777;
      break;
    case io::Description::Kind::pipe:
      out.st_mode = S_IFIFO | 0600;
      break;
    default:
      out.st_mode = 0600;
      break;
  }
  return 0;
}

long access(int directory, const char* path, int mode) {
  World::get().point(Op::file_stat);
  Start start{};
  Place place;
  long result = find_existing(directory, path, start, place);
  if (result == 0 && (mode & X_OK) != 0 && !place.inode->is_directory() && (place.inode->mode & 0111) == 0) {
    result = -EACCES;
  }
  return note(Op::file_stat, shown(path), result, false);
}

long change_mode(int directory, const char* path, unsigned mode) {
  World::get().point(Op::file_stat);
  Start start{};
  Place place;
  const long result = find_existing(directory, path, start, place);
  if (result == 0) place.inode->mode = mode & 07777;
  return note(Op::file_stat, shown(path), result);
}

long change_mode(int descriptor, unsigned mode) {
  long error = 0;
  File* const file = find_file(descriptor, -EINVAL, error);
  if (file == nullptr) return error;
  World::get().point(Op::file_stat);
  file->inode.mode = mode & 07777;
  return file->report(Op::file_stat, 0);
}

long truncate(const char* path, std::int64_t size) {
  Start start{};
  Place place;
  if (const long error = find_existing(AT_FDCWD, path, start, place); error != 0) return error;
  if (place.inode->is_directory()) return -EISDIR;
  place.inode->made_at_use = nullptr;
  File& file = io::make<File>(*start.tree, *place.inode, O_WRONLY);
  const long result = file.truncate(size);
  file.closed();
  return result;
}

long read_link(int directory, const char* path) {
  Start start{};
  Place place;
  const long error = find_existing(directory, path, start, place);
  return error != 0 ? error : -EINVAL;
}

long real_path(const char* path, std::string& out) {
  Start start{};
  Place place;
  if (const long error = find_existing(AT_FDCWD, path, start, place); error != 0) return error;
  if (place.inode->is_directory()) {
    out = path_of(*place.inode);
    return 0;
  }
  out = path_of(*place.at.directory);
  if (out.size() > 1) out += '/';
  out += place.at.name;
  return 0;
}

long list(File& directory, std::vector<Listed>& out) {
  World::get().point(Op::file_list);
  const Inode& inode = directory.inode;
  if (!inode.is_directory()) return directory.report(Op::file_list, -ENOTDIR);
  out = {{".", inode.number, DT_DIR}, {"..", inode.parent != nullptr ? inode.parent->number : 0, DT_DIR}};
  for (const auto& [name, child] : inode.names) {
    const unsigned char type = child->is_directory() ? DT_DIR
                               : child->is_device()  ? DT_CHR
                               : child->kind == Inode::Kind::socket ? DT_SOCK : DT_REG;
    out.push_back({name, child->number, type});
  }
  return directory.report(Op::file_list, static_cast<long>(out.size()), false);
}

}  // namespace foreseed::files
