// Loops that look under a lock until another task has changed something: a search takes them for waiting, and yet comes to
// every final state. Random programs against an enumeration of their states that shares no code with the searches;
// FORESEED_PROGRAMS sets how many (300).

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "choice/prng.h"
#include "explore/explore.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

struct Operation {
  enum Kind {
    add,         ///< under the lock: adds to what it guards
    take,        ///< looks until there is something, and takes one of it
    await,       ///< looks until there is `much`
    await_flag,  ///< the same, or until the flag is set, which it looks at first
    raise,       ///< sets the flag
    both,        ///< looks at what both locks guard, in turn, until one has something
  } kind;
  std::size_t lock;
  int much;
};
using Code = std::vector<Operation>;
using Program = std::vector<Code>;

Program random_program(std::uint64_t seed) {
  Prng random(seed);
  Program program(2 + random.below(2));
  for (Code& code : program) {
    for (std::uint64_t left = 1 + random.below(program.size() == 2 ? 3 : 2); left != 0; --left) {
      static constexpr Operation::Kind kinds[] = {Operation::add,        Operation::add,   Operation::take, Operation::await,
                                                  Operation::await_flag, Operation::raise, Operation::both, Operation::add};
      code.push_back({kinds[random.below(std::size(kinds))], random.below(2), 1 + static_cast<int>(random.below(2))});
    }
  }
  return program;
}

/// What each thread has seen, and what is left.
struct Final {
  std::array<int, 2> guarded;
  std::array<int, 3> seen;
  friend auto operator<=>(const Final&, const Final&) = default;
};

// --- the enumeration: a look is one step

struct State {
  Final values{};
  bool flag = false;
  std::array<std::size_t, 3> at{};
  std::array<int, 3> part{};  ///< of an operation that looks at two things
  friend auto operator<=>(const State&, const State&) = default;
};

class Enumeration {
 public:
  explicit Enumeration(const Program& program) : program_(program) {
    std::vector<State> todo{State{}};
    std::map<State, std::vector<State>> before;
    std::set<State> known{State{}};
    std::vector<State> ended;
    while (!todo.empty()) {
      const State state = todo.back();
      todo.pop_back();
      bool all_ended = true;
      for (std::size_t t = 0; t < program.size(); ++t) {
        if (state.at[t] == program[t].size()) continue;
        all_ended = false;
        const State next = step(state, t);
        before[next].push_back(state);
        if (known.insert(next).second) todo.push_back(next);
      }
      if (all_ended) ended.push_back(state);
    }
    for (const State& state : ended) finals.insert(state.values);
    std::set<State> can_end(ended.begin(), ended.end());
    while (!ended.empty()) {
      const State state = ended.back();
      ended.pop_back();
      for (const State& earlier : before[state]) {
        if (can_end.insert(earlier).second) ended.push_back(earlier);
      }
    }
    may_hang = can_end.size() != known.size();
  }
  std::set<Final> finals;
  bool may_hang = false;

 private:
  State step(State state, std::size_t t) const {
    const Operation& operation = program_[t][state.at[t]];
    int& guarded = state.values.guarded[operation.lock];
    const auto done = [&](int saw) {
      state.values.seen[t] = state.values.seen[t] * 8 + saw;
      ++state.at[t];
      state.part[t] = 0;
    };
    switch (operation.kind) {
      case Operation::add: done(guarded += operation.much); break;
      case Operation::take:
        if (guarded > 0) done(guarded--);
        break;
      case Operation::await:
        if (guarded >= operation.much) done(guarded);
        break;
      case Operation::await_flag:
        if (state.part[t] == 0) {
          if (state.flag) done(7);
          else state.part[t] = 1;
        } else if (guarded >= operation.much) {
          done(guarded);
        } else {
          state.part[t] = 0;
        }
        break;
      case Operation::raise:
        state.flag = true;
        done(0);
        break;
      case Operation::both:
        if (const int found = state.values.guarded[static_cast<std::size_t>(state.part[t])]; found > 0) {
          done(2 * found + state.part[t]);
        } else {
          state.part[t] = 1 - state.part[t];
        }
        break;
    }
    return state;
  }

