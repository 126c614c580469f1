#pragma once
// The functions that foreseed's definitions stand before. A definition forwards to REAL(name) whenever the caller is not
// simulated code.

#include <dlfcn.h>

#include <cerrno>

#include "kernel/boundary.h"

#define FORESEED_EXPORT extern "C" __attribute__((visibility("default")))

namespace foreseed {

/// The next definition of `name` after ours (the default version, or `version`); ends the process if there is none.
void* next_definition(const char* name, const char* version = nullptr);

/// A result as the C library gives it: -1 and errno for a negative one, which is an error number's.
inline long through_errno(long result) {
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

/// The same of an error number: 0 where it is 0.
inline int error_through_errno(int error) { return static_cast<int>(through_errno(-static_cast<long>(error))); }

}  // namespace foreseed

#define FORESEED_REAL_AS(type, name, version)                                                \
  ([]() -> type {                                                                            \
    static type function;                                                                    \
    if (function == nullptr) function = (type)::foreseed::next_definition(name, version);    \
    return function;                                                                         \
  }())

/// The real function `name`, looked up once.
#define REAL(name) FORESEED_REAL_AS(decltype(&::name), #name, nullptr)
/// The same for a function with several versions of which dlsym would find the oldest.
#define REAL_VERSION(name, version) FORESEED_REAL_AS(decltype(&::name), #name, version)
