// What ends an execution: failed checks, exceptions, crashes, calls that cannot be simulated.

#include "detectors/detector.h"

#include <sys/inotify.h>

#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "campaign/record.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

// NOLINTBEGIN: these are wrong on purpose

void check_fails() { assert(1 + 1 == 3); }

void exception_leaves_scenario() { throw std::runtime_error("out of luck"); }

void exception_leaves_thread() {
  std::thread other([] { throw std::runtime_error("out of luck"); });
  other.join();
}

void thread_is_dropped() { std::thread other([] {}); }

void exception_is_caught() {
  std::thread other([] {
    try {
      throw std::runtime_error("out of luck");
    } catch (const std::exception&) {
    }
  });
  other.join();
}

void null_pointer() {
  int* volatile nowhere = nullptr;
  *nowhere = 1;
}

int recurse(int depth) {
  volatile char room[1024] = {};
  return depth == 0 ? 0 : recurse(depth + 1) + room[depth % 1024];
}

void stack_overflow() { recurse(1); }

void aborts() { std::abort(); }

void exits() { std::exit(3); }

int zero = 0;

void divides_by_zero() {
  volatile int result = 10 / zero;
  static_cast<void>(result);
}

void asks_for_inotify() { inotify_init1(0); }

void asks_for_a_process() { std::system("true"); }

void does_nothing() {}

// NOLINTEND

const Case cases[] = {
    {"check_fails", check_fails, does_nothing, FindingKind::check_failed, "1 + 1 == 3", 1},
    {"exception_leaves_scenario", exception_leaves_scenario, exception_is_caught, FindingKind::uncaught_exception,
     "std::runtime_error: out of luck", 1},
    {"exception_leaves_thread", exception_leaves_thread, exception_is_caught, FindingKind::uncaught_exception,
     "std::runtime_error: out of luck", 1},
    {"thread_is_dropped", thread_is_dropped, exception_is_caught, FindingKind::uncaught_exception, "std::terminate", 1},
    {"null_pointer", null_pointer, does_nothing, FindingKind::crash, "null pointer", 1},
    {"stack_overflow", stack_overflow, does_nothing, FindingKind::crash, "stack overflow", 1},
    {"aborts", aborts, does_nothing, FindingKind::crash, "abort()", 1},
    {"exits", exits, does_nothing, FindingKind::crash, "exit(3)", 1},
    {"divides_by_zero", divides_by_zero, does_nothing, FindingKind::crash, "division by zero", 1},
    {"asks_for_inotify", asks_for_inotify, does_nothing, FindingKind::unsupported, "inotify_init1", 1},
    {"asks_for_a_process", asks_for_a_process, does_nothing, FindingKind::unsupported, "system", 1},
};

constexpr int line_of_the_call = __LINE__ + 3;
void compares_with_nothing() {
  const char* volatile nothing = nullptr;
  if (std::strcmp("a", nothing) == 0) throw 1;
}

// libc's code has no frame pointers, and what lies beside its frame may be anything.
TEST(Crash, in_a_library_is_told_from_the_line_that_called_it) {
  const Trace trace = record_seed(scenario_of(compares_with_nothing), 0, {});
  ASSERT_TRUE(trace.failed);
  ASSERT_FALSE(trace.finding.places.empty());
  for (const std::uint32_t frame : trace.stacks[trace.finding.places[0].stack]) {
    if (!trace.frames[frame].user) continue;
    EXPECT_EQ(trace.frames[frame].line, line_of_the_call);
    return;
  }
  ADD_FAILURE() << "no frame of the program";
}

INSTANTIATE_TEST_SUITE_P(Ends, Detector, ::testing::ValuesIn(cases), case_name);

}  // namespace
}  // namespace foreseed::testing
