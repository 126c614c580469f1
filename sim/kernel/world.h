#pragma once
// World: one run. Tasks, virtual time, and the choice of who goes on.
//
// Invariants
//   - One task runs at a time; the rest are runnable (in `ready_`), waiting, or finished.
//   - A scheduling point stands *before* each visible operation; between two of them a task is atomic.
//   - Time moves only when no task is runnable (or all that are only spin), and then to the next event; by
//     RunOptions::timeouts, also to the deadline of a task that waits.
//   - Nothing here reads a host clock, an address, or anything else that differs between two runs of the same choices.
// Called from simulated tasks through sync/, memory/ and net/, and from the host through run_once(). The World knows
// nothing of mutexes or sockets: rooms above wait on WaitLists and are woken.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "choice/choice.h"
#include "kernel/boundary.h"
#include "kernel/clock.h"
#include "kernel/event_queue.h"
#include "kernel/execution.h"
#include "kernel/ready_set.h"
#include "kernel/recorder.h"
#include "kernel/strategy.h"
#include "kernel/task.h"

namespace foreseed {

inline constexpr std::uint64_t never = ~std::uint64_t{0};

/// Wall clock at virtual time 0: 2026-01-01T00:00:00Z. The monotonic clock starts at 1,000 s.
inline constexpr std::uint64_t wall_epoch_ns = 1'767'225'600ull * 1'000'000'000ull;
inline constexpr std::uint64_t monotonic_epoch_ns = 1'000ull * 1'000'000'000ull;

/// What other rooms do at the edges of a run and of a series of runs; each registers once, before the first run. Null
/// where there is nothing to do. Hooks run in the order of their registration, the ends in reverse.
struct RunHooks {
  void (*begin)() = nullptr;
  void (*end)() = nullptr;
  void (*drop_clocks)() = nullptr;  ///< after the ends, where vector clocks still hold memory: clears all of the room's
  void (*series_begin)() = nullptr;
  void (*series_end)() = nullptr;
  void (*host_crash)(std::uint32_t host) = nullptr;  ///< a host has lost power
  void (*clock_set)(std::uint32_t host, std::int64_t by_ns) = nullptr;  ///< a host's wall clock was set
  bool (*fault)(void* address) = nullptr;  ///< a segmentation fault at `address`: true if it was ours and is mended
};

class World {
 public:
  static World& get();

  Execution run(const Scenario& scenario, const RunOptions& options);
  void add_hooks(const RunHooks& hooks);
  /// What a room finds at the end of a run that should be gone by then, if `count` is not 0: an internal error.
  void left_behind(std::int64_t count, const char* what) {
    if (__builtin_expect(count != 0, 0)) note_left(count, what);
  }
  /// The next run is looked at from outside (remains.h).
  void look_at_next() { unseen_steps_ = ~std::uint64_t{0} >> 1; }
  const std::vector<RunHooks>& hooks() const { return hooks_; }

  // --- scheduling, called by the running task ------------------------------------------------------------------

  Task& current() const { return *current_; }
  Task& task(std::uint32_t id) { return *tasks_[id]; }
  std::uint32_t task_count() const { return task_count_; }

  /// A scheduling point before `op` on `object`; whether others went on meanwhile. `gate` is as in NextStep.
  __attribute__((always_inline)) bool point(Op op, const void* object = nullptr, const void* gate = nullptr) {
    if (__builtin_expect(at_point != nullptr, 0)) at_point();
    if (__builtin_expect(ready_.count() <= solo_, 0)) return solo_ != 1 && steered_point({op, object, gate, false});
    const std::uint32_t k = choose_among(static_cast<std::uint32_t>(op), ChoiceKind::schedule, ready_.count());
    if (k == 0) return false;
    switch_to(*tasks_[ready_.nth_from(current_->id, k)]);
    return true;
  }

  /// A scheduling point of a task that cannot make progress by itself now (yield, a failed trylock in a loop, a spinning
  /// load of `object`): others go first, and where all runnable tasks only spin, time moves on.
  void idle_point(Op op, const void* object = nullptr);

  /// Waits until woken, or until `deadline_ns` of virtual time. The caller has put Waiters on the lists it can be woken
  /// from. Returns false if the deadline came first. `object` is for reports; `what` and `gate` are as in NextStep: what
  /// the task does once it is woken.
  bool wait(Op op, std::uint32_t object, std::uint64_t deadline_ns = never, const void* what = nullptr,
            const void* gate = nullptr);

