#pragma once
// A simulated thread: the execution state that the kernel, the sync room and the network share.
//
// Tasks are made by World::spawn and live until the end of the run, so a Task& stays valid while the run lasts; their
// memory is used again by the next run. A task runs on a fibre of Boost.Fiber with a pooled stack (stacks.h), and sees
// thread-local storage of its own (thread_state.h).

#include <cstdint>
#include <vector>

#include "kernel/event.h"
#include "kernel/locked_sections.h"
#include "kernel/thread_state.h"
#include "kernel/vector_clock.h"

namespace boost::fibers {
class context;
}

namespace foreseed {

struct Task;
struct WaitList;

/// What stands in a ring. Rings have no ends to look out for, so joining and leaving takes no decision.
struct Link {
  Link* previous = this;
  Link* next = this;
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
};

/// A place in a queue, on the stack of the task that waits. Leaves its queue when it goes out of scope.
struct Waiter : Link {
  Waiter(WaitList& list, Task& task);
  ~Waiter() {
    if (list != nullptr) leave();
    own.previous->next = own.next;
    own.next->previous = own.previous;
  }
  void leave();

  Task* task;
  WaitList* list;  ///< null once it has left
  struct Own : Link {
    Waiter* waiter;
  } own;           ///< in the ring of the task's places, Task::places
};

/// A FIFO of waiting tasks. Never owns anything: a run that is given up just forgets it.
struct WaitList {
  Link ends;                     ///< its next is the first
  std::uint32_t size = 0;
  std::uint32_t high_count = 0;  ///< waiting tasks from number 64 on
  std::uint64_t low_tasks = 0;   ///< the others, one bit each

  void clear() {
    ends.previous = ends.next = &ends;
    size = high_count = 0;
    low_tasks = 0;
  }
  bool empty() const { return size == 0; }
  /// The k-th to have come, k < size.
  Waiter& nth(std::uint32_t k) const {
    Link* at = ends.next;
    for (; k != 0; --k) at = at->next;
    return *static_cast<Waiter*>(at);
  }
  template <typename Visit>
  void each(Visit visit) const {
    for (Link* at = ends.next; at != &ends; at = at->next) visit(*static_cast<Waiter*>(at)->task);
  }
};

/// A destructor of a thread_local object, as registered by __cxa_thread_atexit_impl, or an atexit handler.
struct ExitHandler {
  void (*function)(void*);
  void* object;
};

/// What a task finds again and again. Address and value alone would not do: with nothing released in between, it is the same
/// object, and not one that a compiler has put in the place of another, of which nobody can know before it is told.
struct Polling {
  const void* address = nullptr;
  std::uint64_t value = 0;
  std::uint64_t epoch = 0;  ///< of the task, after the last time
  std::uint32_t again = 0;
};

/// What a task has done at which places since anything changed anywhere, and how often again.
struct Round {
  struct Place {
    const void* address;
    Op op;
    std::uint32_t again;
  };
  std::uint64_t changes = 0;  ///< of the world
  std::uint32_t count = 0;
  Place places[8] = {};
};

struct alignas(64) Task {
  // What a switch, a wait and its end touch comes first: with 10,000 tasks, each line of it is a cache miss.
  std::uint32_t id = 0;  ///< 0, 1, .. in order of creation within the run
  bool finished = false;
  bool timed_out = false;       ///< why the last wait ended
  bool frozen = false;          ///< kept from running, see World::freeze
  bool pending = false;         ///< frozen, and runnable but for that
  std::uint32_t host = 0;       ///< index of the host it runs on; new tasks inherit it
  bool parked = false;          ///< the fibre is at the top of its loop and can run another task
  bool on_wall_clock = false;   ///< of its deadline: it moves if the clock is set
  // what it waits for, for reports
  Op waiting_op = Op::note;
  std::uint32_t waiting_object = 0;
  std::uint64_t wait_sequence = 0;  ///< tells a timer whether the wait it was set for still lasts
  std::uint64_t local_deadline_ns = 0;  ///< of its wait, on its host's clock; `never` if there is none
  boost::fibers::context* fiber = nullptr;
  std::uintptr_t stack_pointer = 0;  ///< while it does not run: nothing below is alive
  /// Its own component of `clock`, counted on over all runs of the process so that it never repeats, in the upper 40
  /// bits; below, `id` << 9: what an access of the task is marked with (see memory/race.h).
  std::uint64_t stamp = 0;
  std::uint64_t epoch() const { return stamp >> 24; }
  ThreadState thread_state;

