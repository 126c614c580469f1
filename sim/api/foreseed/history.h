#pragma once
// Linearizability: do the results of concurrent operations fit some order in which they could have happened one by one?
//
// A sequential specification is a small type: a state, and which results an operation may have in it.
//
//   struct Register {
//     struct Call { bool write; int value; };
//     using Return = int;
//     int value = 0;                                                     // the state, as it is at first
//     bool apply(const Call& call, const Return* returned) {             // changes it; false: not with that result
//       if (call.write) value = call.value;
//       return call.write || returned == nullptr || *returned == value;
//     }
//     bool operator==(const Register&) const = default;
//     static std::string text(const Call& call, const Return* returned); // for the reader of a counterexample
//   };
//
// `returned` is null for an operation that never returned (its thread was killed, or still runs): it may have taken effect
// or not, and must be allowed. A specification of many independent parts names the part of an operation with
//     static int key(const Call& call);       // any type with operator<
// and then describes one part: each is checked by itself, which is much faster (Horn and Kroening, FORTE 2015).
//
// In a scenario, around operations of the code under test:
//
//   foreseed::History<Register> history;
//   std::thread writer([&] { history.record({true, 1}, [&] { real.write(1); return 0; }); });
//   history.record({false, 0}, [&] { return real.read(); });
//   writer.join();
//   FORESEED_CHECK_LINEARIZABLE(history);
//
// Recording is no scheduling point, hides no data race and is none. It works outside a simulation too.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <foreseed/export.h>

namespace foreseed {

enum class Verdict : std::uint8_t {
  linearizable,
  not_linearizable,
  undecided,  ///< given up: too many operations at a time
};

struct Linearizability {
  Verdict verdict = Verdict::linearizable;
  /// Where it is not linearizable: few operations that no order explains, a line each. Without one of them, or with any
  /// other result of it, those that are left could be explained.
  std::string counterexample;

  explicit operator bool() const { return verdict == Verdict::linearizable; }
};

namespace detail {

/// What the checker knows of an operation. Times are numbers of calls and returns of the history, from 1.
struct Operation {
  static constexpr std::uint64_t never = ~std::uint64_t{0};
  std::uint64_t called = 0;
  std::uint64_t returned = never;
  std::uint32_t task = 0;
  Operation* next = nullptr;  ///< in order of calls
};

/// The operations of a history, in order. Safe to use from many threads.
class FORESEED_API OperationLog {
 public:
  OperationLog() = default;
  OperationLog(const OperationLog&) = delete;
  OperationLog& operator=(const OperationLog&) = delete;
  ~OperationLog();

  void call(Operation& operation);
  void ret(Operation& operation);
  /// The first operation. What was recorded before happens before what the caller does next.
  Operation* first() const;

 private:
  Operation* first_ = nullptr;
  Operation* last_ = nullptr;
  std::uint64_t time_ = 0;
};

/// A specification and the operations to be explained, as the checker sees them: states are numbered, 0 is the first.
class StateSpace {
 public:
  virtual ~StateSpace() = default;
  /// Adds the state after `operation` in `state`, and returns true; false where there is none, with its result or, if not
  /// `with_result`, with any.
  virtual bool step(std::uint32_t state, std::uint32_t operation, bool with_result) = 0;
  virtual bool same(std::uint32_t one, std::uint32_t other) const = 0;
  /// Forgets the states from number `count` on.
  virtual void keep(std::uint32_t count) = 0;
  virtual std::string text(std::uint32_t operation) const = 0;
};

/// `operations` in order of their calls.
FORESEED_API Linearizability check_linearizability(StateSpace& states, const std::vector<Operation>& operations);

[[noreturn]] FORESEED_API void fail_not_linearizable(const char* what, const Linearizability& result, const char* file,
                                                     int line);

}  // namespace detail

template <typename Spec>
class History {
 public:
  using Call = typename Spec::Call;
  using Return = typename Spec::Return;