  /// As wait(), where a program has set the deadline: by RunOptions::timeouts, it may come while others can still go on, for
  /// they may be slow. `served` says whether the task has got what it waits for, and tells a search what it has looked at.
  template <typename Served>
  bool wait_or_time_out(Op op, std::uint32_t object, std::uint64_t deadline_ns, Served served, const void* what = nullptr,
                        const void* gate = nullptr) {
    if (__builtin_expect(timeouts_max_ == 0, 1) || !may_time_out(op, deadline_ns)) {
      return wait(op, object, deadline_ns, what, gate);
    }
    let_others_go_on(op, object, what);
    touch_time(true);  // also where it does not pass: a search plans the one where it has seen the other
    if (served()) return true;
    pass_time_until(deadline_ns);
    return false;
  }

  /// Makes a waiting task runnable (does nothing to others).
  void wake(Task& task) {
    if (__builtin_expect(task.frozen, 0)) {
      task.pending = true;
    } else if (!task.finished) {
      ready_.insert(task.id);
    }
  }
  /// Makes all tasks of the list runnable, or (but for those whose time is over) not runnable: what they wait for was
  /// taken by another. They stay on the list either way.
  void wake_all(const WaitList& list) {
    if (__builtin_expect((list.high_count | frozen_count_) != 0, 0)) return wake_each(list);
    ready_.insert_low(list.low_tasks);
  }
  void hold_all(const WaitList& list) {
    if (__builtin_expect((list.high_count | frozen_count_) != 0, 0)) return hold_each(list);
    ready_.erase_low(list.low_tasks & ~timed_out_low_);
  }

  // --- what a search wants to know -------------------------------------------------------------------------------
  //
  // Under a search, every scheduling point ends a step, even where nobody else could go on; a task that waits for a lock
  // is not offered while another holds it; a yield is nothing; and a task that reads one location again and again is not
  // offered until that location is written, or nothing else can go on. The same holds for the replay of what it found.

  bool search_mode() const { return search_; }
  /// Before an operation under a search: how often the running task has done the same with nothing changed anywhere.
  std::uint32_t times_again(Op op, const void* address);
  /// A scheduling point of a task that spins: it waits for `object` (null: anything) to be written.
  void spinning_point(Op op, const void* object);
  /// The running task has taken a lock, of whatever kind.
  void took_lock(const void* lock) {
    if (__builtin_expect(search_, 0)) note_lock(lock);
  }
  /// The running task is about to read or write there; told after watch_accesses().
  void accesses(const void* address, std::size_t size, bool writes);
  /// The running task's step touched an object.
  __attribute__((always_inline)) void accessed(const Touch& touch) {
    if (__builtin_expect(search_, 0)) note_touch(touch);
  }
  __attribute__((always_inline)) void accessed(const void* object, Touch::Kind kind, bool wrote = true) {
    accessed({object, kind, wrote, false, 0, 0, true});
  }
  __attribute__((always_inline)) void accessed(const void* object, Touch::Kind kind, bool wrote, std::uint64_t before,
                                               std::uint64_t expected = 0, bool changes = true) {
    accessed({object, kind, wrote, true, before, expected, changes});
  }
  /// What `later` does next comes after all that `earlier` has done; not where it could have gone on without that.
  void ordered(const Task& later, const Task& earlier) {
    if (__builtin_expect(search_, 0) && !later.timed_out) note_order(later.id, earlier.id);
  }
  /// Whether a task before this gate (NextStep::gate) could go on now. Set by the sync room.
  bool (*gate_open)(const void* gate, const Task& task) = nullptr;

  // --- tasks ---------------------------------------------------------------------------------------------------

  /// Makes a runnable task.
  Task& spawn(void* (*entry)(void*), void* argument);
  /// Ends the running task from anywhere on its stack, without unwinding (the caller has unwound).
  [[noreturn]] void finish_current();
  /// The outermost frame of every fibre; public for the fibre only.
  void fiber_loop(Task& task);

  // --- what befalls tasks and clocks from outside ----------------------------------------------------------------

  /// The tasks of a host are gone, wherever they are, without another step. Whoever calls this from one of them must not
  /// go on: see yield_to_others().
  void kill_tasks(std::uint32_t host);
  /// A frozen task does not run until it is thawed, whatever happens meanwhile.
  void freeze(Task& task);
  void thaw(Task& task);
  /// To be called by a task that has killed or frozen itself.
  void yield_to_others();

