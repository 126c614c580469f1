#include "campaign/interrupt.h"

#include <chrono>
#include <optional>

#include "kernel/time_stamps.h"

namespace foreseed {

namespace {
constexpr std::chrono::seconds patience{2};

volatile std::sig_atomic_t signalled = 0;
std::optional<RealClock::time_point> noticed;
}  // namespace

InterruptGuard::InterruptGuard() {
  signalled = 0;
  noticed.reset();
  struct sigaction action {};
  action.sa_handler = [](int) { signalled = 1; };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_[0]);
  sigaction(SIGTERM, &action, &previous_[1]);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &previous_[0], nullptr);
  sigaction(SIGTERM, &previous_[1], nullptr);
}

bool interrupted() { return signalled != 0; }

bool interrupted_for_long() {
  if (signalled == 0) return false;
  if (!noticed) noticed = RealClock::now();
  return RealClock::now() - *noticed >= patience;
}

}  // namespace foreseed
