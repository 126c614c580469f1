#pragma once
// The functions that foreseed's definitions stand before. A definition forwards to REAL(name) whenever the caller is not
// simulated code.

#include <dlfcn.h>

#include "kernel/boundary.h"

#define FORESEED_EXPORT extern "C" __attribute__((visibility("default")))

namespace foreseed {

/// The next definition of `name` after ours (the default version, or `version`); ends the process if there is none.
void* next_definition(const char* name, const char* version = nullptr);

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