  /// What the monotonic clock of a host shows since the start of the execution.
  std::uint64_t local_ns(std::uint32_t host) const {
    return __builtin_expect(host >= clocks_.size(), 1) ? now_ : clocks_[host].local(now_);
  }
  std::uint64_t wall_ns(std::uint32_t host) const {
    const std::int64_t offset = host < clocks_.size() ? clocks_[host].wall_offset_ns() : 0;
    return wall_epoch_ns + local_ns(host) + static_cast<std::uint64_t>(offset);
  }
  /// The world's time at which that clock will show `local_ns`, or has.
  std::uint64_t time_at(std::uint32_t host, std::uint64_t local_ns) const {
    return host >= clocks_.size() ? local_ns : clocks_[host].world(local_ns, now_);
  }
  /// The world's time at which `duration_ns` will have passed for the running task.
  std::uint64_t deadline_after(std::uint64_t duration_ns) { return deadline_at(local_ns(current_->host) + duration_ns); }
  /// The same for a local time, and for a time on the wall clock: if the clock is set while a task waits for it, so is the
  /// end of its wait.
  std::uint64_t deadline_at(std::uint64_t local_deadline_ns) {
    look_at_time();
    return time_at(current_->host, local_deadline_ns);
  }
  std::uint64_t deadline_at_wall(std::uint64_t wall_deadline_ns);
  /// Sets the wall clock of a host forwards or back; makes its clocks run fast or slow.
  void step_clock(std::uint32_t host, std::int64_t by_ns);
  void drift_clock(std::uint32_t host, std::int32_t ppb);

  // --- choices, time, events -----------------------------------------------------------------------------------

  std::uint32_t choose(std::uint32_t site, ChoiceKind kind, std::uint64_t bound) {
    return bound <= 1 ? 0 : choose_among(site, kind, bound);
  }
  /// The same where there is more than one.
  std::uint32_t choose_among(std::uint32_t site, ChoiceKind kind, std::uint64_t bound) {
    return choices_.choose(site, kind, bound, static_cast<std::uint16_t>(current_->id));
  }

  MemoryModel memory() const { return options_->memory; }

  std::uint64_t now() const { return now_; }
  /// The same, for clock calls of the program under test: reading a clock again and again at one instant lets a little
  /// time pass, so that loops that wait for a clock end.
  std::uint64_t read_clock();

  /// Calls `fire(context, argument, false)` at `time_ns` on whichever stack is at hand; see Alarm.
  void at(std::uint64_t time_ns, bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint64_t argument) {
    alarms_.push(time_ns < now_ ? now_ : time_ns, fire, context, argument);
  }

  /// Notes that the running task's operation took effect. `progress` is false where it changed nothing that another task
  /// could see.
  void event(Op op, std::uint32_t object, std::int32_t result, bool progress = true) {
    std::uint64_t word = static_cast<std::uint64_t>(op) | static_cast<std::uint64_t>(current_->id) << 16 |
                         static_cast<std::uint64_t>(static_cast<std::uint32_t>(result)) << 32;
    hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15ull;
    hash_ ^= hash_ >> 29;
    ++step_;
    progress_epoch_ += progress;
    if (__builtin_expect(search_, 0) && touches_world(op)) touch_world();
    if (__builtin_expect(step_ > step_limit_ || watched_, 0)) event_slow(op, object, result);
  }
  /// As event(), with a text that goes into the recording and the hash.
  void text_event(Op op, std::string_view text, std::int32_t result = 0, bool progress = false);

  bool recording() const { return __builtin_expect(recording_ != nullptr, 0); }
  /// Adds a text to the event that was noted last, in recorded runs; it is no part of the fingerprint.
  void annotate(std::string text);
  /// What is recorded so far, for rooms that add to it; null in other runs.
  Recording* recorded() { return recording_; }
  /// The stack of the caller if the run is recorded, else an empty one.
  Stack stack_here() const;
  /// Where a waiting task waits, if the run is recorded.
  const Stack& stack_of_wait(const Task& task) const { return task.waiting_stack; }
  std::uint32_t step() const { return step_; }
  const RunOptions& options() const { return *options_; }
  void log_choices_into(void* room) { choices_.log_into(room); }

  /// Numbers an object for reports: 1, 2, .. `kind` is a literal such as "mutex".
  std::uint32_t number_object(const char* kind);
  std::string object_name(std::uint32_t object) const;
  std::string task_name(const Task& task) const;

  // --- ends ----------------------------------------------------------------------------------------------------

  /// Gives the execution up, calls `between` outside of any, and begins it again.
  [[noreturn]] void begin_again(void (*between)());
  /// Ends the run with a finding whose first place is the caller.
  [[noreturn]] void fail(FindingKind kind, std::string message, std::vector<Place> more_places = {},
                         std::string details = {}, std::string role = {});
  /// Epochs of this run are above it.
  std::uint64_t epoch_base() const { return epoch_base_; }

