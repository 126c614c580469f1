#pragma once
// What a scenario says to foreseed. The code under test needs none of it.
//
//   #include <foreseed/scenario.h>
//   FORESEED_SCENARIO(two_writers, "a counter without a lock") {
//     int counter = 0;
//     std::thread other([&] { ++counter; });
//     ++counter;
//     other.join();
//     FORESEED_CHECK(counter == 2);
//   }
//
// The body is the first task of a simulated world; everything in this header is called from inside one, unless it says
// otherwise. Link `foreseed_main` for the command line, or use <foreseed/gtest.h> inside GoogleTest.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <foreseed/export.h>

namespace foreseed {

/// A registered scenario. All pointers are to static storage.
struct Scenario {
  const char* name;     ///< letters, digits, '_', '.', '/'; unique within the program
  const char* summary;  ///< one line
  void (*body)();
  const char* file;
  int line;
};

/// Makes a scenario known to the command line. Called before main by FORESEED_SCENARIO.
struct FORESEED_API Registration {
  explicit Registration(const Scenario& scenario);
};

/// Whether the caller runs inside a simulation. Safe to call anywhere.
FORESEED_API bool simulated();

/// Ends the execution with a failed check. Outside a simulation: throws std::logic_error.
[[noreturn]] FORESEED_API void fail(std::string_view message, const char* file = __builtin_FILE(),
                                    int line = __builtin_LINE());

/// Writes a line into the trace.
FORESEED_API void note(std::string_view text);

/// A number in [0, bound) that foreseed chooses: 0 is the plain case. bound in [1, 2^32].
FORESEED_API std::uint32_t choose(std::uint64_t bound);

/// Starts `main` as the first task of the host `name`, which is made if it is new (hosts are reached by that name, and
/// have an address of their own). Threads that `main` starts run on the same host. The scenario's body itself runs on
/// the host "client".
class FORESEED_API Host {
 public:
  explicit Host(std::string_view name, std::function<void()> main);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  /// Waits, in virtual time, until `main` has returned. Destroying a host does not wait.
  void join();

 private:
  std::uint32_t task_;
};

/// Sets the one-way delay between two hosts, both directions; hosts are made if they are new. The default is 500 us
/// between hosts and 10 us within one. `latency` in [0, 1 h].
FORESEED_API void link(std::string_view one, std::string_view other, std::chrono::nanoseconds latency);

// Each host has files of its own, in memory, which are gone with the execution; a few paths of the system that foreseed
// runs on can be read (docs/limits.md names them).

/// Puts the files of `host` into the state after a power failure: what was not made durable by fsync may be lost, torn (in
/// sectors of 512 bytes) or there without what was written before it; a name is durable once its directory was synced.
/// What survives is foreseed's choice. For scenarios that model a restart themselves: no task is stopped, but from then on
/// every call on a file that was open, and every call on files by a thread that was there before (but for the caller),
/// fails with EIO.
FORESEED_API void crash_files(std::string_view host);

/// Lets the files of `host` hold at most `bytes` together: beyond it, calls fail with ENOSPC. The default is 1 GiB.
FORESEED_API void disk_capacity(std::string_view host, std::uint64_t bytes);

/// Lets one call on the files of `host` fail with `error` (an errno value such as EIO), after `after` more that do not:
/// of open, read, write, truncate, sync, and those that change names. Several errors can be planned.
FORESEED_API void disk_error(std::string_view host, int error, std::uint32_t after);

}  // namespace foreseed

/// Registers the function body that follows as the scenario `ident`.
#define FORESEED_SCENARIO(ident, summary)                                                                    \
  static void foreseed_body_##ident();                                                                       \
  static const ::foreseed::Registration foreseed_registration_##ident(                                       \
      ::foreseed::Scenario{#ident, summary, foreseed_body_##ident, __FILE__, __LINE__});                     \
  static void foreseed_body_##ident()

/// A check that stays on in every build: the execution fails, at this line, where `condition` is false.
#define FORESEED_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::foreseed::fail("FORESEED_CHECK(" #condition ")", __FILE__, __LINE__))
