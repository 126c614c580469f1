// What libc keeps for the whole process. A run finds it as the process left it, and leaves it so: the environment, and what
// signals do. The generators behind rand() and drand48() begin as they do in a process of their own: the program has to
// seed them, from random_device or the clock, as it has natively.

#include <bit>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "intercept/install.h"
#include "intercept/real.h"
#include "kernel/world.h"

using namespace foreseed;

namespace {

// --- generators

struct Generators {
  bool seeded = false;
  random_data state{};
  char table[128];  // the size of libc's own
  drand48_data rand48{};

  random_data* random(unsigned seed) {
    state = {};
    seeded = true;
    initstate_r(seed, table, sizeof table, &state);
    return &state;
  }
  random_data* random() { return seeded ? &state : random(1); }
};
Generators generators;

// --- the environment

using Environment = std::map<std::string, std::string>;
std::optional<Environment> environment_before;  ///< of the run, if that has touched it

Environment environment_now() {
  Environment all;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view entry = *at;
    const std::size_t equals = entry.find('=');
    if (equals != entry.npos) all.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return all;
}

void keep_environment() {
  if (!simulated_code() || environment_before) return;
  const Entry entry;
  environment_before = environment_now();
}

void put_back_environment() {
  if (!environment_before) return;
  for (const auto& [name, value] : environment_now()) {
    if (!environment_before->contains(name)) REAL(unsetenv)(name.c_str());
  }
  // Even where it reads the same: its bytes may be the run's.
  for (const auto& [name, value] : *environment_before) REAL(setenv)(name.c_str(), value.c_str(), 1);
  environment_before.reset();
}

// --- signals

std::uint64_t touched_signals = 0;  ///< whose action the run has set: bit 0 is signal 1
struct sigaction actions_before[64];

void keep_action(int signal) {
  if (!simulated_code() || signal < 1 || signal > 64 || (touched_signals >> (signal - 1) & 1) != 0) return;
  if (REAL(sigaction)(signal, nullptr, &actions_before[signal - 1]) == 0) touched_signals |= std::uint64_t{1} << (signal - 1);
}

void put_back_actions() {
  for (; touched_signals != 0; touched_signals &= touched_signals - 1) {
    const int bit = std::countr_zero(touched_signals);
    REAL(sigaction)(bit + 1, &actions_before[bit], nullptr);
  }
}

/// A task's own mask is nothing but a number: the simulation delivers no signals, and the host's mask is the host's.
int change_mask(int how, const sigset_t* set, sigset_t* old) {
  constexpr std::uint64_t never_blocked = std::uint64_t{1} << (SIGKILL - 1) | std::uint64_t{1} << (SIGSTOP - 1);
  std::uint64_t& mask = World::get().current().signal_mask;
  const std::uint64_t before = mask;
  if (set != nullptr) {
    const std::uint64_t given = set->__val[0] & ~never_blocked;
    switch (how) {
      case SIG_BLOCK: mask |= given; break;
      case SIG_UNBLOCK: mask &= ~given; break;
      case SIG_SETMASK: mask = given; break;
      default: return EINVAL;
    }
  }
  if (old != nullptr) {
    sigemptyset(old);
    old->__val[0] = before;
  }
  return 0;
}

}  // namespace

void foreseed::install_process_state(World& world) {
  RunHooks hooks;
  hooks.begin = [] {
    generators.seeded = false;
    generators.rand48 = {};
  };
  hooks.end = [] {
    put_back_environment();
    put_back_actions();
  };
  world.add_hooks(hooks);
}

// --- rand() and random() are one generator

FORESEED_EXPORT long random() noexcept {
  if (!simulated_code()) return REAL(random)();
  std::int32_t drawn;
  random_r(generators.random(), &drawn);
  return drawn;
}
FORESEED_EXPORT int rand() noexcept { return simulated_code() ? static_cast<int>(random()) : REAL(rand)(); }
FORESEED_EXPORT void srandom(unsigned seed) noexcept { simulated_code() ? void(generators.random(seed)) : REAL(srandom)(seed); }
FORESEED_EXPORT void srand(unsigned seed) noexcept { simulated_code() ? void(generators.random(seed)) : REAL(srand)(seed); }

