#include "files/directory_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "kernel/clear.h"

namespace foreseed::files {

namespace {
std::vector<std::unique_ptr<DirectoryStream>> streams;
}

long DirectoryStream::rewind() {
  next = 0;
  long error = 0;
  File* const file = find_file(descriptor, -ENOTDIR, error);
  return file == nullptr ? error : list(*file, entries);
}

dirent64* DirectoryStream::read() {
  if (next == entries.size()) return nullptr;
  const Listed& entry = entries[next++];
  current.d_ino = entry.inode;
  current.d_off = static_cast<off64_t>(next);
  current.d_reclen = sizeof current;
  current.d_type = entry.type;
  std::memcpy(current.d_name, entry.name.c_str(), entry.name.size() + 1);
  return &current;
}

DirectoryStream* open_stream(int descriptor) {
  auto stream = std::make_unique<DirectoryStream>();
  stream->descriptor = descriptor;
  if (const long result = stream->rewind(); result < 0) return errno = static_cast<int>(-result), nullptr;
  streams.push_back(std::move(stream));
  return streams.back().get();
}

DirectoryStream* find_stream(const void* wanted) {
  for (const auto& stream : streams) {
    if (stream.get() == wanted) return stream.get();
  }
  return nullptr;
}

void close_stream(DirectoryStream& wanted) {
  std::erase_if(streams, [&](const auto& stream) { return stream.get() == &wanted; });
}

void forget_streams() { clear_rare(streams); }

}  // namespace foreseed::files