  const Program& program_;
};

// --- the program for real

const Program* the_program = nullptr;
Final* final_state = nullptr;  ///< in memory that is not put back between runs

template <typename Mutex, template <typename> typename Reader>
struct Guarded {
  Mutex mutex;
  int value = 0;
  int get() {
    const Reader<Mutex> lock(mutex);
    return value;
  }
  int add(int much) {
    const std::lock_guard lock(mutex);
    return value += much;
  }
  bool take(int& found) {
    const std::lock_guard lock(mutex);
    if (value == 0) return false;
    found = value--;
    return true;
  }
};

template <typename One>
int run_operation(const Operation& operation, std::array<One, 2>& all, std::atomic<bool>& flag) {
  One& guarded = all[operation.lock];
  int found = 0;
  switch (operation.kind) {
    case Operation::add: return guarded.add(operation.much);
    case Operation::take:
      while (!guarded.take(found)) std::this_thread::yield();
      return found;
    case Operation::await:
      while ((found = guarded.get()) < operation.much) {
      }
      return found;
    case Operation::await_flag:
      while (!flag) {
        if ((found = guarded.get()) >= operation.much) return found;
      }
      return 7;
    case Operation::raise: flag = true; return 0;
    case Operation::both:
      for (int i = 0;; i = 1 - i) {
        if ((found = all[static_cast<std::size_t>(i)].get()) > 0) return 2 * found + i;
      }
  }
  return 0;
}

template <typename One>
void interpreted() {
  std::array<One, 2> guarded;
  std::atomic<bool> flag{false};
  std::array<int, 3> seen{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < the_program->size(); ++t) {
    threads.emplace_back([&, t] {
      for (const Operation& operation : (*the_program)[t]) seen[t] = seen[t] * 8 + run_operation(operation, guarded, flag);
    });
  }
  for (std::thread& thread : threads) thread.join();
  *final_state = {{guarded[0].value, guarded[1].value}, seen};
}

std::uint64_t programs() {
  const char* const text = std::getenv("FORESEED_PROGRAMS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 300;
}

struct Searched {
  explore::ExploreResult result;
  std::set<Final> finals;
};

Searched search(void (*body)(), const char* strategy) {
  explore::ExploreOptions options;
  options.strategy = strategy;
  options.keep_going = true;
  options.executions_max = 1'000;
  Searched searched;
  searched.result = explore::explore(scenario_of(body), options, [&](const Execution& execution) {
    if (!execution.finding) searched.finals.insert(*final_state);
    return true;
  });
  return searched;
}

TEST(Polling, under_locks_comes_to_every_final_state) {
  final_state = static_cast<Final*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(final_state, MAP_FAILED);
  std::uint64_t finished = 0;
  for (std::uint64_t seed = 1; seed <= programs() && !HasFailure(); ++seed) {
    SCOPED_TRACE("program " + std::to_string(seed));
    const Program program = random_program(seed);
    the_program = &program;
    const Enumeration expected(program);
    void (*const body)() = seed % 3 == 0 ? interpreted<Guarded<std::shared_mutex, std::shared_lock>>
                                         : interpreted<Guarded<std::mutex, std::lock_guard>>;
    for (const char* strategy : {"dpor", "dfs"}) {
      if (strategy == std::string("dfs") && seed % 8 != 0) continue;
      const Searched searched = search(body, strategy);
      const std::set<Final>& finals = searched.finals;
      EXPECT_TRUE(std::includes(expected.finals.begin(), expected.finals.end(), finals.begin(), finals.end()));
      EXPECT_LE(searched.result.failed != 0, expected.may_hang);
      if (!searched.result.finished) continue;
      EXPECT_EQ(finals, expected.finals);
      EXPECT_EQ(searched.result.failed != 0, expected.may_hang);
      ++finished;
    }
  }
  EXPECT_GT(finished, programs() / 2);
  munmap(final_state, 4096);
}

}  // namespace
}  // namespace foreseed::testing
