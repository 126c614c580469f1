#pragma once
// Every execution of a tiny program: its choices are counted through like the digits of a number.

#include <sys/mman.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "run_scenario.h"

namespace foreseed::testing {

inline constexpr std::size_t registers_max = 32;

/// What a program reads goes here: memory that is not put back between runs.
inline int* const registers = static_cast<int*>(
    mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

using Outcome = std::vector<int>;

struct Enumeration {
  std::set<Outcome> outcomes;      ///< of the first `count` registers
  std::set<std::string> findings;
  std::uint64_t executions = 0;
};

inline Enumeration enumerate(void (*body)(), MemoryModel memory, std::size_t count) {
  const RunSeries series;
  Enumeration all;
  std::vector<Choice> record;
  for (;;) {
    RunOptions options;
    options.replaying = true;
    options.replay = record;
    options.memory = memory;
    std::fill_n(registers, registers_max, -1);
    const Execution execution = run_once(scenario_of(body), options);
    ++all.executions;
    if (execution.finding) {
      all.findings.insert(execution.finding->message);
    } else {
      all.outcomes.insert(Outcome(registers, registers + count));
    }
    record.assign(execution.choices.begin(), execution.choices.end());
    while (!record.empty() && record.back().value + 1 == record.back().bound) record.pop_back();
    if (record.empty()) return all;
    ++record.back().value;
  }
}

}  // namespace foreseed::testing
