#pragma once
// Runs the program in `program`, and compares what each search reaches with what a model allows.

#include <gtest/gtest.h>
#include <semaphore.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <type_traits>

#include "enumerate.h"
#include "explore/explore.h"
#include "tiny_program.h"

namespace foreseed::testing {

inline const Program* program = nullptr;

/// Calls `act` with the order as a constant, which is how the compilers hand it on.
template <typename Do>
void with_order(std::memory_order order, Do act) {
  switch (order) {
    case std::memory_order_relaxed: return act(std::integral_constant<std::memory_order, std::memory_order_relaxed>());
    case std::memory_order_acquire: return act(std::integral_constant<std::memory_order, std::memory_order_acquire>());
    case std::memory_order_release: return act(std::integral_constant<std::memory_order, std::memory_order_release>());
    case std::memory_order_acq_rel: return act(std::integral_constant<std::memory_order, std::memory_order_acq_rel>());
    default: return act(std::integral_constant<std::memory_order, std::memory_order_seq_cst>());
  }
}

template <typename Atomic>
int run_atomic(const Step& step, Atomic&& at) {
  using T = typename std::remove_cvref_t<Atomic>::value_type;
  T result{};
  const auto value = static_cast<T>(step.value);
  with_order(step.order, [&](auto order) {
    constexpr std::memory_order o = order();
    switch (step.act) {
      case Act::load:
        if constexpr (o != std::memory_order_release && o != std::memory_order_acq_rel) result = at.load(o);
        break;
      case Act::store:
        if constexpr (o != std::memory_order_acquire && o != std::memory_order_acq_rel) at.store(value, o);
        break;
      case Act::add: result = at.fetch_add(value, o); break;
      case Act::exchange: result = at.exchange(value, o); break;
      case Act::compare_exchange:
        result = static_cast<T>(step.expected);
        with_order(step.failure, [&](auto failure) {
          constexpr std::memory_order f = failure();
          if constexpr (f <= o && f != std::memory_order_release && f != std::memory_order_acq_rel) {
            step.weak ? at.compare_exchange_weak(result, value, o, f) : at.compare_exchange_strong(result, value, o, f);
          }
        });
        break;
      case Act::fence: std::atomic_thread_fence(o); break;
      case Act::wait:
        if constexpr (o != std::memory_order_release && o != std::memory_order_acq_rel) at.wait(static_cast<T>(step.expected), o);
        break;
      default: break;
    }
  });
  const bool may_modify = step.act == Act::store || (step.act >= Act::add && step.act <= Act::compare_exchange);
  if (may_modify && any_waits(*program)) at.notify_all();
  return static_cast<int>(result);
}

class Interpreter {
 public:
  /// `atomic(step)` does one on its location.
  template <typename Atomic>
  void run(Atomic atomic) {
    std::fill_n(registers, registers_max, -1);
    sem_init(&semaphore_[0], 0, 0);
    sem_init(&semaphore_[1], 0, 1);
    std::size_t next = 0;
    for (std::size_t t = 0; t < program->size(); ++t) {
      first_[t] = next;
      for (const Step& step : (*program)[t]) next += step.reads();
    }
    const std::size_t last = program->size() - 1;
    for (std::size_t t = 0; t < last; ++t) {
      if (!is_started(*program, t)) start(t, atomic);
    }
    run_thread(last, atomic);
    for (std::size_t t = 0; t < last; ++t) {
      if (!is_started(*program, t)) join(t);
    }
    for (std::size_t at = 0; at < locations; ++at) registers[next++] = atomic({Act::load, std::memory_order_relaxed, at});
    for (const int cell : cell_) registers[next++] = cell;
  }

 private:
  template <typename Atomic>
  void start(std::size_t t, Atomic atomic) {
    thread_[t] = std::thread([this, t, atomic] { run_thread(t, atomic); });
  }

  void join(std::size_t t) {
    if (thread_[t].joinable()) thread_[t].join();
  }

  template <typename Atomic>
  void run_thread(std::size_t t, Atomic atomic) {
    const std::vector<Step>& steps = (*program)[t];
    std::size_t next = first_[t];
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      if (step.atomic()) {
        const int value = atomic(step);
        if (step.reads()) registers[next++] = value;
        continue;
      }
      if (step.act == Act::start) start(step.location, atomic);
      const int value = call(step);
      if (step.reads()) registers[next++] = value;
      if (step.attempts() && value == 0) {
        for (int skip = 0; skip < step.value; ++skip) next += steps[++i].reads();
      }
    }
    for (const Step& step : steps) {
      if (step.act == Act::start) join(step.location);
    }
  }

  /// Or a plain access. What is read, or whether an attempt succeeds.
  int call(const Step& step) {
    const std::size_t at = step.location;
    const bool shared = at == shared_lock;
    switch (step.act) {
      case Act::read: return cell_[at];
      case Act::write: cell_[at] = step.value; break;
      case Act::lock: shared ? shared_.lock() : mutex_[at].lock(); break;
      case Act::try_lock: return shared ? shared_.try_lock() : mutex_[at].try_lock();
      case Act::unlock: shared ? shared_.unlock() : mutex_[at].unlock(); break;
      case Act::lock_shared: shared_.lock_shared(); break;
      case Act::try_lock_shared: return shared_.try_lock_shared();
      case Act::unlock_shared: shared_.unlock_shared(); break;
      case Act::post: sem_post(&semaphore_[at]); break;
      case Act::take: sem_wait(&semaphore_[at]); break;
      case Act::try_take: return sem_trywait(&semaphore_[at]) == 0;
      case Act::join: join(at); break;
      default: break;
    }
    return 0;
  }

