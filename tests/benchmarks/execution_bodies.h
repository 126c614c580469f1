#pragma once
// What executions.cc times: programs that are instrumented, as a user's are. What runs them is not.

namespace foreseed::benchmarks {

void nothing();
void lock_loop();
void two_threads_two_sections();
void lost_update_on_an_atomic();
void http_pair();

}  // namespace foreseed::benchmarks