  VectorClock clock;

  /// What the task does from here on is not yet known to those who learn its clock as it is now.
  void release() {
    clock.increment(id);
    stamp += std::uint64_t{1} << 24;
  }

  /// Found `value` at `address`, which changed nothing. `before`: epoch() when the operation began.
  void found(const void* address, std::uint64_t value, std::uint64_t before) {
    const bool again = polling.address == address && polling.value == value && polling.epoch == before;
    polling = {address, value, epoch(), again ? polling.again + 1 : 0};
  }
  void found(const void* address, std::uint64_t value) { found(address, value, epoch()); }
  /// Whether it has found the same there `times` times after the first, and done nothing else that others could know of.
  bool polls(const void* address, std::uint32_t times) const {
    return polling.again >= times && polling.address == address && polling.epoch == epoch();
  }
  // But under a search, reading the same for more than so many times is one step, so that who sleeps after spinning for a
  // while comes to that: std::atomic::wait of libstdc++ reads 17 times, the last with yields between them. After
  // spins_before_idle times others go first.
  static constexpr std::uint32_t spins_told_apart = 3;
  static constexpr std::uint32_t spins_before_idle = 24;
  bool spins_in_one_step() const {
    return polls(polling.address, spins_told_apart) && !polls(polling.address, spins_before_idle);
  }

  /// A wait for descriptors, `by`, was over at once; `changes` counts what has happened to them.
  void tell(const void* by, std::uint64_t changes) {
    const bool again = told.address == by && told.value == changes;
    told = {by, changes, 0, again ? told.again + 1 : 0};
  }

  const void* used[2] = {};     ///< the socket that it used last, and where that sends to: only to be fetched ahead

  Link places;              ///< its Waiters
  WaitList joiners;

  // fairness to spinning: see World::idle_point
  std::uint64_t idle_mark = 0;
  Polling polling;
  Round round;
  Polling told;  ///< by what waits for descriptors, see tell()
  std::uint32_t clock_reads = 0;
  std::uint32_t fruitless = 0;        ///< steps since fruitless_epoch, see World::seems_to_spin
  std::uint64_t fruitless_epoch = 0;  ///< progress of the world at the last of them
  std::uint64_t clock_read_at = 0;

  bool detached = false;
  bool joined = false;
  bool by_exit = false;         ///< ended by pthread_exit()
  std::uint32_t timeouts = 0;   ///< waits that need not be the last to end: see World::wait_or_time_out
  bool killed = false;          ///< finished because its host crashed; its stack is still what it was
  void* (*entry)(void*) = nullptr;
  void* argument = nullptr;
  void* result = nullptr;
  Stack waiting_stack;  ///< of the last wait; only in recorded runs
  void* exit_frame[5] = {};     ///< where pthread_exit lands (__builtin_setjmp)
  std::vector<ExitHandler> thread_exit_handlers;
  std::vector<void*> cleanup_scopes;  ///< jump buffers of pthread_cleanup_push, innermost last
  std::vector<void*> specific;  ///< values of pthread keys
  // inherited by what it creates
  std::uint64_t signal_mask = 0;
  std::uint8_t scheduling_class = 0;  ///< SCHED_*: kept, without an effect, as the next two
  std::int8_t nice = 0;
  std::uint8_t processors = 0;  ///< one bit each; 0: all
  char name[16] = {};
  LockedSections sections;
};

inline Waiter::Waiter(WaitList& to, Task& who) : task(&who), list(&to) {
  previous = to.ends.previous;
  next = &to.ends;
  previous->next = next->previous = this;
  own.waiter = this;
  own.previous = who.places.previous;
  own.next = &who.places;
  own.previous->next = own.next->previous = &own;
  ++to.size;
  if (__builtin_expect(who.id < 64, 1)) {
    to.low_tasks |= std::uint64_t{1} << who.id;
  } else {
    ++to.high_count;
  }
}

// A task may stand in a list twice (a descriptor polled twice), and then leaves both places at once.
inline void Waiter::leave() {
  previous->next = next;
  next->previous = previous;
  --list->size;
  if (__builtin_expect(task->id < 64, 1)) {
    list->low_tasks &= ~(std::uint64_t{1} << task->id);
  } else {
    --list->high_count;
  }
  list = nullptr;
}

}  // namespace foreseed
