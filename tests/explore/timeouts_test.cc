// Random programs of waits with deadlines: the searches agree with an enumeration that shares no code with them, on final
// states and on whether there is a deadlock, however many time-outs need not be last. FORESEED_PROGRAMS sets how many
// programs (300).

#include <gtest/gtest.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <compare>
#include <cstdlib>
#include <ctime>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "choice/prng.h"
#include "explore/explore.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t variables = 2;
constexpr std::size_t threads_max = 3;

/// On two variables, a semaphore, a mutex and a condition variable; `ms` is how long it waits at most.
struct Operation {
  enum Kind {
    read,
    write,
    clock,
    sleep,
    post,
    wait,
    timed_wait,
    lock,
    timed_lock,
    unlock,
    cond_wait,
    timed_cond_wait,
    signal,
    broadcast
  } kind;
  int ms = 0;
  std::size_t variable = 0;
};
using Program = std::vector<std::vector<Operation>>;

bool timed(Operation::Kind kind) {
  return kind == Operation::sleep || kind == Operation::timed_wait || kind == Operation::timed_lock ||
         kind == Operation::timed_cond_wait;
}

/// Variables and, of each thread, what it read, or whether its waits timed out, one digit after the other.
struct Final {
  std::array<int, variables> value{};
  std::array<long, threads_max> read{};
  auto operator<=>(const Final&) const = default;
};
void note(long& read, long digit) { read = read * 10 + 1 + digit; }

Program random_program(std::uint64_t seed) {
  Prng prng(seed);
  Program program(2 + prng.below(2));
  for (auto& code : program) {
    const auto add = [&](Operation::Kind kind) {
      code.push_back({kind, static_cast<int>(1 + prng.below(3)), prng.below(variables)});
    };
    const std::size_t length = program.size() == 2 ? 2 + prng.below(3) : 1 + prng.below(2);
    while (code.size() < length) {
      switch (prng.below(10)) {
        case 0: add(Operation::read); break;
        case 1: add(Operation::write); break;
        case 2: add(Operation::clock); break;
        case 3: add(Operation::sleep); break;
        case 4: add(Operation::post); break;
        case 5: add(prng.below(3) == 0 ? Operation::wait : Operation::timed_wait); break;
        case 6: add(prng.below(2) == 0 ? Operation::signal : Operation::broadcast); break;
        case 7:  // a thread that has no lock if its time is over goes on as if it had, but does not unlock it
          add(prng.below(2) == 0 ? Operation::lock : Operation::timed_lock);
          add(prng.below(2) == 0 ? Operation::sleep : Operation::write);
          add(Operation::unlock);
          break;
        default:
          add(Operation::lock);
          if (prng.below(3) == 0) add(Operation::write);
          add(prng.below(4) == 0 ? Operation::cond_wait : Operation::timed_cond_wait);
          add(Operation::unlock);
      }
    }
  }
  return program;
}

// --- the enumeration

constexpr int never_ms = 1 << 20;

class Machine {
 public:
  Machine(const Program& program, int timeouts) : program_(program), timeouts_(timeouts) {
    State state;
    state.threads.resize(program.size());
    go_on(state);
  }
  std::set<Final> finals;
  bool deadlock = false;

 private:
  enum class Waits { no, any_time, patiently, for_lock };
  struct Thread {
    bool begun = false;
    std::size_t at = 0;
    int deadline = never_ms;  ///< of the operation it is at
    Waits waits = Waits::no;
    bool over = false;        ///< it waited patiently, and its time has come
    bool signalled = false;
    bool timed_out = false;   ///< of what it still takes the lock back for
    bool holds = false;
    int early = 0;
    long read = 0;
    auto operator<=>(const Thread&) const = default;
  };
  struct State {
    int now = 0;
    int count = 0;   ///< of the semaphore
    int owner = -1;  ///< of the mutex
    std::array<int, variables> value{};
    std::vector<int> queue;  ///< who waits for the condition variable
    std::vector<Thread> threads;
    auto operator<=>(const State&) const = default;
  };

