// Exceptions across switches, and errno: what is each thread's own.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "checks.h"
#include "programs.h"

namespace programs {

using namespace std::chrono_literals;

namespace {

// What the current exception, thrown once more, says.
std::string current_what() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (int number) {
    return "int " + std::to_string(number);
  }
}

}  // namespace

// Every thread is inside a catch block that locks, yields and sleeps while the
// others throw.
void exceptions_in_catch_blocks() {
  Checks check("exceptions_in_catch_blocks");
  std::mutex mutex;
  int caught = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      const std::string own = "thread " + std::to_string(i);
      check(!std::current_exception(), "a new thread has a current exception");
      for (int round = 0; round < 2; ++round) {
        try {
          throw std::runtime_error(own);
        } catch (const std::runtime_error& error) {
          std::this_thread::yield();
          check(error.what() == own, "another thread's exception was caught");
          {
            std::lock_guard<std::mutex> lock(mutex);
            ++caught;
            std::this_thread::yield();
          }
          std::this_thread::sleep_for(100us);
          check(current_what() == own, "another thread's exception is current");
          check(std::uncaught_exceptions() == 0, "an exception is uncaught inside its catch block");
        }
        check(!std::current_exception(), "an exception is current after its catch block");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(caught == 6, "an exception was not caught");
  check.done();
}

void exceptions_nested() {
  Checks check("exceptions_nested");
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&check, i] {
      const std::string outer = "outer " + std::to_string(i);
      const std::string inner = "inner " + std::to_string(i);
      std::string seen;
      try {
        try {
          throw std::runtime_error(inner);
        } catch (...) {
          std::this_thread::yield();
          try {
            throw i;  // another one, caught while the first is current
          } catch (int number) {
            std::this_thread::yield();
            check(number == i && current_what() == "int " + std::to_string(i), "the innermost exception is not current");
          }
          check(current_what() == inner, "the outer exception is not current again");
          std::throw_with_nested(std::logic_error(outer));
        }
      } catch (const std::logic_error& error) {
        std::this_thread::sleep_for(100us);
        seen = error.what();
        try {
          std::rethrow_if_nested(error);
        } catch (const std::runtime_error& nested) {
          std::this_thread::yield();
          seen += nested.what();
        }
      }
      check(seen == outer + inner, "a nested exception is another one");
    });
  }
  for (auto& thread : threads) thread.join();
  check.done();
}

namespace {

struct UnwoundWithin {
  Checks& check;
  int expected;
  ~UnwoundWithin() {
    std::this_thread::yield();
    check(std::uncaught_exceptions() == expected, "another number of uncaught exceptions within a destructor");
  }
};

// Counts the exceptions in flight in its destructor, and is switched away from there.
struct Unwound {
  Checks& check;
  int expected;
  int* destroyed;
  std::mutex* mutex;
  ~Unwound() {
    check(std::uncaught_exceptions() == expected, "another number of uncaught exceptions");
    {
      std::lock_guard<std::mutex> lock(*mutex);
      ++*destroyed;
    }
    std::this_thread::yield();
    try {
      const UnwoundWithin within{check, expected + 1};
      throw 1;  // thrown and caught while another unwinds
    } catch (int) {
    }
    check(std::uncaught_exceptions() == expected, "another number of uncaught exceptions after a switch");
  }
};

}  // namespace

void exceptions_uncaught_count() {
  Checks check("exceptions_uncaught_count");
  std::mutex mutex;
  int destroyed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      if (i == 2) {  // one that never throws
        for (int j = 0; j < 4; ++j) {
          check(std::uncaught_exceptions() == 0, "another thread's exceptions are counted");
          std::this_thread::yield();
        }
        Unwound unwound{check, 0, &destroyed, &mutex};
        return;
      }
      try {
        Unwound first{check, 1, &destroyed, &mutex};
        Unwound second{check, 1, &destroyed, &mutex};
        throw std::runtime_error("unwind");
      } catch (const std::runtime_error&) {
        check(std::uncaught_exceptions() == 0, "an exception is uncaught inside its catch block");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(destroyed == 5, "a destructor was left out");
  check.done();
}

// One exception, rethrown by several threads, and dropped after they have ended.
void exceptions_shared_pointer() {
  Checks check("exceptions_shared_pointer");
  std::exception_ptr shared;
  std::thread([&shared] {
    try {
      throw std::domain_error("shared");
    } catch (...) {
      shared = std::current_exception();
    }
  }).join();
  std::atomic<int> caught{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      try {
        std::rethrow_exception(shared);
      } catch (const std::domain_error& error) {
        std::this_thread::yield();
        if (error.what() == std::string("shared")) ++caught;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(caught == 2, "the exception was not rethrown in each thread");
  check.done();
}

// Thrown through frames that hold locks: they are let go.
void exceptions_release_locks() {
  Checks check("exceptions_release_locks");
  std::mutex mutex;
  int inside = 0;
  int thrown = 0;
  const auto work = [&] {
    for (int i = 0; i < 3; ++i) {
      try {
        std::lock_guard<std::mutex> lock(mutex);
        check(++inside == 1, "two threads hold the mutex");
        std::this_thread::yield();
        --inside;
        ++thrown;
        throw i;
      } catch (int number) {
        check(number == i, "another thread's exception was caught");
      }
    }
  };
  std::thread a(work);
  std::thread b(work);
  a.join();
  b.join();
  check(thrown == 6 && inside == 0, "an exception was lost");
  check.done();
}

void errno_per_thread() {
  Checks check("errno_per_thread");
  std::mutex mutex;
  int counter = 0;
  std::vector<std::thread> threads;
  for (int i = 1; i <= 3; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 4; ++round) {
        errno = 1000 * i + round;
        std::this_thread::yield();
        check(errno == 1000 * i + round, "errno was changed by another thread");
        {
          std::lock_guard<std::mutex> lock(mutex);
          ++counter;
          check(errno == 1000 * i + round, "errno was changed by a lock");
        }
        std::this_thread::sleep_for(50us);
        check(errno == 1000 * i + round, "errno was changed across a sleep");
      }
    });
  }
  errno = 77;
  std::this_thread::yield();
  check(errno == 77, "errno of the main thread was changed");
  for (auto& thread : threads) thread.join();
  check(counter == 12, "an increment was lost");
  errno = 0;
  check.done();
}

}  // namespace programs
