// thread_local variables, and statics initialised by several threads at once.
#include <array>
#include <atomic>
#include <chrono>
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

thread_local int trivial = 17;
thread_local int zero;
thread_local const char* text = "initial";

int add_to_trivial(int amount) { return trivial += amount; }
int read_trivial() { return trivial; }

}  // namespace

void thread_local_trivial() {
  Checks check("thread_local_trivial");
  trivial = 100;
  zero = 1;
  text = "main";
  std::vector<std::thread> threads;
  for (int i = 1; i <= 3; ++i) {
    threads.emplace_back([&check, i] {
      check(read_trivial() == 17, "a thread_local does not begin at its initialiser");
      check(zero == 0, "a thread_local does not begin at 0");
      check(text == std::string("initial"), "a thread_local pointer does not begin at its initialiser");
      for (int j = 1; j <= 4; ++j) {
        add_to_trivial(i);
        zero += 1;
        std::this_thread::yield();
        check(read_trivial() == 17 + i * j && zero == j, "a thread_local was changed by another thread");
      }
    });
  }
  std::this_thread::yield();
  for (auto& thread : threads) thread.join();
  check(trivial == 100 && zero == 1 && text == std::string("main"), "the main thread's own was changed by another thread");
  trivial = 17;
  zero = 0;
  text = "initial";
  check.done();
}

// The address is another for each thread alive, and one within a thread.
void thread_local_addresses() {
  Checks check("thread_local_addresses");
  std::array<int*, 2> where{};
  Gate both;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < where.size(); ++i) {
    threads.emplace_back([&, i] {
      where[i] = &trivial;
      add_to_trivial(static_cast<int>(i));
      both.wait();
      check(where[i] == &trivial && *where[i] == 17 + static_cast<int>(i), "the address of a thread_local changed");
    });
  }
  both.open();
  for (auto& thread : threads) thread.join();
  std::thread owner([&check] {
    int* own = &trivial;
    std::thread([&check, own] {
      check(own != &trivial, "two threads alive have a thread_local at one address");
      *own = 5;  // another thread's, through a pointer
    }).join();
    check(trivial == 5, "what another thread wrote through a pointer is not seen");
  });
  owner.join();
  check.done();
}

namespace {

// What the objects of one thread did, in order. Set before the first of them is
// touched, and read once the thread is joined.
thread_local std::string* journal = nullptr;

struct Noted {
  explicit Noted(char name) : name(name) { *journal += name; }
  Noted(const Noted&) = delete;
  Noted& operator=(const Noted&) = delete;
  ~Noted() { *journal += static_cast<char>(name - 'a' + 'A'); }
  char name;
  std::vector<int> values{1, 2, 3};
};

Noted& noted_a() {
  thread_local Noted noted('a');
  return noted;
}

Noted& noted_b() {
  thread_local Noted noted('b');
  return noted;
}

Noted& noted_c() {
  noted_a();
  thread_local Noted noted('c');
  return noted;
}

}  // namespace

void thread_local_constructed_and_destroyed() {
  Checks check("thread_local_constructed_and_destroyed");
  std::array<std::string, 4> journals;
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    journal = &journals[0];
    noted_a();
    std::this_thread::yield();
    noted_b().values.push_back(4);
    noted_a();
    check(noted_b().values.size() == 4, "a thread_local object is another one at the second use");
  });
  threads.emplace_back([&] {
    journal = &journals[1];
    noted_b();
    std::this_thread::yield();
    noted_a();
    check(noted_b().values.size() == 3, "a thread_local object was changed by another thread");
  });
  threads.emplace_back([&] {
    journal = &journals[2];
    noted_c();
    noted_b();
  });
  threads.emplace_back([&] { journal = &journals[3]; });
  for (auto& thread : threads) thread.join();
  check(journals[0] == "abBA", "construction and destruction in another order (1)");
  check(journals[1] == "baAB", "construction and destruction in another order (2)");
  check(journals[2] == "acbBCA", "construction and destruction in another order (3)");
  check(journals[3].empty(), "an object was constructed that nobody used");
  check.done();
}

