#pragma once
// What opendir(3) gives for a virtual directory. Simulator code only.

#include <dirent.h>

#include "files/names.h"

namespace foreseed::files {

struct DirectoryStream {
  int descriptor = -1;
  std::vector<Listed> entries;
  std::size_t next = 0;
  dirent64 current{};

  /// Reads the directory again, from its beginning.
  long rewind();
  /// Null at the end.
  dirent64* read();
};

/// A stream of an open directory; null with errno set.
DirectoryStream* open_stream(int descriptor);
/// The stream behind a pointer; null if it is none of this run.
DirectoryStream* find_stream(const void* stream);
void close_stream(DirectoryStream& stream);
void forget_streams();

}  // namespace foreseed::files