  /// Fetches what is known of the accesses to the stack from `address` on, and before that the place where it is said where
  /// that is. Set by the memory room.
  void (*fetch_stack_shadow)(std::uintptr_t address) = nullptr;
  void (*fetch_shadow_place)(std::uintptr_t address) = nullptr;
  /// From now on to the end of the execution, accesses() is to be told. Set by the memory room.
  void (*watch_accesses)() = nullptr;
  /// Called at the end of an execution under Races::explore. Set by the memory room.
  void (*tell_races)(Execution&) = nullptr;
  /// As EventQueue::fetch, for alarms of the network's room, which sets it. The task that will be woken, from the step on in
  /// which that is known.
  const Task* (*fetch_for_message)(bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint32_t step) = nullptr;
  /// Called where nothing can go on: fills in what is known of the cycle. Set by the sync room.
  void (*explain_deadlock)(World&, Finding&) = nullptr;
  /// Called before the body's first step if RunOptions::faults is set. Set by the fault room.
  void (*start_faults)(std::string_view faults) = nullptr;
  /// Called by the running task at its scheduling points; null unless faults are to strike there. The task may wait in it.
  void (*at_point)() = nullptr;
  /// Called in simulated mode when the function of a task with values of pthread keys has returned. Set by the sync room.
  void (*task_exit)(Task&) = nullptr;
  /// Called when the scenario's body has returned and its exit handlers have run (leak check). Set by the memory room.
  void (*body_exit)(World&) = nullptr;

  /// Tasks with values of pthread keys whose function has returned; where one that has ended is taken off, `ended` knows what
  /// it knew.
  std::vector<Task*> ending;
  VectorClock ended;

  /// Blocks of the run's heap that the simulator points to.
  std::vector<const void*> roots;

  /// atexit handlers registered during the run.
  std::vector<ExitHandler> exit_handlers;

 private:
  void begin_recording(const RunOptions& options);
  bool steered_point(const NextStep& next);
  void announce(const Task& task, const NextStep& next) {
    if (__builtin_expect(next_.size() <= task.id, 0)) next_.resize(task.id + 1);
    next_[task.id] = next;
    // Whatever it goes on with: it may ask for the time before it comes to a scheduling point.
    if (__builtin_expect(timeouts_max_ != 0, 0) && next.object == nullptr && !next.spins) next_[task.id].object = &the_time_;
    if (next.gate != nullptr || next.spins) {
      gated_.insert(task.id);
    } else {
      gated_.erase(task.id);
    }
  }
  std::uint64_t changes() const { return progress_epoch_ - looks_; }
  void note_lock(const void* lock);
  __attribute__((cold)) void watch_section(const void* lock);
  __attribute__((cold)) bool note_release();
  bool polls_under_lock(const NextStep& next) const;
  __attribute__((cold)) void spin(const NextStep& next);
  Task& pick(Op op, std::uint32_t start, bool but_start = false);
  std::uint32_t take_foretold();
  bool closed(std::uint32_t id) const;
  bool is_open(std::uint32_t id) const { return ready_.contains(id) && !(gated_.contains(id) && closed(id)); }
  ReadySet open_tasks();
  void touch_world();
  static constexpr bool touches_world(Op op) {
    return op > Op::plain_access && op != Op::entropy && op != Op::note && op != Op::check && op != Op::fail;
  }
  bool pass_spinning();
  bool seems_to_spin(Task& task);
  void note_touch(const Touch& touch);
  void note_order(std::uint32_t later, std::uint32_t earlier);
  void announce_wait(Op op, const void* what, const void* gate);
  void note_wait(Task& task);
  void wake_each(const WaitList& list);
  void hold_each(const WaitList& list);
  HostClock& clock_of(std::uint32_t host);
  void move_deadlines(std::uint32_t host);
  static void fetch_coming(bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint32_t step);
  void switch_to(Task& next);
  Task& next_task(Op op);
  void dispatch(Op op);
  bool advance();
  void pass_idle_time(std::uint32_t rounds_max = 2000);  // weeks of virtual time
  void set_now(std::uint64_t time_ns);
  void begin_instant();
  void check_progress();
  void leave();
  void begin_choices(const RunOptions& options);
  void begin(const RunOptions& options);
  void end();
  void note_left(std::int64_t count, const char* what);
  void end_tasks();
  void execute(const Scenario& scenario, const RunOptions& options);
  Execution run_one(const Scenario& scenario, const RunOptions& options);
  Execution run_looked_at(const Scenario& scenario, const RunOptions& options);
  void drop_clocks();
  void make_fiber(Task& task);
  void to_host();
  void run_entry(Task& task);
  void end_task(Task& task);
  [[noreturn]] void deadlock();
  [[noreturn]] void stop();
  void event_slow(Op op, std::uint32_t object, std::int32_t result);
  void run_exit_handlers(std::vector<ExitHandler>& handlers);
  __attribute__((cold)) bool may_time_out(Op op, std::uint64_t deadline_ns);
  __attribute__((cold)) void let_others_go_on(Op op, std::uint32_t object, const void* what);
  __attribute__((cold)) void pass_time_until(std::uint64_t deadline_ns);
  void look_at_time() {
    if (__builtin_expect(timeouts_max_ != 0, 0)) touch_time(false);
  }
  __attribute__((cold)) void touch_time(bool wrote);
  static bool on_deadline(void* task, std::uint64_t sequence, bool dry);

