#include "kernel/world.h"

#include <boost/fiber/context.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "kernel/clear.h"
#include "kernel/fetch.h"
#include "kernel/stacks.h"

// The outermost frame of simulated code. Its return address is marked undefined: unwinding ends here, so an exception
// without a handler calls std::terminate at the throw, with the stack still there to look at.
asm(R"(
  .text
  .globl foreseed_call_outermost
  .hidden foreseed_call_outermost
  .type foreseed_call_outermost, @function
foreseed_call_outermost:
  .cfi_startproc
  .cfi_undefined rip
  push %rbp
  .cfi_adjust_cfa_offset 8
  mov %rsp, %rbp
  mov %rdi, %rax
  mov %rsi, %rdi
  call *%rax
  pop %rbp
  .cfi_adjust_cfa_offset -8
  ret
  .cfi_endproc
  .size foreseed_call_outermost, . - foreseed_call_outermost
)");
extern "C" void* foreseed_call_outermost(void* (*function)(void*), void* argument);

namespace foreseed {

std::uintptr_t active_thread = 0;
bool run_active = false;
bool series_active = false;
World detail::the_world;

void internal_error(const char* what, const char* file, int line) {
  active_thread = 0;
  std::fprintf(stderr, "foreseed: internal error at %s:%d: %s. Please report it with the command you ran.\n", file,
               line, what);
  std::_Exit(70);
}

// --- fibres ------------------------------------------------------------------------------------------------------

namespace {

/// Hands Boost.Fiber the task's own stack; nothing is ever given back.
struct TaskStack {
  StackRange range;
  boost::context::stack_context allocate() {
    boost::context::stack_context context;
    context.sp = range.high;
    context.size = static_cast<std::size_t>(range.high - range.low);
    return context;
  }
  void deallocate(boost::context::stack_context&) noexcept {}
};

}  // namespace

void World::make_fiber(Task& task) {
  // A fibre that a run gave up half way is never resumed again: a new one takes its stack. Boost's control block lives
  // on the stack, so nothing is leaked and nothing of the old one is destroyed.
  auto fiber = boost::fibers::make_worker_context(
      boost::fibers::launch::post, TaskStack{stack_of(task.id)}, [&task] { World::get().fiber_loop(task); });
  task.fiber = fiber.detach();
}

void World::fiber_loop(Task& task) {
  for (;;) {
    task.parked = false;
    ThreadStates::get().load(task.thread_state);
    run_entry(task);
    end_task(task);
    task.parked = true;
    leave();
  }
}

__attribute__((noinline)) void World::run_entry(Task& task) {
  if (__builtin_setjmp(task.exit_frame) == 0) {
    event(Op::task_start, 0, 0);
    Callback simulated;
    task.result = foreseed_call_outermost(task.entry, task.argument);
  } else {
    active_thread = 0;  // pthread_exit came here from simulator code
    task.by_exit = true;
  }
}

__attribute__((noinline)) void World::run_exit_handlers(std::vector<ExitHandler>& handlers) {
  while (!handlers.empty()) {
    const ExitHandler handler = handlers.back();
    handlers.pop_back();
    Callback simulated;
    foreseed_call_outermost(
        [](void* h) -> void* {
          const auto* call = static_cast<const ExitHandler*>(h);
          call->function(call->object);
          return nullptr;
        },
        const_cast<ExitHandler*>(&handler));
  }
}

/// Everything between the end of a task's function and its last switch.
void World::end_task(Task& task) {
  if (__builtin_expect(!task.specific.empty(), 0)) ending.push_back(&task);
  if (__builtin_expect(!task.thread_exit_handlers.empty(), 0)) run_exit_handlers(task.thread_exit_handlers);
  // As with a process: where main() returns, values of keys are not destroyed.
  if (__builtin_expect(!task.specific.empty(), 0) && (task.id != 0 || task.by_exit)) task_exit(task);
  if (task.id == 0) {
    if (__builtin_expect(!exit_handlers.empty(), 0)) run_exit_handlers(exit_handlers);
    if (body_exit != nullptr) body_exit(*this);
  }
  event(Op::task_exit, 0, 0);
  task.finished = true;
  // Here, and not when the joiner goes on: its step begins then.
  if (search_) task.joiners.each([&](const Task& joiner) { ordered(joiner, task); });
  wake_all(task.joiners);
}

void World::leave() {
  Task& task = *current_;
  if (task.id == 0) return to_host();
  ready_.erase(task.id);
  dispatch(Op::task_exit);
}

void World::finish_current() {
  __builtin_longjmp(current_->exit_frame, 1);
}

namespace {
/// What so many tasks touch fits into the nearest cache, and into the one behind it.
constexpr std::uint32_t few_tasks = 64;
constexpr std::uint32_t many_tasks = 512;
/// Where Boost's control block of a fibre keeps its continuation: only for what is fetched ahead.
constexpr std::uintptr_t continuation_offset = 208;

/// Fetches what a switch to it touches on its stack.
void fetch_frames(const Task& task) {
  fetch_lines(reinterpret_cast<std::uintptr_t>(task.fiber) + continuation_offset, 1);
  fetch_lines(task.stack_pointer + 32, 11);
}
/// What is known of the accesses to them.
std::uintptr_t frames_of(const Task& task) { return task.stack_pointer + 256; }
}  // namespace

void World::switch_to(Task& next) {
  // Of many tasks, the next is in no cache.
  if (__builtin_expect(task_count_ > few_tasks, 0)) {
    fetch_lines(&next.thread_state, 1);
    fetch_frames(next);
  }
  Task& self = *current_;
  ThreadStates& states = ThreadStates::get();
  current_ = &next;
  self.stack_pointer = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) - 256;
  states.save(self.thread_state);
  next.fiber->resume();
  states.load(self.thread_state);
}

