#include "campaign/interrupt.h"

namespace foreseed {

namespace {
volatile std::sig_atomic_t signalled = 0;
}

InterruptGuard::InterruptGuard() {
  signalled = 0;
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

}  // namespace foreseed