  void go_on(const State& state) {
    if (!seen_.insert(state).second) return;
    bool any = false;
    bool all_done = true;
    for (std::size_t t = 0; t < state.threads.size(); ++t) {
      all_done &= state.threads[t].begun && state.threads[t].at == program_[t].size();
      for (int choice = 0; choice < choices(state, t); ++choice) {
        any = true;
        State after = state;
        step(after, t, choice);
        go_on(after);
      }
    }
    if (all_done) {
      Final final;
      final.value = state.value;
      for (std::size_t t = 0; t < state.threads.size(); ++t) final.read[t] = state.threads[t].read;
      finals.insert(final);
      return;
    }
    if (any) return;
    int next = never_ms;
    for (const Thread& thread : state.threads) {
      if (thread.waits == Waits::patiently) next = std::min(next, thread.deadline);
    }
    if (next == never_ms) {
      deadlock = true;
      return;
    }
    State after = state;
    pass_time(after, next);
    go_on(after);
  }

  static void pass_time(State& state, int to) {
    state.now = std::max(state.now, to);
    for (Thread& thread : state.threads) thread.over |= thread.waits == Waits::patiently && thread.deadline <= state.now;
  }

  /// In how many ways the thread can go on: a signal chooses whom it wakes.
  int choices(const State& state, std::size_t t) const {
    const Thread& thread = state.threads[t];
    if (!thread.begun) return 1;
    if (thread.at == program_[t].size()) return 0;
    const Operation& operation = program_[t][thread.at];
    if (thread.waits == Waits::for_lock) return state.owner < 0;
    if (thread.waits == Waits::any_time) return 1;
    const bool patient = thread.waits == Waits::patiently;
    if (patient && thread.over) return 1;
    switch (operation.kind) {
      case Operation::lock: return state.owner < 0;
      case Operation::wait: return state.count > 0;
      case Operation::timed_lock: return !patient || state.owner < 0;
      case Operation::timed_wait: return !patient || state.count > 0;
      case Operation::sleep: return !patient;
      case Operation::cond_wait:
      case Operation::timed_cond_wait: return !patient || (thread.signalled && state.owner < 0);
      case Operation::signal: return std::max<int>(1, static_cast<int>(state.queue.size()));
      default: return 1;
    }
  }

  /// The thread has come to an operation: it reads the clock for its deadline.
  void arrive(State& state, Thread& thread, std::size_t t) const {
    thread.waits = Waits::no;
    thread.over = thread.signalled = false;
    thread.deadline = never_ms;
    for (; thread.at < program_[t].size(); ++thread.at) {
      const Operation& operation = program_[t][thread.at];
      if (operation.kind == Operation::unlock && !thread.holds) continue;
      if (operation.kind == Operation::cond_wait && !thread.holds) continue;
      if (operation.kind == Operation::timed_cond_wait && !thread.holds) continue;
      if (operation.kind != Operation::clock) break;
      note(thread.read, state.now);
    }
    if (thread.at == program_[t].size()) return;
    const Operation& operation = program_[t][thread.at];
    if (timed(operation.kind)) thread.deadline = state.now + operation.ms;
    if (operation.kind == Operation::sleep) begin_wait(thread);
  }

  void begin_wait(Thread& thread) const {
    const bool any_time = thread.deadline != never_ms && thread.early < timeouts_;
    thread.waits = any_time ? Waits::any_time : Waits::patiently;
    thread.early += any_time;
  }

  void done(State& state, std::size_t t) const {
    ++state.threads[t].at;
    arrive(state, state.threads[t], t);
  }

  /// Its wait is over without success.
  void time_out(State& state, std::size_t t) const {
    Thread& thread = state.threads[t];
    pass_time(state, thread.deadline);
    if (program_[t][thread.at].kind != Operation::sleep) note(thread.read, 1);
    done(state, t);
  }

  void take_lock(State& state, std::size_t t) const {
    state.owner = static_cast<int>(t);
    state.threads[t].holds = true;
  }

  void take_lock_back(State& state, std::size_t t) const {
    Thread& thread = state.threads[t];
    if (state.owner >= 0) {
      thread.waits = Waits::for_lock;
      return;
    }
    take_lock(state, t);
    if (program_[t][thread.at].kind == Operation::timed_cond_wait) note(thread.read, thread.timed_out);
    done(state, t);
  }

  static void wake(State& state, std::size_t nth) {
    state.threads[static_cast<std::size_t>(state.queue[nth])].signalled = true;
    state.queue.erase(state.queue.begin() + static_cast<std::ptrdiff_t>(nth));
  }