void World::to_host() {
  ThreadStates::get().save(current_->thread_state);
  host_fiber_->resume();
  // Back here: the fibre was chosen for another task, of another run.
}

// --- scheduling --------------------------------------------------------------------------------------------------

void World::wake_each(const WaitList& list) {
  list.each([this](Task& task) { wake(task); });
}

void World::hold_each(const WaitList& list) {
  list.each([this](Task& task) {
    if (task.timed_out) return;
    task.pending = false;
    ready_.erase(task.id);
  });
}

/// See EventQueue::fetch: what tasks whose time comes soon will touch, and what they are likely to use.
void World::fetch_coming(bool (*fire)(void*, std::uint64_t, bool), void* context, std::uint32_t step) {
  const World& world = get();
  const Task* task = static_cast<const Task*>(context);
  std::uint32_t task_step = step;
  if (fire != on_deadline) {
    task = world.fetch_for_message != nullptr ? world.fetch_for_message(fire, context, step) : nullptr;
    task_step = step - 2;
  }
  if (task == nullptr) return;
  if (task_step == 0) {
    fetch_lines(task, 4);
  } else if (task_step == 1) {
    fetch_frames(*task);
    task->clock.fetch();
    fetch_lines(task->used[0], 3);
    fetch_lines(task->used[1], 2);
    if (world.fetch_shadow_place != nullptr) world.fetch_shadow_place(frames_of(*task));
  } else if (task_step == 2 && world.fetch_stack_shadow != nullptr) {
    world.fetch_stack_shadow(frames_of(*task));
  }
}

/// Whose turn it is after a step that ends with `op`; time moves on where all wait.
__attribute__((noinline)) Task& World::next_task(Op op) {
  while (__builtin_expect(ready_.count() == 0, 0)) {
    if (!advance()) deadlock();
  }
  if (__builtin_expect(solo_ != 1, 0)) return pick(op, current_->id + 1);
  const std::uint32_t k = choose(static_cast<std::uint32_t>(op) | site_given_up, ChoiceKind::schedule, ready_.count());
  Task& next = *tasks_[ready_.nth_from(current_->id + 1, k)];
  FORESEED_ASSERT(&next != current_ || !next.parked);  // it has not finished
  return next;
}

/// What has happened so far lies on no stack while the task waits: of 10,000 stacks, each line is a cache miss.
void World::dispatch(Op op) {
  Task& next = next_task(op);
  if (&next != current_) switch_to(next);
}

__attribute__((noinline)) void World::announce_wait(Op op, const void* what, const void* gate) {
  announce(*current_, {op, what, gate, false});
}

__attribute__((noinline)) void World::note_wait(Task& task) {
  task.waiting_stack = stack_here();
  recorder_->wait({now_, step_, static_cast<std::uint16_t>(task.id), task.waiting_op, task.waiting_object, 0},
                  task.waiting_stack);
}

