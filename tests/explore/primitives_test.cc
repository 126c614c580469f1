// Random small programs of what waits, tries and sleeps - condition variables, timed and shared locks, semaphores, barriers,
// call_once, threads that start and join others - against an enumeration of their states that shares no code with the
// searches. A wait times out, and a sleep ends, only when nobody can go on; all whose time has come then go on in any order.
// FORESEED_PROGRAMS sets how many (300).

#include <gtest/gtest.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "choice/prng.h"
#include "explore/explore.h"
#include "explore/random.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

/// A call. Those that can fail go on `skip` operations further on if they do.
struct Operation {
  enum Kind {
    read, add, skip_if_set, back,
    lock, unlock, try_lock,
    lock_timed, unlock_timed, try_lock_for,
    wait, wait_for, notify_one, notify_all,
    sleep,
    acquire, try_acquire, try_acquire_for, release,
    read_lock, try_read_lock, read_unlock, write_lock, try_write_lock, write_unlock,
    arrive,
    once,
    start, join,
  } kind;
  int number = 0;  ///< the variable, the milliseconds, how many back
  std::size_t skip = 0;
};
using Code = std::vector<Operation>;
using Program = std::vector<Code>;
constexpr std::size_t threads_max = 3;

void append_random(Code& code, Prng& random) {
  using enum Operation::Kind;
  const int v = static_cast<int>(random.below(2));
  const int ms = 1 + static_cast<int>(random.below(2));
  const auto append = [&](std::initializer_list<Operation> what) { code.insert(code.end(), what); };
  switch (random.below(22)) {
    case 0: append({{read, v}}); break;
    case 1: append({{add, v}}); break;
    case 2: append({{lock}, {add, v}, {unlock}}); break;
    case 3: append({{try_lock, 0, 2}, {add, v}, {unlock}}); break;
    case 4: append({{try_lock_for, ms, 2}, {add, v}, {unlock_timed}}); break;
    case 5: append({{lock_timed}, {sleep, ms}, {unlock_timed}}); break;
    case 6: append({{lock}, {wait}, {unlock}}); break;
    case 7: append({{lock}, {wait_for, ms}, {unlock}}); break;
    case 8: append({{lock}, {skip_if_set, v, 2}, {wait}, {back, 3}, {unlock}}); break;
    case 9: append({{lock}, {add, v}, {notify_one}, {unlock}}); break;
    case 10: append({{notify_one}}); break;
    case 11: append({{notify_all}}); break;
    case 12: append({{sleep, ms}}); break;
    case 13: append({{acquire}, {read, v}}); break;
    case 14: append({{try_acquire, 0, 1}, {add, v}}); break;
    case 15: append({{try_acquire_for, ms, 1}, {add, v}}); break;
    case 16: append({{release}}); break;
    case 17: append({{read_lock}, {read, v}, {read_unlock}}); break;
    case 18: append({{write_lock}, {add, v}, {write_unlock}}); break;
    case 19:
      random.below(2) == 0 ? append({{try_read_lock, 0, 2}, {read, v}, {read_unlock}})
                           : append({{try_write_lock, 0, 2}, {add, v}, {write_unlock}});
      break;
    case 20: append({{arrive}}); break;
    case 21: append({{once, v}}); break;
  }
}

Program random_program(std::uint64_t seed) {
  Prng random(seed);
  Program program(2 + random.below(2));
  const bool started_late = program.size() == 3 && random.below(2) == 0;
  for (Code& code : program) {
    if (started_late && &code == &program[0] && random.below(2) == 0) append_random(code, random);
    if (started_late && &code == &program[0]) code.push_back({Operation::start});
    for (std::uint64_t left = 1 + random.below(program.size() == 2 ? 3 : 2); left != 0; --left) append_random(code, random);
    if (started_late && &code == &program[0]) code.push_back({Operation::join});
  }
  return program;
}

/// What each thread has seen, and what is left.
struct Final {
  std::array<int, 2> variables;
  std::array<int, threads_max> seen;
  friend auto operator<=>(const Final&, const Final&) = default;
};

int also_saw(int seen, int value) { return seen * 5 + value % 5; }

// --- the enumeration