  void step(State& state, std::size_t t, int choice) const {
    Thread& thread = state.threads[t];
    if (!thread.begun) {
      thread.begun = true;
      return arrive(state, thread, t);
    }
    const Operation& operation = program_[t][thread.at];
    if (thread.waits == Waits::for_lock) return take_lock_back(state, t);
    const bool expired = thread.deadline <= state.now;
    switch (operation.kind) {
      case Operation::read: note(thread.read, state.value[operation.variable]); return done(state, t);
      case Operation::write: state.value[operation.variable] = static_cast<int>(t) + 1; return done(state, t);
      case Operation::clock: return;
      case Operation::sleep:
        pass_time(state, thread.deadline);
        return done(state, t);
      case Operation::post: ++state.count; return done(state, t);
      case Operation::wait:
      case Operation::timed_wait:
        if (state.count > 0 && !thread.over) {
          --state.count;
          if (operation.kind == Operation::timed_wait) note(thread.read, 0);
          return done(state, t);
        }
        if (thread.waits != Waits::no || expired) return time_out(state, t);
        return begin_wait(thread);
      case Operation::lock: take_lock(state, t); return done(state, t);
      case Operation::timed_lock:
        if (state.owner < 0 && !thread.over) {
          take_lock(state, t);
          note(thread.read, 0);
          return done(state, t);
        }
        if (thread.waits != Waits::no || expired) return time_out(state, t);
        return begin_wait(thread);
      case Operation::unlock:
        state.owner = -1;
        thread.holds = false;
        return done(state, t);
      case Operation::cond_wait:
      case Operation::timed_cond_wait:
        if (thread.waits == Waits::no) {
          state.owner = -1;
          thread.holds = false;
          thread.signalled = false;
          if (expired) {
            thread.timed_out = true;
            return take_lock_back(state, t);
          }
          state.queue.push_back(static_cast<int>(t));
          return begin_wait(thread);
        }
        thread.timed_out = !thread.signalled;
        if (!thread.signalled) {
          pass_time(state, thread.deadline);
          state.queue.erase(std::find(state.queue.begin(), state.queue.end(), static_cast<int>(t)));
        }
        return take_lock_back(state, t);
      case Operation::signal:
        if (!state.queue.empty()) wake(state, static_cast<std::size_t>(choice));
        return done(state, t);
      case Operation::broadcast:
        while (!state.queue.empty()) wake(state, 0);
        return done(state, t);
    }
  }

  const Program& program_;
  int timeouts_;
  std::set<State> seen_;
};

// --- the program for real

const Program* the_program = nullptr;
Final* final_state = nullptr;  ///< in memory that is not put back between runs

std::int64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}
timespec after(int ms) {
  const std::int64_t at = now_ns() + ms * 1'000'000;
  return {at / 1'000'000'000, at % 1'000'000'000};
}

struct Shared {
  std::array<std::atomic<int>, variables> value{};
  sem_t semaphore;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  std::int64_t start = now_ns();
};