bool World::wait(Op op, std::uint32_t object, std::uint64_t deadline_ns, const void* what, const void* gate) {
  Task& self = *current_;
  if (__builtin_expect(deadline_ns <= now_, 0)) return false;
  if (__builtin_expect(solo_ != 1, 0)) announce_wait(op, what, gate);
  self.timed_out = false;
  ++waits_;
  ++self.wait_sequence;
  self.waiting_op = op;
  self.waiting_object = object;
  if (__builtin_expect(recording_ != nullptr, 0)) note_wait(self);
  self.local_deadline_ns = never;
  if (__builtin_expect(deadline_ns != never, 0)) {
    self.on_wall_clock = deadline_ns == wall_deadline_ns_;
    self.local_deadline_ns =
        self.host < clocks_.size() ? clocks_[self.host].local(deadline_ns) : deadline_ns;
    alarms_.push(deadline_ns, on_deadline, &self, self.wait_sequence);
    if (__builtin_expect(search_, 0) && strategy_ != nullptr) strategy_->waits_patiently();
  }
  ready_.erase(self.id);
  dispatch(op);
  ++self.wait_sequence;
  self.waiting_op = Op::note;
  if (__builtin_expect(deadline_ns != never, 0) && !self.timed_out && ++stale_alarms_ > 256 && stale_alarms_ > alarms_.size() / 2) {
    alarms_.compact();
    stale_alarms_ = 0;
  }
  if (__builtin_expect(!self.timed_out, 1)) return true;
  self.timed_out = false;
  if (self.id < 64) timed_out_low_ &= ~(std::uint64_t{1} << self.id);
  return false;
}

bool World::on_deadline(void* context, std::uint64_t sequence, bool dry) {
  Task& task = *static_cast<Task*>(context);
  if (task.wait_sequence != sequence || task.finished) return false;
  if (dry) return true;
  World& world = get();
  if (__builtin_expect(world.timeouts_max_ != 0, 0)) world.ordered(task, *world.current_);
  task.timed_out = true;
  if (task.id < 64) world.timed_out_low_ |= std::uint64_t{1} << task.id;
  world.wake(task);
  return true;
}

// --- time that passes while others could go on ---------------------------------------------------------------------

/// Where time passes only when nobody can go on, a search is told otherwise.
void World::touch_time(bool wrote) {
  accessed({&the_time_, wrote ? Touch::Kind::write : Touch::Kind::read, wrote, false, 0, 0, wrote});
}

/// A search goes through both; else it is a choice, once for each wait. What counts is the task's own past: equivalent
/// executions must not differ in it.
bool World::may_time_out(Op op, std::uint64_t deadline_ns) {
  look_at_time();
  if (deadline_ns == never || deadline_ns <= now_ || current_->timeouts == timeouts_max_) return false;
  const bool may = search_ || choose(static_cast<std::uint32_t>(op), ChoiceKind::timing, 4) == 1;
  current_->timeouts += may;
  return may;
}

/// The running task waits, but stays runnable as one whose wait has timed out.
void World::let_others_go_on(Op op, std::uint32_t object, const void* what) {
  Task& self = *current_;
  const std::uint64_t bit = self.id < 64 ? std::uint64_t{1} << self.id : 0;
  self.timed_out = true;
  timed_out_low_ |= bit;
  ++waits_;
  ++self.wait_sequence;
  self.waiting_op = op;
  self.waiting_object = object;
  if (recording_ != nullptr) note_wait(self);
  self.local_deadline_ns = never;
  point(op, what);
  ++self.wait_sequence;
  self.waiting_op = Op::note;
  self.timed_out = false;
  self.polling = {};  // what it reads now, it reads in one step again: libstdc++ spins anew after each wait
  timed_out_low_ &= ~bit;
}

void World::pass_time_until(std::uint64_t deadline_ns) {
  while (!alarms_.empty() && alarms_.next_time() <= deadline_ns) {
    const Alarm due = alarms_.top();
    alarms_.pop();
    if (!due.fire(due.context, due.argument, true)) continue;
    if (due.time_ns > now_) set_now(due.time_ns);
    if (due.fire != on_deadline) touch_world();
    due.fire(due.context, due.argument, false);
  }
  if (deadline_ns > now_) set_now(deadline_ns);
  ++progress_epoch_;
  yield_to_others();  // if that was the end of this task's host
}

void World::set_now(std::uint64_t time_ns) {
  now_ = time_ns;
  hash_ = (hash_ ^ time_ns) * 0xff51afd7ed558ccdull;
  begin_instant();
}

namespace {

/// In an execution that makes very many steps at one instant: what has come of each task's turns since that was noticed.
struct Turns {
  std::uint32_t steps = 0;
  std::uint32_t changes = 0;  ///< those that changed something
};
std::vector<Turns> turns;
bool counting_turns = false;
std::uint64_t progress_counted = 0;
constexpr std::uint32_t turns_min = 1000;

void count_turn(std::uint32_t task, std::uint64_t progress) {
  if (task >= turns.size()) turns.resize(task + 1);
  ++turns[task].steps;
  turns[task].changes += progress != progress_counted;
  progress_counted = progress;
}

/// A task that got its turn so often, and nothing ever came of it, while something came of others' turns as often.
std::uint32_t starved_task() {
  std::uint64_t changes = 0;
  std::uint32_t starved = ~0u;
  for (std::uint32_t task = 0; task < turns.size(); ++task) {
    changes += turns[task].changes;
    if (starved == ~0u && turns[task].steps >= turns_min && turns[task].changes == 0) starved = task;
  }
  return changes >= turns_min ? starved : ~0u;
}

}  // namespace