  // hot
  Task* current_ = nullptr;
  ReadySet ready_;
  std::uint32_t solo_ = 1;  ///< so many runnable tasks make no choice; under a strategy or a search the largest number
  bool search_ = false;
  bool watched_ = false;    ///< recording, or counting turns
  std::uint32_t frozen_count_ = 0;
  std::uint64_t timed_out_low_ = 0;  ///< of tasks 0..63, those whose wait has timed out and that have not gone on yet
  std::uint64_t now_ = 0;
  std::uint64_t hash_ = 0;
  std::uint32_t step_ = 0;
  std::uint32_t step_limit_ = 0;
  std::uint64_t progress_epoch_ = 0;
  std::uint64_t waits_ = 0;
  Recording* recording_ = nullptr;
  ChoiceSource choices_;
  EventQueue alarms_;
  std::uint64_t epoch_base_ = 1;

  // when the present instant began
  std::uint32_t instant_step_ = 0;
  std::uint64_t instant_progress_ = 0;
  std::uint64_t instant_waits_ = 0;

  std::uint32_t stretch_ = 0;   ///< how many times a strategy has let the running task go on
  // fairness to spinning, see idle_point()
  std::uint64_t idle_seen_ = 0;   ///< progress_epoch_ when the counts below were started
  std::uint64_t idle_mark_ = 0;   ///< a task that carries it has spun since anything changed
  std::uint32_t idle_tasks_ = 0;  ///< how many carry it
  std::uint32_t idle_rounds_ = 0; ///< how often all runnable tasks were found spinning since anything changed

  // under a strategy or a search
  Strategy* strategy_ = nullptr;
  std::uint32_t timeouts_max_ = 0;  ///< RunOptions::timeouts
  bool accesses_watched_ = false; ///< some task may poll under a lock
  std::uint64_t looks_ = 0;     ///< how much of progress_epoch_ has changed nothing: locks that were taken only to look
  std::vector<NextStep> next_;  ///< of each task
  ReadySet gated_;              ///< those of them that have a gate or spin

  std::vector<HostClock> clocks_;        ///< of the hosts up to the last whose clock was touched
  std::uint64_t wall_deadline_ns_ = 0;   ///< the last answer of deadline_at_wall()
  std::vector<std::unique_ptr<Task>> tasks_;
  std::uint32_t task_count_ = 0;
  std::uint32_t object_count_ = 0;
  std::uint32_t stale_alarms_ = 0;
  static constexpr char the_time_ = 0;  ///< for a search: stands for what clocks show and when deadlines come
  static const RunOptions no_options;
  const RunOptions* options_ = &no_options;  ///< of the run
  std::unique_ptr<Recorder> recorder_;
  std::optional<Finding> finding_;
  void (*between_)() = nullptr;  ///< the run was given up for that
  boost::fibers::context* host_fiber_ = nullptr;
  std::vector<RunHooks> hooks_;
  std::vector<void (*)()> begins_;  ///< of them, in order
  std::vector<void (*)()> ends_;    ///< the same, in reverse order
  std::string left_;                ///< see left_behind()
  std::uint64_t unseen_steps_ = 0;  ///< since the last run that was looked at
};

namespace detail {
FORESEED_HIDDEN extern World the_world;
}
inline World& World::get() { return detail::the_world; }

/// Makes the rooms known to the World: called once, before the first run; defined by the intercept room, which knows
/// them all.
void install_rooms(World& world);

/// A run must never go on after one of these; they stay on in release builds.
[[noreturn]] void internal_error(const char* what, const char* file, int line);
#define FORESEED_ASSERT(condition) \
  (__builtin_expect(!!(condition), 1) ? void(0) : ::foreseed::internal_error(#condition, __FILE__, __LINE__))

}  // namespace foreseed
