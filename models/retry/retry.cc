#include "retry/retry.h"

#include <condition_variable>
#include <mutex>
#include <stdexcept>

namespace retry {

void validate(const Policy& policy) {
  validate(policy.backoff);
  if (policy.attempts_max < 1 || policy.attempts_max > 1000) {
    throw std::invalid_argument("retry policy: attempts_max must be in [1, 1000]");
  }
}

bool sleep_until(MonoTime until, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_until(lock, stop, until, [] { return false; });
  return !stop.stop_requested();
}

Duration Retrier::draw_delay(std::uint32_t k) {
  // SplitMix64 (Steele, Lea, Flood 2014): any number of threads may draw.
  std::uint64_t z = draws_.fetch_add(0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return delay(policy_.backoff, k, z ^ (z >> 31));
}

}  // namespace retry