void World::begin_instant() {
  instant_step_ = step_;
  instant_progress_ = progress_epoch_;
  instant_waits_ = waits_;
  if (__builtin_expect(counting_turns, 0)) {
    counting_turns = false;
    watched_ = recording_ != nullptr;
  }
  step_limit_ = std::min(step_ + options_->steps_per_instant_max, options_->steps_max);
}

/// The running task has made step_limit_ steps: either that is a livelock, or a new limit is set. What counts are steps
/// that lead nowhere by themselves, so that a long computation at one instant is none.
void World::check_progress() {
  const std::uint32_t max = options_->steps_per_instant_max;
  const std::uint64_t steps = step_ - instant_step_;
  const std::uint64_t progress = progress_epoch_ - instant_progress_;
  const std::uint64_t fruitless = (steps > progress ? steps - progress : 0) + (waits_ - instant_waits_);
  std::string what;
  if (step_ > options_->steps_max) {
    what = std::to_string(options_->steps_max) + " steps in one execution";
  } else if (fruitless > max) {
    what = std::to_string(max) + " steps at one instant of virtual time that change nothing or wait";
  } else if (steps > std::uint64_t{max} * 10) {
    what = std::to_string(std::uint64_t{max} * 10) + " steps at one instant of virtual time";
  } else {
    // Each step can count twice.
    const std::uint64_t more = std::min<std::uint64_t>((max - fruitless) / 2, std::uint64_t{max} * 10 - steps);
    step_limit_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(step_ + more, options_->steps_max));
    if (!counting_turns) {
      turns.clear();
      progress_counted = progress_epoch_;
      counting_turns = watched_ = true;
    }
    return;
  }
  step_limit_ = ~std::uint32_t{0};
  const std::uint32_t starved = counting_turns ? starved_task() : ~0u;
  if (starved == ~0u) fail(FindingKind::livelock, "livelock: more than " + what);
  fail(FindingKind::livelock, "livelock: starvation of " + task_name(*tasks_[starved]) + ": in more than " +
                                  std::to_string(turns_min) + " turns it has changed nothing, while others have as often");
}

/// Moves time to the next event that does something, and lets everything happen that is due then.
bool World::advance() {
  while (!alarms_.empty()) {
    const Alarm first = alarms_.top();
    if (!first.fire(first.context, first.argument, true)) {
      alarms_.pop();
      continue;
    }
    if (first.time_ns > now_) set_now(first.time_ns);
    while (!alarms_.empty() && alarms_.next_time() == now_) {
      const Alarm due = alarms_.top();
      alarms_.pop();
      due.fire(due.context, due.argument, false);
    }
    ++progress_epoch_;
    if (search_ && strategy_ != nullptr) strategy_->time_moved(open_tasks());
    return true;
  }
  return false;
}

void World::idle_point(Op op, const void* object) {
  Task& self = *current_;
  if (__builtin_expect(search_, 0)) {
    if (object == nullptr && !seems_to_spin(self)) return;
    return spinning_point(op, object);
  }
  if (idle_seen_ != progress_epoch_) {
    idle_seen_ = progress_epoch_;
    ++idle_mark_;
    idle_tasks_ = idle_rounds_ = 0;
  }
  if (self.idle_mark != idle_mark_) {
    self.idle_mark = idle_mark_;
    ++idle_tasks_;
  }
  if (idle_tasks_ >= ready_.count()) pass_idle_time();
  if (__builtin_expect(at_point != nullptr, 0)) at_point();
  const std::uint32_t others = ready_.count() - 1;
  if (others == 0) return;
  if (__builtin_expect(solo_ != 1, 0)) {
    announce(self, {op, object, nullptr, false});
    return switch_to(pick(op, self.id + 1, true));
  }
  const std::uint32_t k = choose(static_cast<std::uint32_t>(op) | site_given_up, ChoiceKind::schedule, others);
  switch_to(*tasks_[ready_.nth_from(self.id + 1, k)]);
}