  /// An operation that was called.
  class Record : public detail::Operation {
    friend class History;
    explicit Record(Call call) : call_(std::move(call)) {}
    Call call_;
    Return return_{};
  };

  explicit History(Spec initial = {}) : initial_(std::move(initial)) {}
  History(const History&) = delete;
  History& operator=(const History&) = delete;
  ~History() {
    for (detail::Operation* at = log_.first(); at != nullptr;) {
      const std::unique_ptr<Record> record(static_cast<Record*>(at));
      at = at->next;
    }
  }

  /// To be called before the operation; the result is good for one ret(), from any thread.
  Record* call(Call call) {
    auto* const record = new Record(std::move(call));
    log_.call(*record);
    return record;
  }
  /// To be called after it. An operation without a ret() never returned.
  void ret(Record* record, Return value) {
    record->return_ = std::move(value);
    log_.ret(*record);
  }
  /// Both, around `operation`, whose result it returns. An exception that leaves it leaves the operation unreturned.
  template <typename Function>
  Return record(Call call_value, Function&& operation) {
    Record* const record = call(std::move(call_value));
    Return value = std::forward<Function>(operation)();
    ret(record, value);
    return value;
  }

  /// Whether the operations so far have an order that respects their times and that the specification allows. To be asked
  /// when those that can return have returned.
  Linearizability linearizable() const {
    if constexpr (requires(const Call& call) { Spec::key(call); }) {
      std::map<std::remove_cvref_t<decltype(Spec::key(std::declval<const Call&>()))>, States> parts;
      for (const detail::Operation* at = log_.first(); at != nullptr; at = at->next) {
        const auto* const record = static_cast<const Record*>(at);
        parts.try_emplace(Spec::key(record->call_), initial_).first->second.add(record);
      }
      for (auto& [key, part] : parts) {
        Linearizability result = part.check();
        if (!result) return result;
      }
      return {};
    } else {
      States all(initial_);
      for (const detail::Operation* at = log_.first(); at != nullptr; at = at->next) all.add(static_cast<const Record*>(at));
      return all.check();
    }
  }

 private:
  class States final : public detail::StateSpace {
   public:
    explicit States(const Spec& initial) : states_{initial} {}
    void add(const Record* record) { records_.push_back(record); }
    Linearizability check() {
      const std::vector<detail::Operation> operations = times();
      return detail::check_linearizability(*this, operations);
    }

    bool step(std::uint32_t state, std::uint32_t operation, bool with_result) override {
      states_.push_back(states_[state]);
      if (states_.back().apply(records_[operation]->call_, with_result ? &records_[operation]->return_ : nullptr)) return true;
      states_.pop_back();
      return false;
    }
    bool same(std::uint32_t one, std::uint32_t other) const override { return states_[one] == states_[other]; }
    void keep(std::uint32_t count) override { states_.erase(states_.begin() + count, states_.end()); }
    std::string text(std::uint32_t operation) const override {
      const Record& record = *records_[operation];
      return Spec::text(record.call_, record.returned == detail::Operation::never ? nullptr : &record.return_);
    }

   private:
    std::vector<detail::Operation> times() const {
      std::vector<detail::Operation> operations;
      operations.reserve(records_.size());
      for (const Record* const record : records_) operations.push_back(*record);
      return operations;
    }
    std::vector<Spec> states_;
    std::vector<const Record*> records_;
  };

  Spec initial_;
  detail::OperationLog log_;
};

}  // namespace foreseed

/// The execution fails, at this line and with a counterexample, where the history has no explanation.
#define FORESEED_CHECK_LINEARIZABLE(history)                                                      \
  do {                                                                                            \
    if (const auto foreseed_result = (history).linearizable(); !foreseed_result)                  \
      ::foreseed::detail::fail_not_linearizable(#history, foreseed_result, __FILE__, __LINE__);   \
  } while (false)
