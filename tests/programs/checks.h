// What the programs share: a note of the first thing that was wrong, and a
// gate. Only the standard library.
#ifndef FORESEED_TESTS_PROGRAMS_CHECKS_H
#define FORESEED_TESTS_PROGRAMS_CHECKS_H

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>

namespace programs {

// Remembers the first check that failed, in any thread. Nothing is thrown
// before done(), so that a wrong result never leaves the other threads waiting;
// and a check that holds does nothing at all: it orders no thread after
// another, and so hides no race.
class Checks {
 public:
  explicit Checks(const char* program) noexcept : program_(program) {}
  Checks(const Checks&) = delete;
  Checks& operator=(const Checks&) = delete;

  void operator()(bool right, const char* what) noexcept {
    if (right) return;
    const char* none = nullptr;
    wrong_.compare_exchange_strong(none, what);
  }

  // To be called once every thread of the program has been joined.
  void done() const {
    if (const char* what = wrong_.load()) throw std::runtime_error(std::string(program_) + ": " + what);
  }

 private:
  const char* program_;
  std::atomic<const char*> wrong_{nullptr};
};

// Closed until opened; then open for good.
class Gate {
 public:
  void open() {
    std::lock_guard<std::mutex> lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }

  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    opened_.wait(lock, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

}  // namespace programs

#endif