/// All runnable tasks spin. A little time passes, more each time, so that those who wait for a clock, or for a task that
/// sleeps, are served; after `rounds_max` rounds in which nothing could happen, it is a livelock.
void World::pass_idle_time(std::uint32_t rounds_max) {
  const std::uint64_t pause_ns = std::uint64_t{1000} << (idle_rounds_ < 30 ? idle_rounds_ : 30);
  ++idle_rounds_;
  ++idle_mark_;
  idle_tasks_ = 0;
  while (!alarms_.empty() && !alarms_.top().fire(alarms_.top().context, alarms_.top().argument, true)) alarms_.pop();
  if (!alarms_.empty() && alarms_.next_time() <= now_ + pause_ns) {
    advance();
    return;
  }
  if (alarms_.empty() && idle_rounds_ > rounds_max) {
    fail(FindingKind::livelock, "livelock: every runnable task spins, and nothing else can happen");
  }
  set_now(now_ + pause_ns);
}

std::uint64_t World::read_clock() {
  Task& self = *current_;
  look_at_time();
  if (self.clock_read_at != now_) {
    self.clock_read_at = now_;
    self.clock_reads = 0;
  } else if (++self.clock_reads > 50) {
    idle_point(Op::yield);
  }
  return local_ns(self.host);
}

// --- tasks -------------------------------------------------------------------------------------------------------

namespace {
constinit const Task nobody;  ///< who made the first task
}

Task& World::spawn(void* (*entry)(void*), void* argument) {
  const std::uint32_t id = task_count_;
  if (__builtin_expect(id >= stacks_max, 0)) {
    fail(FindingKind::unsupported, "more than 32,000 threads in one execution cannot be simulated");
  }
  if (__builtin_expect(++task_count_ > many_tasks, 0)) alarms_.fetch = fetch_coming;
  if (__builtin_expect(id == tasks_.size(), 0)) tasks_.push_back(std::make_unique<Task>());
  Task& task = *tasks_[id];
  const Task& parent = current_ != nullptr ? *current_ : nobody;
  task.id = id;
  task.finished = task.timed_out = task.frozen = task.pending = false;
  task.host = parent.host;
  task.waiting_op = Op::note;
  ++task.wait_sequence;
  task.local_deadline_ns = never;
  task.stack_pointer = 0;
  task.used[0] = task.used[1] = nullptr;
  task.places.previous = task.places.next = &task.places;
  task.joiners.clear();
  task.idle_mark = 0;
  task.polling = task.told = {};
  task.round.count = 0;
  task.sections.held = task.sections.count = 0;
  task.sections.watched = task.sections.looked = false;
  task.clock_reads = 0;
  task.clock_read_at = never;
  task.detached = task.joined = task.by_exit = task.killed = false;
  task.timeouts = 0;
  task.entry = entry;
  task.argument = argument;
  task.result = nullptr;
  task.signal_mask = parent.signal_mask;
  task.scheduling_class = parent.scheduling_class;
  task.nice = parent.nice;
  task.processors = parent.processors;
  task.name[0] = '\0';
  clear_rare(task.waiting_stack);
  clear_rare(task.thread_exit_handlers);
  clear_rare(task.cleanup_scopes);
  clear_rare(task.specific);
  task.clock.assign(parent.clock);
  if (current_ != nullptr) current_->release();
  task.stamp = epoch_base_ << 24 | std::uint64_t{id} << 9;
  task.release();
  ThreadStates::get().attach(task.thread_state);
  if (__builtin_expect(!task.parked, 0)) make_fiber(task);
  ready_.insert(id);
  if (__builtin_expect(solo_ != 1, 0)) {
    announce(task, {Op::task_start, nullptr, nullptr, false});
    if (current_ != nullptr) ordered(task, *current_);
  }
  return task;
}

// --- events ------------------------------------------------------------------------------------------------------

namespace {

/// For a search: stands for all that has no object of its own to be told by - sockets, files, descriptors, hosts.
const char the_outer_world = 0;

}  // namespace

void World::touch_world() { accessed(&the_outer_world, Touch::Kind::write); }

void World::event_slow(Op op, std::uint32_t object, std::int32_t result) {
  if (recording_ != nullptr) {
    if (options_->step_now != nullptr) __atomic_store_n(options_->step_now, step_, __ATOMIC_RELEASE);
    recorder_->event({now_, step_, static_cast<std::uint16_t>(current_->id), op, object, result, 0, 0}, *current_,
                     stack_here(), choices_.log().size());
    if (step_ == options_->until_step) stop();
  }
  if (counting_turns) count_turn(current_->id, progress_epoch_);
  if (step_ == options_->last_step) fail(FindingKind::died, "the process died after this step");
  if (step_ > step_limit_) check_progress();
}

}  // namespace foreseed