  std::mutex mutex_[locks];
  std::shared_mutex shared_;
  sem_t semaphore_[semaphores];
  int cell_[cells] = {};
  std::size_t first_[8] = {};
  std::thread thread_[8];
};

template <typename T>
void interpret() {
  std::atomic<T> at[locations] = {};
  Interpreter interpreter;
  interpreter.run([&at](const Step& step) { return run_atomic(step, at[step.location]); });
}

/// The same by references to objects that are not atomic themselves.
template <typename T>
void interpret_by_reference() {
  alignas(std::atomic_ref<T>::required_alignment) T at[locations] = {};
  Interpreter interpreter;
  interpreter.run([&at](const Step& step) { return run_atomic(step, std::atomic_ref<T>(at[step.location])); });
}

/// An atomic of 16 bytes, in both halves of which a value stands: as the compilers have it, the library has no arithmetic on it.
class Wide {
 public:
  using value_type = int;
  int load(std::memory_order order) const { return value(__atomic_load_n(&at_, static_cast<int>(order))); }
  void store(int to, std::memory_order order) { __atomic_store_n(&at_, both(to), static_cast<int>(order)); }
  int fetch_add(int by, std::memory_order order) { return value(__atomic_fetch_add(&at_, both(by), static_cast<int>(order))); }
  int exchange(int to, std::memory_order order) { return value(__atomic_exchange_n(&at_, both(to), static_cast<int>(order))); }
  bool compare_exchange_strong(int& expected, int to, std::memory_order order, std::memory_order failure) {
    return compare_exchange<false>(expected, to, order, failure);
  }
  bool compare_exchange_weak(int& expected, int to, std::memory_order order, std::memory_order failure) {
    return compare_exchange<true>(expected, to, order, failure);
  }
  void wait(int, std::memory_order) {}
  void notify_all() {}

 private:
  __extension__ using Bits = unsigned __int128;
  static Bits both(int value) { return static_cast<Bits>(value) << 64 | static_cast<unsigned>(value); }
  static int value(Bits bits) { return static_cast<int>(bits); }
  template <bool weak>
  bool compare_exchange(int& expected, int to, std::memory_order order, std::memory_order failure) {
    Bits found = both(expected);
    const bool done = __atomic_compare_exchange_n(&at_, &found, both(to), weak, static_cast<int>(order), static_cast<int>(failure));
    expected = value(found);
    return done;
  }

  Bits at_ = 0;
};

inline void interpret_wide() {
  Wide at[locations];
  Interpreter interpreter;
  interpreter.run([&at](const Step& step) { return run_atomic(step, at[step.location]); });
}

inline std::string text(const Program& p) {
  static const char* const acts[] = {"load",        "store",           "add",           "exchange", "compare_exchange", "fence",    "wait",
                                     "read",        "write",           "lock",          "try_lock", "unlock",
                                     "lock_shared", "try_lock_shared", "unlock_shared", "post",     "take",             "try_take", "start",
                                     "join"};
  static const char* const names[] = {"rlx", "consume", "acq", "rel", "acq_rel", "sc"};
  std::string out;
  for (const auto& thread : p) {
    for (const Step& s : thread) {
      out += acts[static_cast<int>(s.act)];
      if (s.weak) out += "_weak";
      if (s.atomic()) out += std::string(".") + names[static_cast<int>(s.order)];
      if (s.atomic() && s.act != Act::fence) out += std::string("(") + "xyz"[s.location];
      if (!s.atomic()) out += "(" + std::to_string(s.location);
      if (s.act == Act::wait) out += ", " + std::to_string(s.expected);
      if (s.act == Act::compare_exchange) out += ", " + std::to_string(s.expected) + " or " + names[static_cast<int>(s.failure)];
      const bool writes = s.act == Act::write || s.act == Act::store || (s.act >= Act::add && s.act <= Act::compare_exchange);
      if (writes) out += ", " + std::to_string(s.value);
      if (s.attempts()) out += ", else leave out " + std::to_string(s.value);
      out += s.act == Act::fence ? "; " : "); ";
    }
    out += "|| ";
  }
  return out;
}

/// How many registers a program fills.
inline std::size_t results(const Program& p) {
  std::size_t count = locations + cells;
  for (const auto& thread : p) {
    for (const Step& step : thread) count += step.reads();
  }
  return count;
}

/// What a search reaches; its findings are deadlocks and data races.
inline Verdict reached(const std::set<Outcome>& outcomes, const std::set<std::string>& findings) {
  Verdict verdict{outcomes, false, false};
  for (const std::string& finding : findings) {
    (finding.starts_with("data race") ? verdict.races : verdict.stuck) = true;
    EXPECT_TRUE(finding.starts_with("data race") || finding.starts_with("deadlock")) << finding;
  }
  return verdict;
}

inline Verdict explored(void (*body)(), const char* strategy, MemoryModel memory, std::size_t count, Races races = Races::stop) {
  explore::ExploreOptions options;
  options.strategy = strategy;
  options.memory = memory;
  options.races = races;
  options.keep_going = true;
  std::set<Outcome> outcomes;
  std::set<std::string> findings;
  const auto result = explore::explore(scenario_of(body), options, [&](const Execution& execution) {
    if (execution.finding) {
      findings.insert(execution.finding->message);
    } else {
      outcomes.insert(Outcome(registers, registers + count));
    }
    return true;
  });
  EXPECT_TRUE(result.finished);
  return reached(outcomes, findings);
}

inline Verdict enumerated(void (*body)(), MemoryModel memory, std::size_t count) {
  const Enumeration all = enumerate(body, memory, count);
  return reached(all.outcomes, all.findings);
}

}  // namespace foreseed::testing
