#include "intercept/real.h"

#include <cstdio>
#include <cstdlib>

namespace foreseed {

void* next_definition(const char* name, const char* version) {
  void* found = version != nullptr ? dlvsym(RTLD_NEXT, name, version) : dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    std::fprintf(stderr, "foreseed: no real definition of %s; is the C library not glibc 2.34 or later?\n", name);
    std::_Exit(70);
  }
  return found;
}

}  // namespace foreseed
