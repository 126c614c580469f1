// Random small programs: the searches agree with an enumeration that shares no code with them, on final states, on the
// number of interleavings (dfs) and on the number of traces (dpor). FORESEED_PROGRAMS sets how many programs (300).

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "explore/explore.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

constexpr int variables = 3;
constexpr int locks = 2;

struct Operation {
  enum Kind { read, write, add, compare_exchange, skip_if, lock, unlock } kind;
  int object;  ///< variable or lock
  int a;       ///< written, added, expected, or what the register is compared with
  int b;       ///< desired
};
using Code = std::vector<Operation>;
struct Program {
  std::vector<Code> threads;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2654435761u + 88172645463325252ull) {}
  int below(int bound) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<int>(state_ % static_cast<std::uint64_t>(bound));
  }

 private:
  std::uint64_t state_;
};

/// Ends a code by unlocking what it holds.
Code random_code(Random& random, int visible) {
  Code code;
  std::vector<int> held;
  if (visible >= 4 && random.below(2) == 0) {  // two locks, one within the other: some deadlock
    held = {random.below(locks)};
    held.push_back(1 - held[0]);
    for (const int lock : held) code.push_back({Operation::lock, lock, 0, 0});
    visible -= 4;
  }
  while (visible > 0) {
    const int what = random.below(12);
    const int variable = random.below(variables);
    if (what < 3) code.push_back({Operation::read, variable, 0, 0});
    if (what >= 3 && what < 6) code.push_back({Operation::write, variable, 1 + random.below(2), 0});
    if (what == 6) code.push_back({Operation::add, variable, 1, 0});
    if (what == 7 || what == 8) code.push_back({Operation::compare_exchange, variable, random.below(2), 1 + random.below(2)});
    if (what == 9 && visible > 1) {
      code.push_back({Operation::skip_if, 0, random.below(2), 0});
      code.push_back({Operation::write, variable, 3, 0});
    }
    if (what >= 10) {
      const int lock = random.below(locks);
      if (visible >= 2 && std::find(held.begin(), held.end(), lock) == held.end()) {
        code.push_back({Operation::lock, lock, 0, 0});
        held.push_back(lock);
        --visible;  // for the unlock
      } else if (!held.empty()) {
        code.push_back({Operation::unlock, held.back(), 0, 0});
        held.pop_back();
        continue;
      } else {
        continue;
      }
    }
    --visible;
  }
  for (; !held.empty(); held.pop_back()) code.push_back({Operation::unlock, held.back(), 0, 0});
  return code;
}

Program random_program(std::uint64_t seed) {
  Random random(seed);
  Program program;
  const int threads = 2 + random.below(3);
  const int each = threads == 2 ? 6 : threads == 3 ? 4 : 2;
  for (int t = 0; t < threads; ++t) program.threads.push_back(random_code(random, 1 + random.below(each)));
  return program;
}

// --- the enumeration

struct State {
  std::array<int, variables> value{};
  std::array<int, locks> owner{-1, -1};
  std::vector<std::size_t> at;
  std::vector<int> reg;
};

using Clock = std::vector<int>;
struct Event {
  int thread;
  int object;  ///< locks come after variables
  bool wrote;
  Clock clock;
};

class Enumeration {
 public:
  explicit Enumeration(const Program& program) : program_(program) {
    State state;
    state.at.assign(program.threads.size(), 0);
    state.reg.assign(program.threads.size(), 0);
    explore(state);
  }
  std::uint64_t interleavings = 0;
  std::set<std::string> traces;
  std::set<std::string> deadlocked;
  std::set<std::string> finals;

  static std::string text(const std::array<int, variables>& value, const std::vector<int>& reg) {
    std::string result;
    for (const int v : value) result.append(std::to_string(v)).append(",");
    for (const int r : reg) result.append(std::to_string(r)).append(";");
    return result;
  }

 private:
  void explore(const State& before) {
    bool any = false;
    bool all_ended = true;
    for (std::size_t t = 0; t < program_.threads.size(); ++t) {
      State state = before;
      skip_silent(state, t);
      if (state.at[t] == program_.threads[t].size()) continue;
      all_ended = false;
      const Operation& operation = program_.threads[t][state.at[t]];
      if (operation.kind == Operation::lock && state.owner[static_cast<std::size_t>(operation.object)] >= 0) continue;
      any = true;
      push_event(operation, t, execute(state, t, operation));
      explore(state);
      events_.pop_back();
    }
    if (any) return;
    ++interleavings;
    const std::string trace = canonical();
    traces.insert(trace);
    all_ended ? void(finals.insert(text(before.value, before.reg))) : void(deadlocked.insert(trace));
  }