void run_code(const std::vector<Operation>& code, int mark, Shared& shared, long& read) {
  bool holds = false;
  for (const Operation& operation : code) {
    switch (operation.kind) {
      case Operation::read: note(read, shared.value[operation.variable].load()); break;
      case Operation::write: shared.value[operation.variable].store(mark); break;
      case Operation::clock: note(read, (now_ns() - shared.start) / 1'000'000); break;
      case Operation::sleep: std::this_thread::sleep_for(operation.ms * 1ms); break;
      case Operation::post: sem_post(&shared.semaphore); break;
      case Operation::wait: sem_wait(&shared.semaphore); break;
      case Operation::timed_wait: {
        const timespec until = after(operation.ms);
        note(read, sem_clockwait(&shared.semaphore, CLOCK_MONOTONIC, &until) != 0);
        break;
      }
      case Operation::lock:
        pthread_mutex_lock(&shared.mutex);
        holds = true;
        break;
      case Operation::timed_lock: {
        const timespec until = after(operation.ms);
        holds = pthread_mutex_clocklock(&shared.mutex, CLOCK_MONOTONIC, &until) == 0;
        note(read, !holds);
        break;
      }
      case Operation::unlock:
        if (holds) pthread_mutex_unlock(&shared.mutex);
        holds = false;
        break;
      case Operation::cond_wait:
        if (holds) pthread_cond_wait(&shared.condition, &shared.mutex);
        break;
      case Operation::timed_cond_wait: {
        if (!holds) break;
        const timespec until = after(operation.ms);
        note(read, pthread_cond_clockwait(&shared.condition, &shared.mutex, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
        break;
      }
      case Operation::signal: pthread_cond_signal(&shared.condition); break;
      case Operation::broadcast: pthread_cond_broadcast(&shared.condition); break;
    }
  }
}

void interpreted() {
  Shared shared;
  sem_init(&shared.semaphore, 0, 0);
  std::array<long, threads_max> read{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < the_program->size(); ++t) {
    threads.emplace_back([&, t] { run_code((*the_program)[t], static_cast<int>(t) + 1, shared, read[t]); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < variables; ++i) final_state->value[i] = shared.value[i];
  final_state->read = read;
}

std::string text(const Program& program) {
  static const char* const names[] = {"read", "write", "clock", "sleep", "post", "wait", "timed_wait", "lock", "timed_lock",
                                      "unlock", "cond_wait", "timed_cond_wait", "signal", "broadcast"};
  std::string result;
  for (const auto& code : program) {
    for (const Operation& operation : code) {
      result.append(names[operation.kind]);
      if (timed(operation.kind)) result.append(" ").append(std::to_string(operation.ms));
      if (operation.kind <= Operation::write) result.append(" ").append(std::to_string(operation.variable));
      result.append("; ");
    }
    result.append("|| ");
  }
  return result;
}

struct Seen {
  explore::ExploreResult result;
  std::set<Final> finals;
  bool deadlock = false;
  std::set<std::string> others;
};

Seen search(const char* strategy, int timeouts) {
  explore::ExploreOptions options;
  options.strategy = strategy;
  options.keep_going = true;
  options.account = true;
  options.timeouts = static_cast<std::uint32_t>(timeouts);
  options.executions_max = 20'000;
  Seen seen;
  seen.result = explore::explore(scenario_of(interpreted), options, [&](const Execution& execution) {
    if (!execution.finding) {
      seen.finals.insert(*final_state);
    } else if (execution.finding->kind == FindingKind::deadlock) {
      seen.deadlock = true;
    } else {
      seen.others.insert(execution.finding->message);
    }
    return true;
  });
  return seen;
}

std::uint64_t programs() {
  const char* const text = std::getenv("FORESEED_PROGRAMS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 300;
}

TEST(RandomTimeouts, come_when_a_machine_says_that_they_may) {
  final_state = static_cast<Final*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(final_state, MAP_FAILED);
  int more = 0;
  int deadlocks = 0;
  std::uint64_t searched = 0;
  for (std::uint64_t seed = 1; seed <= programs() && !HasFailure(); ++seed) {
    const Program program = random_program(seed);
    the_program = &program;
    const Machine last(program, 0);
    for (const int timeouts : {0, 1, 9}) {
      SCOPED_TRACE("program " + std::to_string(seed) + ", " + std::to_string(timeouts) + " time-outs: " + text(program));
      const Machine expected(program, timeouts);
      more += expected.finals != last.finals;
      deadlocks += expected.deadlock;
      for (const char* strategy : {"dpor", "dfs"}) {
        if (strategy == std::string("dfs") && seed % 8 != 0) continue;
        SCOPED_TRACE(strategy);
        const Seen seen = search(strategy, timeouts);
        EXPECT_TRUE(std::includes(expected.finals.begin(), expected.finals.end(), seen.finals.begin(), seen.finals.end()));
        EXPECT_TRUE(seen.others.empty()) << *seen.others.begin();
        if (!seen.result.finished) continue;
        ++searched;
        EXPECT_TRUE(std::includes(seen.finals.begin(), seen.finals.end(), expected.finals.begin(), expected.finals.end()));
        EXPECT_EQ(seen.deadlock, expected.deadlock);
      }
    }
  }
  EXPECT_GT(searched, programs());
  EXPECT_GT(more, 0);
  EXPECT_GT(deadlocks, 0);
  munmap(final_state, 4096);
}

}  // namespace
}  // namespace foreseed::testing