struct State {
  Final values{};
  int now = 0;
  int owner = -1;
  int timed_owner = -1;
  int writer = -1;
  int readers = 0;
  int permits = 0;
  int once = 0;  ///< 1: being done, 2: done
  std::array<std::size_t, threads_max> at{};
  std::array<int, threads_max> phase{};  ///< of an operation of several steps
  std::array<int, threads_max> until{-1, -1, -1};
  std::array<bool, threads_max> started{};
  friend auto operator<=>(const State&, const State&) = default;
};

class Enumeration {
 public:
  explicit Enumeration(const Program& program) : program_(program) {
    State first;
    for (std::size_t t = 0; t < program.size(); ++t) first.started[t] = true;
    for (const Operation& operation : program[0]) {
      if (operation.kind == Operation::start) first.started[2] = false;
    }
    std::vector<State> todo{first};
    std::set<State> known{first};
    while (!todo.empty()) {
      const State state = todo.back();
      todo.pop_back();
      next_.clear();
      bool all_ended = true;
      for (std::size_t t = 0; t < program.size(); ++t) {
        if (state.at[t] == program[t].size()) continue;
        all_ended = false;
        if (state.started[t]) step(state, t);
      }
      if (all_ended) finals.insert(state.values);
      if (!all_ended && next_.empty()) time_passes(state);
      if (!all_ended && next_.empty()) may_hang = true;
      for (const State& next : next_) {
        if (known.insert(next).second) todo.push_back(next);
      }
    }
  }
  std::set<Final> finals;
  bool may_hang = false;

 private:
  void time_passes(State state) {
    int earliest = -1;
    for (const int until : state.until) {
      if (until > state.now && (earliest < 0 || until < earliest)) earliest = until;
    }
    if (earliest < 0) return;
    state.now = earliest;
    next_.push_back(state);
  }

