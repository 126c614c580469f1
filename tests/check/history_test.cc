// Histories recorded in executions: broken objects that must be caught, and their repaired twins that must hold.

#include <foreseed/history.h>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <ostream>
#include <thread>
#include <vector>

#include "run_scenario.h"
#include "specifications.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

struct Case {
  const char* name;
  void (*bad)();
  void (*good)();
  const char* shown;  ///< part of the counterexample
};

void PrintTo(const Case& twins, std::ostream* out) { *out << twins.name; }

// --- a register with a copy that some readers ask -----------------------------------------------------------------

template <bool stale>
void cached_register() {
  std::atomic<int> original{CasRegister::nil};
  std::atomic<int> copy{CasRegister::nil};
  History<CasRegister> history;
  using enum CasRegister::Kind;
  std::thread writer([&] {
    history.record({write, 1}, [&] { return copy = original = 1; });
  });
  history.record({read}, [&] { return original.load(); });
  history.record({read}, [&] { return stale ? copy.load() : original.load(); });
  writer.join();
  FORESEED_CHECK_LINEARIZABLE(history);
}

// --- a queue of two steps -----------------------------------------------------------------------------------------

enum class Fault : std::uint8_t { none, loses, duplicates, reorders };

class TwoStepQueue {
 public:
  explicit TwoStepQueue(Fault fault) : fault_(fault) {}
  void push(int value) {
    if (fault_ == Fault::loses) {  // a slot is chosen, and only then taken
      const std::size_t at = tail_.load();
      slots_[at] = value;
      tail_ = at + 1;
    } else {
      const std::size_t at = tail_++;
      slots_[at] = value;
    }
  }
  int pop() {
    for (;;) {
      std::size_t at = head_.load();
      if (at == tail_.load()) return Queue::empty;
      const int value = slots_[at].load();
      if (value == Queue::empty) {
        std::this_thread::yield();
        continue;
      }
      if (fault_ == Fault::duplicates) {
        head_ = at + 1;
        return value;
      }
      if (head_.compare_exchange_strong(at, at + 1)) return value;
    }
  }

 private:
  std::array<std::atomic<int>, 8> slots_{Queue::empty, Queue::empty, Queue::empty, Queue::empty,
                                         Queue::empty, Queue::empty, Queue::empty, Queue::empty};
  std::atomic<std::size_t> head_{0};
  std::atomic<std::size_t> tail_{0};
  Fault fault_;
};

template <Fault fault>
void queue() {
  TwoStepQueue object(fault);
  History<Queue> history;
  const auto push = [&](int value) { history.record({true, value}, [&] { return object.push(value), 0; }); };
  const auto pop = [&] { history.record({}, [&] { return object.pop(); }); };
  push(1);
  std::thread one([&] {
    push(2);
    pop();
  });
  std::thread two([&] {
    push(3);
    pop();
  });
  one.join();
  two.join();
  for (int i = 0; i < 3; ++i) pop();
  FORESEED_CHECK_LINEARIZABLE(history);
}

// --- a map whose append reads and writes under two locks ----------------------------------------------------------

template <bool torn>
void map() {
  std::mutex mutex;
  std::map<std::string, std::string> object;
  History<KeyValue> history;
  using enum KeyValue::Kind;
  const auto do_append = [&](const std::string& key, const std::string& value) {
    history.record({append, key, value}, [&] {
      std::unique_lock lock(mutex);
      std::string now = object[key];
      if (torn) {
        lock.unlock();
        lock.lock();
      }
      object[key] = now + value;
      return std::string();
    });
  };
  std::thread one([&] {
    do_append("x", "1");
    do_append("y", "1");
  });
  std::thread two([&] {
    do_append("y", "2");
    do_append("x", "2");
  });
  one.join();
  two.join();
  for (const char* const key : {"x", "y"}) {
    history.record({get, key, {}}, [&] {
      const std::lock_guard lock(mutex);
      return object[key];
    });
  }
  FORESEED_CHECK_LINEARIZABLE(history);
}

class HistoryTwins : public ::testing::TestWithParam<Case> {};

TEST_P(HistoryTwins, TheBrokenIsCaughtWithACounterexample) {
  const auto finding = first_finding(GetParam().bad, 1000);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->kind, FindingKind::check_failed) << finding->message;
  EXPECT_EQ(finding->message, "check failed: history is not linearizable");
  EXPECT_NE(finding->details.find("no order explains the results of:\n"), std::string::npos);
  EXPECT_NE(finding->details.find(GetParam().shown), std::string::npos) << finding->details;
}

TEST_P(HistoryTwins, TheRepairedHolds) {
  const auto finding = first_finding(GetParam().good, 1000);
  EXPECT_FALSE(finding) << finding->message << "\n" << finding->details;
}

INSTANTIATE_TEST_SUITE_P(All, HistoryTwins,
                         ::testing::Values(Case{"stale_register", cached_register<true>, cached_register<false>, "read "},
                                           Case{"losing_queue", queue<Fault::loses>, queue<Fault::none>, "pop: empty"},
                                           Case{"duplicating_queue", queue<Fault::duplicates>, queue<Fault::none>, "pop: 1"},
                                           Case{"torn_map", map<true>, map<false>, "append "}),
                         [](const auto& info) { return std::string(info.param.name); });

// --- what recording does to an execution --------------------------------------------------------------------------

void unlocked_counter() {
  int counter = 0;
  History<CasRegister> history;
  using enum CasRegister::Kind;
  std::thread other([&] { history.record({write, 1}, [&] { return counter = 1; }); });
  history.record({write, 2}, [&] { return counter = 2; });
  other.join();
}

TEST(Recording, HidesNoDataRace) {
  std::uint64_t seed = 0;
  const auto finding = first_finding(unlocked_counter, 10, &seed);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->kind, FindingKind::data_race);
  EXPECT_EQ(seed, 0u) << "it is a race in every schedule";
}

template <bool recorded>
void two_locks() {
  std::mutex mutex;
  History<CasRegister> history;
  const auto section = [&] {
    auto* const record = recorded ? history.call({}) : nullptr;
    mutex.lock();
    mutex.unlock();
    if (recorded) history.ret(record, CasRegister::nil);
  };
  std::thread other(section);
  section();
  other.join();
  if (recorded) FORESEED_CHECK_LINEARIZABLE(history);
}

TEST(Recording, IsNoSchedulingPointAndNoEvent) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(run_seed(two_locks<true>, seed).fingerprint, run_seed(two_locks<false>, seed).fingerprint);
  }
}

void killed_writer() {
  std::atomic<int> object{CasRegister::nil};
  History<CasRegister> history;
  using enum CasRegister::Kind;
  Host host("writer", [&] {
    history.record({write, 1}, [&] {
      if (choose(2) == 1) object = 1;
      std::this_thread::sleep_for(1s);
      object = 1;
      return 0;
    });
  });
  std::this_thread::sleep_for(500ms);
  host.kill();
  const int seen = history.record({read}, [&] { return object.load(); });
  history.record({read}, [&] { return object.load(); });
  if (seen == 1) note("it had taken effect");
  FORESEED_CHECK_LINEARIZABLE(history);
}

TEST(Recording, AnOperationOfAKilledHostNeverReturned) {
  const auto finding = first_finding(killed_writer, 100);
  EXPECT_FALSE(finding) << finding->message << "\n" << finding->details;
}

}  // namespace
}  // namespace foreseed::testing
