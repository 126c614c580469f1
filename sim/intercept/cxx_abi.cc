// The C++ ABI's own hooks: guards of function-local statics, destructors at exit; and the ways in which a program ends
// itself.

#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <unistd.h>

#include "intercept/real.h"
#include "kernel/world.h"
#include "memory/atomics.h"
#include "sync/sync.h"

using namespace foreseed;

// --- function-local statics. The first byte of the guard says "initialised"; compiled code reads it with an atomic load.

namespace {
/// The guard's own place in the table of objects; its first byte may have one as an atomic.
const void* guard_key(const std::int64_t* guard) { return reinterpret_cast<const char*>(guard) + 4; }
bool initialised(const std::int64_t* guard) { return *reinterpret_cast<const char*>(guard) != 0; }
}  // namespace

FORESEED_EXPORT int __cxa_guard_acquire(std::int64_t* guard) {
  using Function = int (*)(std::int64_t*);
  if (!simulated_code()) return FORESEED_REAL_AS(Function, "__cxa_guard_acquire", nullptr)(guard);
  const Entry entry;
  return sync::once_claim(guard_key(guard), initialised(guard), Op::guard_acquire);
}

FORESEED_EXPORT void __cxa_guard_release(std::int64_t* guard) noexcept {
  using Function = void (*)(std::int64_t*);
  if (!simulated_code()) return FORESEED_REAL_AS(Function, "__cxa_guard_release", nullptr)(guard);
  const Entry entry;
  *reinterpret_cast<char*>(guard) = 1;
  memory::release_at(guard);
  sync::once_done(guard_key(guard), Op::guard_release);
}

FORESEED_EXPORT void __cxa_guard_abort(std::int64_t* guard) noexcept {
  using Function = void (*)(std::int64_t*);
  if (!simulated_code()) return FORESEED_REAL_AS(Function, "__cxa_guard_abort", nullptr)(guard);
  const Entry entry;
  sync::once_abandon(guard_key(guard), Op::guard_release);
}

// --- destructors at the end of a thread and of the program: those of a run run at its end

FORESEED_EXPORT int __cxa_thread_atexit_impl(void (*function)(void*), void* object, void* dso) {
  using Function = int (*)(void (*)(void*), void*, void*);
  if (!simulated_code()) {
    return FORESEED_REAL_AS(Function, "__cxa_thread_atexit_impl", nullptr)(function, object, dso);
  }
  const Entry entry;
  World::get().current().thread_exit_handlers.push_back({function, object});
  return 0;
}

extern "C" void* __dso_handle __attribute__((visibility("hidden")));

FORESEED_EXPORT int __cxa_atexit(void (*function)(void*), void* object, void* dso) {
  using Function = int (*)(void (*)(void*), void*, void*);
  // The simulator's own objects are never destroyed: destructors of the program, which may run later, still call it.
  if (dso == &__dso_handle) return 0;
  if (!simulated_code()) return FORESEED_REAL_AS(Function, "__cxa_atexit", nullptr)(function, object, dso);
  const Entry entry;
  World::get().exit_handlers.push_back({function, object});
  return 0;
}

// --- ends

FORESEED_EXPORT void abort() noexcept {
  if (simulated_code()) {
    const Entry entry;
    World::get().fail(FindingKind::crash, "crash: abort() was called");
  }
  REAL(abort)();
  __builtin_unreachable();
}

FORESEED_EXPORT void __assert_fail(const char* condition, const char* file, unsigned line,
                                   const char* function) noexcept {
  if (simulated_code()) {
    const Entry entry;
    World::get().fail(FindingKind::check_failed, std::string("assert(") + condition + ") failed");
  }
  REAL(__assert_fail)(condition, file, line, function);
  __builtin_unreachable();
}

#define EXIT(name, specification)                                                                                             \
  FORESEED_EXPORT void name(int status) specification {                                                          \
    if (simulated_code()) {                                                                                    \
      const Entry entry;                                                                                       \
      World::get().fail(FindingKind::crash, std::string("crash: " #name "(") + std::to_string(status) + ") was called"); \
    }                                                                                                          \
    REAL(name)(status);                                                                                        \
    __builtin_unreachable();                                                                                   \
  }
EXIT(exit, noexcept)
EXIT(_exit, )
EXIT(_Exit, noexcept)
EXIT(quick_exit, noexcept)
