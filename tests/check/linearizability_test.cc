// The checker by itself: recorded histories with known verdicts, and laws, against an enumeration of all orders.

#include "check/linearizability.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <sstream>

#include "specifications.h"

namespace foreseed::testing {
namespace {

using check::Constraint;
using detail::Operation;

const std::string data = CHECK_DATA "/";

struct Known {
  std::string file;
  bool linearizable = false;
};

std::vector<Known> known_verdicts() {
  std::ifstream in(data + "verdicts.csv");
  std::string line;
  std::getline(in, line);  // the header
  std::vector<Known> known;
  while (std::getline(in, line)) known.push_back({line.substr(0, line.find(',')), line.ends_with("true")});
  return known;
}

TEST(Linearizability, IsRightOnEveryKnownHistory) {
  const std::vector<Known> known = known_verdicts();
  EXPECT_EQ(known.size(), 54u);
  for (const auto& [file, linearizable] : known) {
    Linearizability result;
    if (file.starts_with("etcd")) {
      History<CasRegister> history;
      read_history(data + file, history);
      result = history.linearizable();
    } else {
      History<KeyValue> history;
      read_key_value_history(data + file, history);
      result = history.linearizable();
    }
    EXPECT_EQ(result.verdict, linearizable ? Verdict::linearizable : Verdict::not_linearizable) << file;
    EXPECT_EQ(result.counterexample.empty(), linearizable) << file;
  }
}

TEST(Linearizability, PartsMakeNoDifferenceToTheVerdict) {
  for (const auto& [name, linearizable] : {Known{"kv/c01-ok.txt", true}, Known{"kv/c01-bad.txt", false}}) {
    History<WholeMap> history;
    read_key_value_history(data + name, history);
    EXPECT_EQ(static_cast<bool>(history.linearizable()), linearizable) << name;
  }
}

TEST(Linearizability, ACounterexampleShowsOnlyWhatCannotBeExplained) {
  History<CasRegister> history;
  using enum CasRegister::Kind;
  for (int value = 1; value <= 3; ++value) {
    history.record({write, value}, [] { return 0; });
    history.record({read}, [value] { return value; });
  }
  auto* const overlapping = history.call({read});
  auto* const stale = history.call({read});
  history.ret(stale, 2);
  history.ret(overlapping, 3);
  EXPECT_EQ(history.linearizable().counterexample,
            "no order explains the results of:\n"
            "main  |-|           read 2\n"
            "main      |-|       read 3\n"
            "main          |-|   read 2\n"
            "whether or not, and with whatever result, the 5 other operations took effect\n");
}

TEST(Linearizability, WhatNeverReturnedMayHaveTakenEffectOrNot) {
  using enum CasRegister::Kind;
  for (const int seen : {1, 2, 3}) {
    History<CasRegister> history;
    history.record({write, 1}, [] { return 0; });
    history.call({write, 2});
    history.record({read}, [seen] { return seen; });
    EXPECT_EQ(static_cast<bool>(history.linearizable()), seen != 3);
  }
}

TEST(Linearizability, AnExceptionLeavesAnOperationUnreturned) {
  History<CasRegister> history;
  using enum CasRegister::Kind;
  EXPECT_THROW(history.record({write, 7}, []() -> int { throw std::runtime_error("lost"); }), std::runtime_error);
  history.record({read}, [] { return 7; });
  EXPECT_TRUE(history.linearizable());
}

TEST(Linearizability, TooMuchAtATimeIsNotCalledLinearizable) {
  History<Queue> history;
  std::vector<History<Queue>::Record*> open;
  for (int i = 0; i < 24; ++i) open.push_back(history.call({true, i}));
  for (auto* record : open) history.ret(record, 0);
  for (int i = 23; i >= 0; --i) history.record({}, [i] { return i == 0 ? 99 : i; });
  const Linearizability result = history.linearizable();
  EXPECT_EQ(result.verdict, Verdict::undecided);
  EXPECT_FALSE(result);
  EXPECT_THROW(FORESEED_CHECK_LINEARIZABLE(history), std::logic_error);
}

// --- laws --------------------------------------------------------------------------------------------------------

template <typename Spec>
struct SmallHistory {
  struct Entry : Constraint {
    typename Spec::Call call;
    typename Spec::Return value{};
  };
  std::vector<Entry> entries;

  std::vector<Constraint> constraints() const { return {entries.begin(), entries.end()}; }
};

template <typename Spec>
class SmallStates final : public detail::StateSpace {
 public:
  explicit SmallStates(const SmallHistory<Spec>& history) : history_(history) {}
  bool step(std::uint32_t state, std::uint32_t operation, bool with_result) override {
    Spec next = states_[state];
    const auto& entry = history_.entries[operation];
    if (!next.apply(entry.call, with_result ? &entry.value : nullptr)) return false;
    states_.push_back(next);
    return true;
  }
  bool same(std::uint32_t one, std::uint32_t other) const override { return states_[one] == states_[other]; }
  void keep(std::uint32_t count) override { states_.resize(count); }
  std::string text(std::uint32_t) const override { return {}; }