  void skip_silent(State& state, std::size_t t) const {
    const Code& code = program_.threads[t];
    while (state.at[t] < code.size() && code[state.at[t]].kind == Operation::skip_if) {
      state.at[t] += state.reg[t] == code[state.at[t]].a ? 2 : 1;
    }
  }

  /// Returns whether it wrote.
  static bool execute(State& state, std::size_t t, const Operation& operation) {
    ++state.at[t];
    const auto object = static_cast<std::size_t>(operation.object);
    switch (operation.kind) {
      case Operation::read: state.reg[t] = state.value[object]; return false;
      case Operation::write: state.value[object] = operation.a; return true;
      case Operation::add:
        state.reg[t] = state.value[object];
        state.value[object] += operation.a;
        return true;
      case Operation::compare_exchange: {
        const bool same = state.value[object] == operation.a;
        state.reg[t] = same;
        if (same) state.value[object] = operation.b;
        return same;
      }
      case Operation::lock: state.owner[object] = static_cast<int>(t); return true;
      case Operation::unlock: state.owner[object] = -1; return true;
      case Operation::skip_if: break;
    }
    return false;
  }

  void push_event(const Operation& operation, std::size_t t, bool wrote) {
    const bool is_lock = operation.kind == Operation::lock || operation.kind == Operation::unlock;
    Event event{static_cast<int>(t), operation.object + (is_lock ? variables : 0), wrote, Clock(program_.threads.size())};
    for (const Event& earlier : events_) {
      const bool dependent = earlier.thread == event.thread ||
                             (earlier.object == event.object && (earlier.wrote || event.wrote));
      if (!dependent) continue;
      for (std::size_t i = 0; i < event.clock.size(); ++i) event.clock[i] = std::max(event.clock[i], earlier.clock[i]);
    }
    ++event.clock[t];
    events_.push_back(std::move(event));
  }

  /// The same for equivalent interleavings: each event with its clock, in a fixed order.
  std::string canonical() const {
    std::vector<std::string> lines;
    for (const Event& event : events_) {
      std::string line = std::to_string(event.thread);
      line.append(":").append(std::to_string(event.object)).append(event.wrote ? "w" : "r");
      for (const int c : event.clock) line.append(",").append(std::to_string(c));
      lines.push_back(line);
    }
    std::sort(lines.begin(), lines.end());
    std::string all;
    for (const std::string& line : lines) all.append(line).append("\n");
    return all;
  }

  const Program& program_;
  std::vector<Event> events_;
};

// --- the program for real

const Program* the_program = nullptr;

/// Final values, in memory that is not put back between runs.
struct Final {
  std::array<int, variables> value;
  std::array<int, 4> reg;
};
Final* final_state = nullptr;

void run_code(const Code& code, std::array<std::atomic<int>, variables>& value, std::array<std::mutex, locks>& mutexes, int& reg) {
  for (std::size_t at = 0; at < code.size(); ++at) {
    const Operation& operation = code[at];
    const auto object = static_cast<std::size_t>(operation.object);
    switch (operation.kind) {
      case Operation::read: reg = value[object].load(); break;
      case Operation::write: value[object].store(operation.a); break;
      case Operation::add: reg = value[object].fetch_add(operation.a); break;
      case Operation::compare_exchange: {
        int expected = operation.a;
        reg = value[object].compare_exchange_strong(expected, operation.b);
        break;
      }
      case Operation::skip_if: at += reg == operation.a; break;
      case Operation::lock: mutexes[object].lock(); break;
      case Operation::unlock: mutexes[object].unlock(); break;
    }
  }
}