  void step(State state, std::size_t t) {
    const Operation& operation = program_[t][state.at[t]];
    const int self = static_cast<int>(t);
    int& phase = state.phase[t];
    int& until = state.until[t];
    int& variable = state.values.variables[static_cast<std::size_t>(operation.number) % 2];
    const bool expired = until >= 0 && until <= state.now;
    const auto goes_on = [&](State to, int saw, std::size_t skip = 0) {
      to.values.seen[t] = also_saw(to.values.seen[t], saw);
      to.at[t] += 1 + skip;
      to.phase[t] = 0;
      to.until[t] = -1;
      next_.push_back(to);
    };
    const auto goes_on_silently = [&](State to, std::size_t skip = 0) {
      to.at[t] += 1 + skip;
      to.phase[t] = 0;
      to.until[t] = -1;
      next_.push_back(to);
    };
    /// Takes at once, or waits for a time. When that has come it is too late, even where it could take now.
    const auto timed = [&](bool free, auto take) {
      if (free && !expired) {
        State to = state;
        take(to);
        goes_on(to, 1);
      }
      if (phase == 0 && !free) {
        State to = state;
        to.phase[t] = 1;
        to.until[t] = state.now + operation.number;
        next_.push_back(to);
      }
      if (phase == 1 && expired) goes_on(state, 2, operation.skip);
    };
    const auto attempt = [&](bool free, auto take) {
      if (!free) return goes_on(state, 2, operation.skip);
      take(state);
      goes_on(state, 1);
    };
    const auto when = [&](bool free, auto take) {
      if (!free) return;
      take(state);
      goes_on_silently(state);
    };
    const auto waits_at = [&](std::size_t other, Operation::Kind kind) {
      const Code& code = program_[other];
      return state.phase[other] == 1 && state.at[other] < code.size() && code[state.at[other]].kind == kind;
    };
    const auto waits = [&](std::size_t other) {
      return waits_at(other, Operation::wait) || waits_at(other, Operation::wait_for);
    };
    switch (operation.kind) {
      case Operation::read: goes_on(state, variable); break;
      case Operation::add: ++variable; goes_on(state, variable); break;
      case Operation::skip_if_set: goes_on_silently(state, variable != 0 ? operation.skip : 0); break;
      case Operation::back:
        state.at[t] -= static_cast<std::size_t>(operation.number) - 1;
        next_.push_back(state);
        break;
      case Operation::lock: when(state.owner < 0, [&](State& to) { to.owner = self; }); break;
      case Operation::unlock: when(true, [](State& to) { to.owner = -1; }); break;
      case Operation::try_lock: attempt(state.owner < 0, [&](State& to) { to.owner = self; }); break;
      case Operation::lock_timed: when(state.timed_owner < 0, [&](State& to) { to.timed_owner = self; }); break;
      case Operation::unlock_timed: when(true, [](State& to) { to.timed_owner = -1; }); break;
      case Operation::try_lock_for: timed(state.timed_owner < 0, [&](State& to) { to.timed_owner = self; }); break;
      case Operation::wait:
      case Operation::wait_for:  // 1: waits, 2: was notified, 3: its time has come
        if (phase == 0) {
          state.owner = -1;
          phase = 1;
          if (operation.kind == Operation::wait_for) until = state.now + operation.number;
          next_.push_back(state);
        } else if (phase == 1) {
          if (!expired) break;
          phase = 3;
          until = -1;
          next_.push_back(state);
        } else if (state.owner < 0) {
          state.owner = self;
          goes_on(state, phase - 1);
        }
        break;
      case Operation::notify_one:
      case Operation::notify_all: {
        State all = state;
        bool anyone = false;
        for (std::size_t other = 0; other < program_.size(); ++other) {
          if (!waits(other)) continue;
          anyone = true;
          State one = state;
          // libstdc++ looks at the clock: who is notified when the time has come is told that it has come.
          const bool too_late = state.until[other] >= 0 && state.until[other] <= state.now;
          one.phase[other] = all.phase[other] = too_late ? 3 : 2;
          one.until[other] = all.until[other] = -1;
          if (operation.kind == Operation::notify_one) goes_on_silently(one);
        }
        if (!anyone || operation.kind == Operation::notify_all) goes_on_silently(all);
        break;
      }
      case Operation::sleep:
        if (phase == 0) {
          phase = 1;
          until = state.now + operation.number;
          next_.push_back(state);
        } else if (expired) {
          goes_on_silently(state);
        }
        break;
      case Operation::acquire: when(state.permits > 0, [](State& to) { --to.permits; }); break;
      case Operation::try_acquire: attempt(state.permits > 0, [](State& to) { --to.permits; }); break;
      case Operation::try_acquire_for: timed(state.permits > 0, [](State& to) { --to.permits; }); break;
      case Operation::release: when(true, [](State& to) { ++to.permits; }); break;
      case Operation::read_lock: when(state.writer < 0, [](State& to) { ++to.readers; }); break;
      case Operation::try_read_lock: attempt(state.writer < 0, [](State& to) { ++to.readers; }); break;
      case Operation::read_unlock: when(true, [](State& to) { --to.readers; }); break;
      case Operation::write_lock: when(state.writer < 0 && state.readers == 0, [&](State& to) { to.writer = self; }); break;
      case Operation::try_write_lock:
        attempt(state.writer < 0 && state.readers == 0, [&](State& to) { to.writer = self; });
        break;
      case Operation::write_unlock: when(true, [](State& to) { to.writer = -1; }); break;
      case Operation::arrive:  // 1: waits for another
        if (phase == 2) {
          goes_on(state, 0);
        } else if (phase == 0) {
          std::size_t other = 0;
          while (other < program_.size() && !waits_at(other, Operation::arrive)) ++other;
          if (other == program_.size()) {
            phase = 1;
            next_.push_back(state);
          } else {
            state.phase[other] = 2;
            goes_on(state, 1);
          }
        }
        break;
      case Operation::once:
        if (phase == 1) {
          ++variable;
          phase = 2;
          next_.push_back(state);
        } else if (phase == 2) {
          state.once = 2;
          goes_on(state, 1);
        } else if (state.once == 2) {
          goes_on(state, 0);
        } else if (state.once == 0) {
          state.once = phase = 1;
          next_.push_back(state);
        }
        break;
      case Operation::start: when(true, [](State& to) { to.started[2] = true; }); break;
      case Operation::join: when(state.at[2] == program_[2].size(), [](State&) {}); break;
    }
  }

  const Program& program_;
  std::vector<State> next_;
};

// --- the program for real

const Program* the_program = nullptr;
Final* final_state = nullptr;  ///< in memory that is not put back between runs

