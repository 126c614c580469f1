#pragma once
// What the definitions of calls on files have in common.

#include <fcntl.h>

#include <string>

#include "files/names.h"
#include "intercept/real.h"
#include "io/descriptors.h"

namespace foreseed {

/// Whether a call of the running code on this path concerns the host's virtual files.
inline bool virtual_path(int directory, const char* path) {
  if (!simulated_code()) return false;
  const Entry entry;
  return !files::passes_to_host(directory, path);
}

/// Whether a call of the running code on this descriptor is the simulator's.
inline bool virtual_descriptor(int descriptor) { return simulated_code() && io::is_virtual(descriptor); }

/// Calls `use` with the file behind the descriptor; `otherwise` is the error for a descriptor of another kind.
template <typename Use>
long with_file(int descriptor, long otherwise, Use use) {
  const Entry entry;
  long error = 0;
  files::File* const file = files::find_file(descriptor, otherwise, error);
  return through_errno(file == nullptr ? error : use(*file));
}

/// Calls `use` as the simulator's code.
template <typename Use>
long inside(Use use) {
  const Entry entry;
  return through_errno(use());
}

[[noreturn]] inline void unsupported_call(const char* what) {
  const Entry entry;
  World::get().fail(FindingKind::unsupported, std::string(what) + " cannot be simulated yet");
}

}  // namespace foreseed