 private:
  const SmallHistory<Spec>& history_;
  std::vector<Spec> states_{Spec{}};
};

/// All subsets of what never returned, all orders of what there is then.
template <typename Spec>
bool has_order(const SmallHistory<Spec>& history, const std::vector<Constraint>& constraints) {
  std::vector<Constraint> optional;
  std::vector<Constraint> required;
  for (const Constraint& constraint : constraints) {
    (constraint.returned == Operation::never ? optional : required).push_back(constraint);
  }
  for (unsigned subset = 0; subset < 1u << optional.size(); ++subset) {
    std::vector<Constraint> all = required;
    for (std::size_t i = 0; i < optional.size(); ++i) {
      if ((subset >> i & 1) != 0) all.push_back(optional[i]);
    }
    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), 0);
    do {
      bool good = true;
      for (std::size_t i = 0; i < order.size() && good; ++i) {
        for (std::size_t j = i + 1; j < order.size(); ++j) good = good && all[order[j]].returned > all[order[i]].called;
      }
      Spec state;
      for (std::size_t i = 0; i < order.size() && good; ++i) {
        const auto& entry = history.entries[all[order[i]].operation];
        good = state.apply(entry.call, all[order[i]].returned != Operation::never ? &entry.value : nullptr);
      }
      if (good) return true;
    } while (std::next_permutation(order.begin(), order.end()));
  }
  return false;
}

CasRegister::Call random_call(CasRegister*) {
  return {static_cast<CasRegister::Kind>(*rc::gen::inRange(0, 3)), *rc::gen::inRange(0, 3), *rc::gen::inRange(0, 3)};
}
Queue::Call random_call(Queue*) { return {*rc::gen::arbitrary<bool>(), *rc::gen::inRange(0, 3)}; }

/// Three threads that call and return at random; results that are likely enough to fit.
template <typename Spec>
SmallHistory<Spec> random_history() {
  SmallHistory<Spec> history;
  int open[3] = {-1, -1, -1};
  std::uint64_t time = 0;
  const int events = *rc::gen::inRange(1, 13);
  for (int i = 0; i < events; ++i) {
    int& mine = open[*rc::gen::inRange(0, 3)];
    if (mine < 0 && history.entries.size() < 6) {
      mine = static_cast<int>(history.entries.size());
      history.entries.push_back({{static_cast<std::uint32_t>(mine), ++time, Operation::never},
                                 random_call(static_cast<Spec*>(nullptr)), *rc::gen::inRange(-1, 3)});
    } else if (mine >= 0) {
      history.entries[static_cast<std::size_t>(mine)].returned = ++time;
      mine = -1;
    }
  }
  return history;
}

template <typename Spec>
void agrees_with_brute_force() {
  const SmallHistory<Spec> history = random_history<Spec>();
  SmallStates<Spec> states(history);
  const bool linearizable = check::search(states, history.constraints(), 1'000'000) == Verdict::linearizable;
  RC_CLASSIFY(linearizable, "linearizable");
  RC_ASSERT(linearizable == has_order(history, history.constraints()));
  if (linearizable) return;

  // The counterexample is one, says no more than the history does, and nothing of it can be left out.
  const std::vector<Constraint> least = check::smallest_unexplained(states, history.constraints());
  RC_ASSERT(!has_order(history, least));
  std::uint64_t end = 0;
  for (const Constraint& constraint : least) {
    RC_ASSERT(constraint.called == history.entries[constraint.operation].called);
    if (constraint.returned == Operation::never) continue;
    end = std::max(end, constraint.returned);
    RC_ASSERT(constraint.returned == history.entries[constraint.operation].returned);
    std::vector<Constraint> less = least;
    for (Constraint& other : less) {
      if (other.operation == constraint.operation) other.returned = Operation::never;
    }
    RC_ASSERT(has_order(history, less));
  }
  // Up to just before its last return, the history was linearizable.
  std::vector<Constraint> before;
  for (Constraint constraint : history.constraints()) {
    if (constraint.called >= end) continue;
    if (constraint.returned >= end) constraint.returned = Operation::never;
    before.push_back(constraint);
  }
  RC_ASSERT(has_order(history, before));
}

RC_GTEST_PROP(Linearizability, OfARegisterAgreesWithTryingAllOrders, ()) { agrees_with_brute_force<CasRegister>(); }
RC_GTEST_PROP(Linearizability, OfAQueueAgreesWithTryingAllOrders, ()) { agrees_with_brute_force<Queue>(); }

}  // namespace
}  // namespace foreseed::testing
