// The quickstart: three breakers, one workload.
//
// A dependency goes down. Four callers had been let through while all was well: three of them fail, one - it was slow -
// still succeeds. Three failures are the threshold, so the breaker has to be open in the end, in whichever order the
// answers arrive: a success of the time before the outage is no sign of health.

#include <foreseed/scenario.h>

#include <chrono>
#include <thread>
#include <vector>

#include "hasty_breaker.h"
#include "naive_breaker.h"
#include "repaired_breaker.h"

namespace {

using namespace std::chrono_literals;

template <typename Breaker>
void dependency_goes_down() {
  Breaker breaker;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&breaker] {
      if (!breaker.allows()) return;
      std::this_thread::sleep_for(20ms);  // the call, which fails
      breaker.record_failure();
    });
  }
  callers.emplace_back([&breaker] {
    if (!breaker.allows()) return;
    std::this_thread::sleep_for(21ms);  // the slow call, which succeeds
    breaker.record_success();
  });
  for (std::thread& caller : callers) caller.join();
  FORESEED_CHECK(breaker.open());
}

}  // namespace

FORESEED_SCENARIO(naive_breaker, "a breaker with a counter without a lock, that any success closes (fails)") {
  dependency_goes_down<quickstart::NaiveBreaker>();
}

FORESEED_SCENARIO(hasty_breaker, "the same with a lock: a late success still closes it (fails)") {
  dependency_goes_down<quickstart::HastyBreaker>();
}

FORESEED_SCENARIO(repaired_breaker, "the repaired twin: only probes close it (holds)") {
  dependency_goes_down<quickstart::RepairedBreaker>();
}