// --- drand48() and its family

#define DRAW(result, name)                          \
  FORESEED_EXPORT result name() noexcept {          \
    if (!simulated_code()) return REAL(name)();     \
    result drawn;                                   \
    name##_r(&generators.rand48, &drawn);           \
    return drawn;                                   \
  }
#define DRAW_FROM(result, name)                                           \
  FORESEED_EXPORT result name(unsigned short state[3]) noexcept {         \
    if (!simulated_code()) return REAL(name)(state);                      \
    result drawn;                                                         \
    name##_r(state, &generators.rand48, &drawn);                          \
    return drawn;                                                         \
  }
DRAW(double, drand48)
DRAW(long, lrand48)
DRAW(long, mrand48)
DRAW_FROM(double, erand48)
DRAW_FROM(long, nrand48)
DRAW_FROM(long, jrand48)

FORESEED_EXPORT void srand48(long seed) noexcept {
  simulated_code() ? void(srand48_r(seed, &generators.rand48)) : REAL(srand48)(seed);
}
FORESEED_EXPORT unsigned short* seed48(unsigned short seed[3]) noexcept {
  if (!simulated_code()) return REAL(seed48)(seed);
  seed48_r(seed, &generators.rand48);
  return generators.rand48.__old_x;
}
FORESEED_EXPORT void lcong48(unsigned short parameters[7]) noexcept {
  simulated_code() ? void(lcong48_r(parameters, &generators.rand48)) : REAL(lcong48)(parameters);
}

// --- the environment

FORESEED_EXPORT int setenv(const char* name, const char* value, int overwrite) noexcept {
  keep_environment();
  return REAL(setenv)(name, value, overwrite);
}
FORESEED_EXPORT int unsetenv(const char* name) noexcept {
  keep_environment();
  return REAL(unsetenv)(name);
}
FORESEED_EXPORT int putenv(char* entry) noexcept {
  keep_environment();
  return REAL(putenv)(entry);
}
FORESEED_EXPORT int clearenv() noexcept {
  keep_environment();
  return REAL(clearenv)();
}

// --- signals

FORESEED_EXPORT int sigaction(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  if (action != nullptr) keep_action(signal);
  return REAL(sigaction)(signal, action, old);
}

#define SET_HANDLER(name)                                                    \
  FORESEED_EXPORT sighandler_t name(int signal, sighandler_t handler) noexcept { \
    keep_action(signal);                                                     \
    return REAL(name)(signal, handler);                                      \
  }
extern "C" sighandler_t bsd_signal(int, sighandler_t) noexcept;  // what headers no longer declare
SET_HANDLER(signal)
SET_HANDLER(bsd_signal)
SET_HANDLER(sysv_signal)
SET_HANDLER(ssignal)

FORESEED_EXPORT int pthread_sigmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  return simulated_code() ? change_mask(how, set, old) : REAL(pthread_sigmask)(how, set, old);
}
FORESEED_EXPORT int sigprocmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  if (!simulated_code()) return REAL(sigprocmask)(how, set, old);
  const int error = change_mask(how, set, old);
  if (error != 0) errno = error;
  return error == 0 ? 0 : -1;
}
FORESEED_EXPORT int sigpending(sigset_t* set) noexcept {
  return simulated_code() ? sigemptyset(set) : REAL(sigpending)(set);
}

// --- what pthread_atfork() registers: simulated code does not fork, and foreseed's own forks are not the program's

extern "C" int __register_atfork(void (*)(), void (*)(), void (*)(), void*);
FORESEED_EXPORT int __register_atfork(void (*before)(), void (*parent)(), void (*child)(), void* library) {
  return simulated_code() ? 0 : REAL(__register_atfork)(before, parent, child, library);
}
