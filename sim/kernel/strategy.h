#pragma once
// Who makes the choices of an execution in place of a seed or a record: random strategies, and the searches.
//
// A strategy sees only choices: which tasks are runnable, what each is about to do (operation and object), and, if it asks
// for it, what each step then touched. It never sees the tasks' code, and its answers must not depend on addresses but
// through their equality: an address names an object only until the execution's end, but executions with the same prefix
// of choices give equal objects equal addresses.
//
// Called by the World in simulator mode, on the stack of whichever task runs.

#include <cstdint>
#include <span>

#include "choice/choice.h"
#include "kernel/event.h"
#include "kernel/ready_set.h"

namespace foreseed {

/// What a task does when it is chosen next.
struct NextStep {
  Op op = Op::note;
  const void* object = nullptr;  ///< null: not known, or none
  const void* gate = nullptr;    ///< if set: the step is possible only while World::gate_open says so
  bool spins = false;            ///< reads `object` once more, which nobody has written since: not possible until someone does
};

/// What a step did to one object. Two steps of different tasks commute if no object is touched by both and written by one.
struct Touch {
  enum class Kind : std::uint8_t {
    read,
    write,
    attempt,    ///< of a conditional write (compare-exchange, trylock): `wrote` says whether it was one
    acquire,    ///< a write that is possible only where `before` is 1 (lock, semaphore)
    release,    ///< a write: of a lock that was held
    wake,       ///< of those who wait: a write if there were any
  };
  const void* object = nullptr;
  Kind kind = Kind::write;
  bool wrote = true;
  bool before_known = false;
  std::uint64_t before = 0;    ///< the object's value, if known: of an atomic; of a lock, 1 = free
  std::uint64_t expected = 0;  ///< attempt: what `before` must be for a write
  bool changes = true;         ///< a write: of another value than was there, so that who spins on it may go on
};

/// A scheduling point, as a strategy sees it.
struct Moment {
  const ReadySet& open;             ///< the tasks to choose from, never empty; those behind closed gates are left out
  std::span<const NextStep> next;   ///< of each task, by number
  std::uint32_t current;            ///< the task that has run until now; in `open` if it can go on
  bool stuck;                       ///< all gates are closed: whoever is chosen will come to wait
};

class Strategy : public Chooser {
 public:
  Strategy() = default;
  Strategy(const Strategy&) = delete;
  Strategy& operator=(const Strategy&) = delete;

  /// Whether it is a search: then the World keeps tasks from steps that cannot change anything (see World::search_mode).
  virtual bool searches() const { return false; }

  virtual void begin_execution(std::uint64_t seed) = 0;
  /// The execution was given up and comes once more (World::begin_again).
  virtual void begin_again() {}
  /// A member of moment.open.
  virtual std::uint32_t next_task(const Moment& moment) = 0;
  /// Answers of next_task() that the strategy knows before it is asked: they are taken, in this order, in its stead.
  std::span<const std::uint32_t> foretold;
  /// Every other choice, asked of a search only; elsewhere the seed decides.
  std::uint32_t value(ChoiceKind /*kind*/, std::uint64_t /*bound*/) override { return 0; }

  // What a search is told of the running step.
  virtual void accessed(std::uint32_t /*task*/, const Touch&) {}
  /// What `task` does from here on comes after all that `earlier` has done so far.
  virtual void ordered(std::uint32_t /*task*/, std::uint32_t /*earlier*/) {}
  /// A task waits until a deadline, which can come only when nobody can go on.
  virtual void waits_patiently() {}
  /// Virtual time has moved while nobody could go on: what those do who can now is after everything so far.
  virtual void time_moved(const ReadySet& /*awake*/) {}
  /// `next` is as in Moment; `open` are the tasks that could have gone on but for the end.
  virtual void end_execution(const ReadySet& /*open*/, std::span<const NextStep> /*next*/, bool /*failed*/) {}
};

}  // namespace foreseed
