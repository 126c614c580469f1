// Libraries that the program loads while it runs.
//
// The loader keeps what it allocates for the life of the process, and constructors of what it loads leave their traces all
// over the program. So a library is loaded outside of any execution, as if the program had been linked with it, and the
// execution that asked for it is begun again. It stays loaded; runs find its data as its constructors left it.

#include <dlfcn.h>

#include <set>
#include <string>

#include "intercept/loading.h"
#include "intercept/real.h"
#include "kernel/world.h"
#include "memory/isolation.h"

using namespace foreseed;

bool foreseed::loading_library = false;

namespace {

struct Wanted {
  std::string name;
  int flags;
};
Wanted wanted;
std::set<std::string> not_to_be_loaded;  ///< names with which that failed

void load() {
  loading_library = true;
  void* const library = REAL(dlopen)(wanted.name.c_str(), wanted.flags | RTLD_NODELETE);
  loading_library = false;
  if (library == nullptr) {
    not_to_be_loaded.insert(wanted.name);
  } else {
    memory::isolate_loaded();
  }
}

}  // namespace

FORESEED_EXPORT void* dlopen(const char* name, int flags) noexcept {
  if (!simulated_code() || name == nullptr || (flags & RTLD_NOLOAD) != 0) return REAL(dlopen)(name, flags);
  const Entry entry;
  void* const loaded = REAL(dlopen)(name, flags | RTLD_NOLOAD);
  if (loaded != nullptr || not_to_be_loaded.contains(name)) return loaded != nullptr ? loaded : REAL(dlopen)(name, flags);
  wanted = {name, flags};
  World::get().begin_again(load);
}

/// What was loaded stays: before the run, by the program's constructors say, or for it.
FORESEED_EXPORT int dlclose(void* library) noexcept { return simulated_code() ? 0 : REAL(dlclose)(library); }
