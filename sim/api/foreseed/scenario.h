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
// otherwise. Hosts, links and faults are in <foreseed/world.h>. Link `foreseed_main` for the command line, or use <foreseed/gtest.h> inside GoogleTest.

#include <cstdint>
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

/// What libraries make when they are first used and then keep - tables, regular expressions, caches - every execution would
/// make anew, as none knows of the one before. `body` runs natively, once in a process, before its first execution: what it
/// leaves in memory is what all of them find. To be defined at namespace scope:
///
///   const foreseed::WarmUp http("an HTTP request", [] { .. });   // in a header: inline const
///
/// So that executions are the same in every process, what it leaves must not depend on time, chance or other programs. It
/// may use threads and sockets, which are real, and leaves none behind. An exception ends the process with status 2.
struct FORESEED_API WarmUp {
  WarmUp(const char* name, void (*body)());
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
