#pragma once
// What executions.cc times: programs that are instrumented, as a user's are. What runs them is not.

namespace foreseed::benchmarks {

void nothing();
void lock_loop();
void two_threads_two_sections();
void lost_update_on_an_atomic();
void http_pair();
void three_philosophers_in_order();

/// A program of tests/explore/programs.h, and its size.
struct Counting {
  const char* name;
  void (*body)();
  int n;
};
extern const Counting counting_programs[6];
void set_size(int n);

}  // namespace foreseed::benchmarks