struct Objects {
  Objects() {
    sem_init(&semaphore, 0, 0);
    pthread_barrier_init(&barrier, nullptr, 2);
  }
  ~Objects() {
    sem_destroy(&semaphore);
    pthread_barrier_destroy(&barrier);
  }
  std::array<std::atomic<int>, 2> variables{};
  std::mutex mutex;
  std::timed_mutex timed;
  std::condition_variable changed;
  std::shared_mutex shared;
  sem_t semaphore;
  pthread_barrier_t barrier;
  std::once_flag once;
  std::array<std::thread, threads_max> threads;
  std::array<int, threads_max> seen{};
};

bool try_acquire_for(sem_t& semaphore, std::chrono::milliseconds time) {
  timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += std::chrono::nanoseconds(time).count();
  until.tv_sec += until.tv_nsec / 1'000'000'000;
  until.tv_nsec %= 1'000'000'000;
  return sem_clockwait(&semaphore, CLOCK_MONOTONIC, &until) == 0;
}

void run_code(Objects& o, std::size_t t) {
  const Code& code = (*the_program)[t];
  for (std::size_t at = 0; at < code.size(); ++at) {
    const Operation& operation = code[at];
    const std::chrono::milliseconds time(operation.number);
    std::atomic<int>& variable = o.variables[static_cast<std::size_t>(operation.number) % 2];
    const auto saw = [&](int value) { o.seen[t] = also_saw(o.seen[t], value); };
    const auto succeeded = [&](bool it) {
      saw(it ? 1 : 2);
      if (!it) at += operation.skip;
    };
    switch (operation.kind) {
      case Operation::read: saw(variable); break;
      case Operation::add: saw(++variable); break;
      case Operation::skip_if_set: at += variable != 0 ? operation.skip : 0; break;
      case Operation::back: at -= static_cast<std::size_t>(operation.number); break;
      case Operation::lock: o.mutex.lock(); break;
      case Operation::unlock: o.mutex.unlock(); break;
      case Operation::try_lock: succeeded(o.mutex.try_lock()); break;
      case Operation::lock_timed: o.timed.lock(); break;
      case Operation::unlock_timed: o.timed.unlock(); break;
      case Operation::try_lock_for: succeeded(o.timed.try_lock_for(time)); break;
      case Operation::wait:
      case Operation::wait_for: {
        std::unique_lock lock(o.mutex, std::adopt_lock);
        if (operation.kind == Operation::wait) {
          o.changed.wait(lock);
          saw(1);
        } else {
          saw(o.changed.wait_for(lock, time) == std::cv_status::no_timeout ? 1 : 2);
        }
        lock.release();
        break;
      }
      case Operation::notify_one: o.changed.notify_one(); break;
      case Operation::notify_all: o.changed.notify_all(); break;
      case Operation::sleep: std::this_thread::sleep_for(time); break;
      case Operation::acquire: sem_wait(&o.semaphore); break;
      case Operation::try_acquire: succeeded(sem_trywait(&o.semaphore) == 0); break;
      case Operation::try_acquire_for: succeeded(try_acquire_for(o.semaphore, time)); break;
      case Operation::release: sem_post(&o.semaphore); break;
      case Operation::read_lock: o.shared.lock_shared(); break;
      case Operation::try_read_lock: succeeded(o.shared.try_lock_shared()); break;
      case Operation::read_unlock: o.shared.unlock_shared(); break;
      case Operation::write_lock: o.shared.lock(); break;
      case Operation::try_write_lock: succeeded(o.shared.try_lock()); break;
      case Operation::write_unlock: o.shared.unlock(); break;
      case Operation::arrive: saw(pthread_barrier_wait(&o.barrier) == PTHREAD_BARRIER_SERIAL_THREAD); break;
      case Operation::once: {
        bool mine = false;
        std::call_once(o.once, [&] {
          ++variable;
          mine = true;
        });
        saw(mine);
        break;
      }
      case Operation::start: o.threads[2] = std::thread(run_code, std::ref(o), 2); break;
      case Operation::join: o.threads[2].join(); break;
    }
  }
}

bool starts_another(const Program& program) {
  return std::any_of(program[0].begin(), program[0].end(), [](const Operation& o) { return o.kind == Operation::start; });
}

void interpreted() {
  Objects o;
  const std::size_t count = the_program->size() - starts_another(*the_program);
  for (std::size_t t = 0; t < count; ++t) o.threads[t] = std::thread(run_code, std::ref(o), t);
  for (std::size_t t = 0; t < count; ++t) o.threads[t].join();
  *final_state = {{o.variables[0], o.variables[1]}, o.seen};
}