namespace {

std::atomic<int> constructed{0};
std::atomic<int> destroyed{0};

struct Counted {
  Counted() { ++constructed; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() {
    std::this_thread::yield();  // a destructor may be interrupted like any other code
    destroyed += number == own ? 1 : 100;
  }
  int number = 0;
  int own = 0;
};

thread_local Counted counted;

int bump() { return ++counted.number; }

}  // namespace

void thread_local_counted() {
  Checks check("thread_local_counted");
  constructed = 0;
  destroyed = 0;
  std::vector<std::thread> threads;
  for (int i = 1; i <= 3; ++i) {
    threads.emplace_back([&check, i] {
      counted.own = i;
      for (int j = 0; j < i; ++j) {
        check(bump() == j + 1, "a thread_local object was changed by another thread");
        std::this_thread::yield();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  check(constructed == 3, "not exactly one object was constructed for each thread");
  check(destroyed == 3, "not exactly one object was destroyed for each thread, as its own thread left it");
  check.done();
}

namespace {

struct Locking {
  std::mutex* mutex = nullptr;
  int* sum = nullptr;
  ~Locking() {
    if (!mutex) return;
    std::lock_guard<std::mutex> lock(*mutex);
    const int before = *sum;
    std::this_thread::sleep_for(100us);
    *sum = before + 1;
  }
};

}  // namespace

// The destructors lock and sleep; join() waits for them.
void thread_local_destructor_locks() {
  Checks check("thread_local_destructor_locks");
  std::mutex mutex;
  int sum = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      thread_local Locking locking;
      locking.mutex = &mutex;
      locking.sum = &sum;
    });
  }
  for (auto& thread : threads) thread.join();
  check(sum == 3, "join() did not wait for the destructors");
  check.done();
}

namespace {

std::atomic<int> plain_constructions{0};
std::atomic<int> sleeping_constructions{0};
std::atomic<int> throwing_attempts{0};
std::atomic<int> throwing_failures{0};

struct Plain {
  Plain() : number(41) {
    ++plain_constructions;
    ++number;
  }
  int number;
};

struct Sleeping {
  Sleeping() {
    ++sleeping_constructions;
    std::this_thread::sleep_for(500us);
    number = 42;
  }
  int number = 0;
};

// Writes to itself only once it can't fail: nobody says that an attempt that
// failed happens before the next.
struct Throwing {
  Throwing() : number(answer()) {}
  static int answer() {
    const int attempt = ++throwing_attempts;
    std::this_thread::yield();
    if (attempt == 1) throw std::runtime_error("the first attempt");
    return 42;
  }
  int number;
};

const Plain& plain_static() {
  static const Plain object;
  return object;
}

const Sleeping& sleeping_static() {
  static const Sleeping object;
  return object;
}

const Throwing& throwing_static() {
  static const Throwing object;
  return object;
}

template <class Work>
void in_three_threads(Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
}

}  // namespace

// A static is constructed once in the life of the process, however often these
// are run; so only the first run does all there is to do.

void static_local() {
  Checks check("static_local");
  in_three_threads([&check] { check(plain_static().number == 42, "a static was used before it was constructed"); });
  check(plain_constructions == 1, "a static was not constructed exactly once");
  check.done();
}

void static_local_sleeps() {
  Checks check("static_local_sleeps");
  in_three_threads([&check] { check(sleeping_static().number == 42, "a static was used before it was constructed"); });
  check(sleeping_constructions == 1, "a static was not constructed exactly once");
  check.done();
}

void static_local_throws() {
  Checks check("static_local_throws");
  in_three_threads([&check] {
    try {
      check(throwing_static().number == 42, "a static was used before it was constructed");
    } catch (const std::runtime_error&) {
      ++throwing_failures;
    }
  });
  check(throwing_failures == 1, "not exactly one thread got the exception of the first attempt");
  check(throwing_attempts == 2, "a static that threw was not constructed exactly once more");
  check.done();
}

}  // namespace programs
