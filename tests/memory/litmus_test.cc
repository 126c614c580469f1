// Litmus programs: the set of their outcomes under each memory model is exactly what litmus.csv allows.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "enumerate.h"

namespace foreseed::testing {
namespace {

using std::memory_order;
constexpr memory_order rlx = std::memory_order_relaxed;
constexpr memory_order acq = std::memory_order_acquire;
constexpr memory_order rel = std::memory_order_release;
constexpr memory_order seq = std::memory_order_seq_cst;

// Where there are four threads the body is the fourth: that leaves fewer schedules to go through.
template <memory_order Load, memory_order Store>
struct Programs {
  static void sb() {
    std::atomic<int> x{0}, y{0};
    std::thread a([&] { x.store(1, Store); registers[0] = y.load(Load); });
    std::thread b([&] { y.store(1, Store); registers[1] = x.load(Load); });
    a.join();
    b.join();
  }
  static void mp() {
    std::atomic<int> x{0}, y{0};
    std::thread a([&] { x.store(1, Store); y.store(1, Store); });
    std::thread b([&] { registers[0] = y.load(Load); registers[1] = x.load(Load); });
    a.join();
    b.join();
  }
  static void lb() {
    std::atomic<int> x{0}, y{0};
    std::thread a([&] { registers[0] = x.load(Load); y.store(1, Store); });
    std::thread b([&] { registers[1] = y.load(Load); x.store(1, Store); });
    a.join();
    b.join();
  }
  static void two_plus_two_w() {
    std::atomic<int> x{0}, y{0};
    std::thread a([&] { x.store(1, Store); y.store(2, Store); });
    std::thread b([&] { y.store(1, Store); x.store(2, Store); });
    a.join();
    b.join();
    registers[0] = x.load(Load);
    registers[1] = y.load(Load);
  }
  static void iriw() {
    std::atomic<int> x{0}, y{0};
    std::thread a([&] { x.store(1, Store); });
    std::thread b([&] { y.store(1, Store); });
    std::thread c([&] { registers[0] = x.load(Load); registers[1] = y.load(Load); });
    registers[2] = y.load(Load);
    registers[3] = x.load(Load);
    a.join();
    b.join();
    c.join();
  }
  static void corr() {
    std::atomic<int> x{0};
    std::thread a([&] { x.store(1, Store); });
    std::thread b([&] { registers[0] = x.load(Load); registers[1] = x.load(Load); });
    a.join();
    b.join();
  }
  static void (*named(const std::string& name))() {
    static const std::map<std::string, void (*)()> all = {{"SB", sb}, {"MP", mp}, {"LB", lb}, {"2+2W", two_plus_two_w},
                                                          {"IRIW", iriw}, {"CoRR", corr}};
    return all.at(name);
  }
};

/// "r0=1; r1=0" as {1, 0}: the programs number their registers in the order of the table.
Outcome parse(const std::string& text) {
  Outcome values;
  for (std::size_t at = text.find('='); at != std::string::npos; at = text.find('=', at + 1)) {
    values.push_back(std::stoi(text.substr(at + 1)));
  }
  return values;
}

struct Row {
  std::set<Outcome> allowed[3];  ///< under sc, tso, c11
  std::size_t registers = 0;
};

/// The rows of litmus.csv, by test and access.
std::map<std::pair<std::string, std::string>, Row> table() {
  std::map<std::pair<std::string, std::string>, Row> rows;
  std::ifstream file(LITMUS_CSV);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string test, access, outcome, allowed;
    std::getline(fields, test, ',');
    std::getline(fields, access, ',');
    std::getline(fields, outcome, ',');
    Row& row = rows[{test, access}];
    const Outcome values = parse(outcome);
    row.registers = values.size();
    for (auto& model : row.allowed) {
      std::getline(fields, allowed, ',');
      if (allowed.starts_with("1")) model.insert(values);
    }
  }
  return rows;
}

class Litmus : public ::testing::TestWithParam<const char*> {};

TEST_P(Litmus, has_exactly_the_allowed_outcomes) {
  std::size_t checked = 0;
  for (const auto& [name, row] : table()) {
    if (name.first != GetParam()) continue;
    void (*const body)() = name.second == "rlx"  ? Programs<rlx, rlx>::named(name.first)
                           : name.second == "ra" ? Programs<acq, rel>::named(name.first)
                                                 : Programs<seq, seq>::named(name.first);
    for (const MemoryModel model : {MemoryModel::sc, MemoryModel::tso, MemoryModel::c11}) {
      const Enumeration all = enumerate(body, model, row.registers);
      EXPECT_EQ(all.outcomes, row.allowed[static_cast<int>(model)])
          << name.first << " " << name.second << " under " << to_string(model);
      EXPECT_TRUE(all.findings.empty()) << *all.findings.begin();
      ++checked;
    }
  }
  EXPECT_EQ(checked, 9u);  // rlx, ra and sc
}

INSTANTIATE_TEST_SUITE_P(Table, Litmus, ::testing::Values("SB", "MP", "LB", "2+2W", "IRIW", "CoRR"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '+', '_');
                           return name;
                         });

}  // namespace
}  // namespace foreseed::testing