std::uint64_t programs() {
  const char* const text = std::getenv("FORESEED_PROGRAMS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 300;
}

std::string text(const Program& program) {
  static constexpr const char* names[] = {
      "read", "add", "skip_if_set", "back", "lock", "unlock", "try_lock", "lock_timed", "unlock_timed", "try_lock_for",
      "wait", "wait_for", "notify_one", "notify_all", "sleep", "acquire", "try_acquire", "try_acquire_for", "release",
      "read_lock", "try_read_lock", "read_unlock", "write_lock", "try_write_lock", "write_unlock", "arrive",
      "once", "start", "join"};
  std::string result;
  for (const Code& code : program) {
    for (const Operation& o : code) result.append(names[o.kind]).append("(").append(std::to_string(o.number)).append(") ");
    result.append("\n");
  }
  return result;
}

std::string text(const std::set<Final>& finals) {
  std::string result;
  for (const Final& f : finals) {
    for (const int v : f.variables) result.append(std::to_string(v)).append(",");
    for (const int s : f.seen) result.append(" ").append(std::to_string(s));
    result.append("\n");
  }
  return result;
}

struct Searched {
  explore::ExploreResult result;
  std::set<Final> finals;
};

Searched search(const char* strategy) {
  explore::ExploreOptions options;
  options.strategy = strategy;
  options.keep_going = true;
  options.account = true;
  options.executions_max = 20'000;
  Searched searched;
  searched.result = explore::explore(scenario_of(interpreted), options, [&](const Execution& execution) {
    if (!execution.finding) searched.finals.insert(*final_state);
    return true;
  });
  return searched;
}

class Primitives : public ::testing::Test {
 protected:
  void SetUp() override {
    final_state = static_cast<Final*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(final_state, MAP_FAILED);
  }
  void TearDown() override { munmap(final_state, 4096); }
};

TEST_F(Primitives, come_to_every_final_state_and_no_other) {
  std::uint64_t finished = 0;
  std::uint64_t hanging = 0;
  std::uint64_t complete = 0;
  std::uint64_t blocked = 0;
  for (std::uint64_t seed = 1; seed <= programs(); ++seed) {
    const Program program = random_program(seed);
    the_program = &program;
    SCOPED_TRACE("program " + std::to_string(seed) + "\n" + text(program));
    const Enumeration expected(program);
    hanging += expected.may_hang;
    for (const char* strategy : {"dpor", "dfs"}) {
      if (strategy == std::string("dfs") && seed % 8 != 0) continue;
      const Searched searched = search(strategy);
      EXPECT_EQ(searched.result.counts.redundant, 0u);
      complete += searched.result.counts.complete;
      blocked += searched.result.counts.blocked;
      if (!searched.result.finished) continue;
      ++finished;
      EXPECT_EQ(text(searched.finals), text(expected.finals)) << strategy;
      EXPECT_EQ(searched.result.failed != 0, expected.may_hang) << strategy;
    }
  }
  // A wait that times out would touch something else if it came earlier, so that a few executions are planned in vain.
  EXPECT_LE(blocked, complete / 100);
  EXPECT_GT(finished, programs() / 2);
  EXPECT_EQ(hanging == 0, programs() == 0);
}

TEST_F(Primitives, are_checked_without_false_findings) {
  const RunSeries series;
  for (std::uint64_t seed = 1; seed <= programs() && !HasFailure(); ++seed) {
    const Program program = random_program(seed);
    the_program = &program;
    SCOPED_TRACE("program " + std::to_string(seed) + "\n" + text(program));
    const Enumeration expected(program);
    for (const std::string& strategy : explore::strategy_names()) {
      for (std::uint64_t run = 0; run < 10; ++run) {
        RunOptions options;
        options.seed = run;
        options.strategy = explore::strategy_named(strategy, run);
        const Execution execution = run_once(scenario_of(interpreted), options);
        if (execution.finding) {
          EXPECT_TRUE(expected.may_hang) << strategy << ": " << execution.finding->message;
        } else {
          EXPECT_TRUE(expected.finals.count(*final_state)) << strategy << ", seed " << run;
        }
      }
    }
  }
}

}  // namespace
}  // namespace foreseed::testing