void interpreted() {
  std::array<std::atomic<int>, variables> value{};
  std::array<std::mutex, locks> mutexes;
  std::vector<int> reg(the_program->threads.size());
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < reg.size(); ++t) {
    threads.emplace_back([&, t] { run_code(the_program->threads[t], value, mutexes, reg[t]); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < value.size(); ++i) final_state->value[i] = value[i];
  for (std::size_t t = 0; t < reg.size(); ++t) final_state->reg[t] = reg[t];
}

std::uint64_t programs() {
  const char* const text = std::getenv("FORESEED_PROGRAMS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 300;
}

struct Seen {
  explore::ExploreResult result;
  std::set<std::string> finals;
};

Seen search(const char* strategy, std::size_t threads) {
  explore::ExploreOptions options;
  options.strategy = strategy;
  options.keep_going = true;
  options.account = true;
  Seen seen;
  seen.result = explore::explore(scenario_of(interpreted), options, [&](const Execution& execution) {
    if (!execution.finding) {
      seen.finals.insert(Enumeration::text(
          final_state->value, {final_state->reg.begin(), final_state->reg.begin() + static_cast<std::ptrdiff_t>(threads)}));
    }
    return true;
  });
  return seen;
}

TEST(RandomPrograms, agree_with_an_enumeration_of_all_interleavings) {
  final_state = static_cast<Final*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(final_state, MAP_FAILED);
  std::uint64_t with_deadlock = 0;
  for (std::uint64_t seed = 1; seed <= programs() && !HasFailure(); ++seed) {
    SCOPED_TRACE("program " + std::to_string(seed));
    const Program program = random_program(seed);
    const Enumeration expected(program);
    the_program = &program;
    const Seen dpor = search("dpor", program.threads.size());
    EXPECT_TRUE(dpor.result.finished);
    EXPECT_EQ(dpor.finals, expected.finals);
    EXPECT_EQ(dpor.result.counts.complete, expected.traces.size());
    EXPECT_EQ(dpor.result.counts.deadlocked, expected.deadlocked.size());
    EXPECT_EQ(dpor.result.counts.redundant, 0u);
    EXPECT_EQ(dpor.result.counts.blocked, 0u);
    with_deadlock += !expected.deadlocked.empty();
    if (seed % 4 != 0) continue;
    const Seen dfs = search("dfs", program.threads.size());
    EXPECT_EQ(dfs.finals, expected.finals);
    EXPECT_EQ(dfs.result.counts.complete, expected.interleavings);
  }
  EXPECT_GT(with_deadlock, 0u);
  munmap(final_state, 4096);
}

/// A search that is saved and loaded after every few executions, and that hands out parts which are explored in between.
explore::ExploreResult search_by_units(const explore::ExploreOptions& options, Random& random) {
  struct Part {
    std::unique_ptr<explore::Search> search;
    explore::ExploreResult result;
    explore::Pause pause = explore::Pause::bound;
  };
  const auto go_on = [&](Part& part) {
    explore::Writer out;
    part.search->save(out);
    const std::string state = out.take();
    explore::Reader in(state);
    part.search = explore::make_search(options);
    part.search->load(in);
    explore::Board board;
    explore::ExploreResult now;
    part.pause = run_slice(scenario_of(interpreted), *part.search, options, {1u + static_cast<unsigned>(random.below(3)), 0}, board, now);
    append(part.result, std::move(now));
  };
  Part whole{explore::make_search(options), {}, explore::Pause::bound};
  std::map<std::uint32_t, Part> units;
  for (std::uint32_t last = 0; whole.pause != explore::Pause::finished;) {
    go_on(whole);
    while (const std::uint32_t id = whole.search->waits_for()) {
      Part unit = std::move(units.at(id));
      units.erase(id);
      if (!whole.search->absorb(*unit.search)) continue;
      append(whole.result, std::move(unit.result));
      if (unit.pause == explore::Pause::finished && !whole.search->skip()) whole.pause = explore::Pause::finished;
    }
    if (whole.pause == explore::Pause::finished) break;
    Part unit{explore::make_search(options), {}, explore::Pause::bound};
    if (random.below(2) == 0 && whole.search->hand_out(last + 1, *unit.search)) units.emplace(++last, std::move(unit));
    for (auto& [id, part] : units) {
      if (part.pause == explore::Pause::bound && random.below(2) == 0) go_on(part);
    }
  }
  return std::move(whole.result);
}

TEST(RandomPrograms, are_explored_alike_in_parts) {
  final_state = static_cast<Final*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(final_state, MAP_FAILED);
  Random random(1);
  for (std::uint64_t seed = 1; seed <= programs() && !HasFailure(); ++seed) {
    const Program program = random_program(seed);
    the_program = &program;
    for (const char* strategy : {"dpor", "dfs"}) {
      if (strategy == std::string("dfs") && seed % 8 != 0) continue;
      SCOPED_TRACE(std::string(strategy) + ", program " + std::to_string(seed));
      explore::ExploreOptions options;
      options.strategy = strategy;
      options.keep_going = true;
      options.executions_max = 0;
      const explore::ExploreResult one = explore::explore(scenario_of(interpreted), options);
      const explore::ExploreResult parts = search_by_units(options, random);
      EXPECT_EQ(parts.counts.complete, one.counts.complete);
      EXPECT_EQ(parts.counts.deadlocked, one.counts.deadlocked);
      EXPECT_EQ(parts.counts.steps, one.counts.steps);
      EXPECT_EQ(parts.counts.blocked, 0u);
      EXPECT_EQ(parts.failed, one.failed);
      ASSERT_EQ(parts.failing.size(), one.failing.size());
      for (std::size_t i = 0; i < one.failing.size(); ++i) {
        EXPECT_EQ(parts.failing[i].execution, one.failing[i].execution);
        EXPECT_EQ(parts.failing[i].choices, one.failing[i].choices);
      }
    }
  }
  munmap(final_state, 4096);
}

}  // namespace
}  // namespace foreseed::testing
