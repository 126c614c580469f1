// One run from the host's side: begin, switch to the first task, come back, collect.

#include <boost/fiber/context.hpp>
#include <cxxabi.h>
#include <sys/single_threaded.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <utility>

#include "api/foreseed/scenario.h"
#include "kernel/clear.h"
#include "kernel/crash.h"
#include "kernel/given.h"
#include "kernel/remains.h"
#include "kernel/time_stamps.h"
#include "kernel/warm_up.h"
#include "kernel/world.h"

namespace foreseed {

std::string given;

namespace {

std::terminate_handler previous_terminate = nullptr;

std::string current_exception_text() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "std::terminate was called";
  int status = 0;
  char* const demangled = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
  std::string text = std::string("uncaught exception ") + (status == 0 ? demangled : type->name());
  std::free(demangled);
  try {
    throw;
  } catch (const std::exception& error) {
    text += ": ";
    text += error.what();
  } catch (...) {
  }
  return text;
}

void on_terminate() {
  if (!simulated_code()) {
    if (previous_terminate != nullptr) previous_terminate();
    std::abort();
  }
  const Entry entry;
  World::get().fail(FindingKind::uncaught_exception, current_exception_text());
}

constexpr std::uint64_t steps_between_looks = 1 << 18;

[[noreturn]] void fail_of_remains(const char* scenario, std::uint64_t seed, const std::string& left) {
  std::fprintf(stderr,
               "foreseed: internal error: an execution of %s (seed %llu) left behind: %s. Either it went past the "
               "simulator, with a system call of its own, or this is a fault of foreseed: please report it.\n",
               scenario, static_cast<unsigned long long>(seed), left.c_str());
  std::_Exit(70);
}

void* body_entry(void* scenario) {
  static_cast<const Scenario*>(scenario)->body();
  return nullptr;
}

}  // namespace

void log_choices_into(void* room) { World::get().log_choices_into(room); }

RunSeries::RunSeries() {
  World& world = World::get();
  static const bool installed = (install_rooms(world), true);
  static_cast<void>(installed);
  FORESEED_ASSERT(!series_active && !run_active);
  // libstdc++ takes short cuts in a process with one OS thread: plain reference counts, no call of pthread_once.
  __libc_single_threaded = false;
  warm_up();
  world.look_at_next();
  series_active = true;
  if (const std::string error = ThreadStates::get().prepare(); !error.empty()) {
    std::fprintf(stderr, "foreseed: %s\n", error.c_str());
    std::_Exit(70);
  }
  previous_terminate = std::set_terminate(on_terminate);
  catch_crashes();
  trap_time_stamps();
  for (const RunHooks& hooks : world.hooks()) {
    if (hooks.series_begin != nullptr) hooks.series_begin();
  }
}

RunSeries::~RunSeries() {
  const auto& hooks = World::get().hooks();
  for (auto it = hooks.rbegin(); it != hooks.rend(); ++it) {
    if (it->series_end != nullptr) it->series_end();
  }
  release_time_stamps();
  release_crashes();
  std::set_terminate(previous_terminate);
  series_active = false;
}

void World::begin_choices(const RunOptions& options) {
  strategy_ = options.strategy;
  search_ = strategy_ != nullptr ? strategy_->searches() : options.search;
  solo_ = strategy_ != nullptr || search_ ? ~std::uint32_t{0} : 1;
  timeouts_max_ = options.timeouts;
  clear_rare(next_);
  gated_.clear();
  if (__builtin_expect(strategy_ != nullptr, 0)) strategy_->begin_execution(options.seed);
  if (__builtin_expect(options.replaying, 0)) {
    choices_.replay(options.replay, options.anchors);
  } else if (__builtin_expect(strategy_ != nullptr && search_, 0)) {
    choices_.ask(*strategy_);
  } else {
    choices_.seed(options.seed);
  }
}

const RunOptions World::no_options;

void World::begin(const RunOptions& options) {
  options_ = &options;
  begin_choices(options);
  clear_rare(given);
  task_count_ = object_count_ = stale_alarms_ = 0;
  timed_out_low_ = 0;
  frozen_count_ = 0;
  clear_rare(clocks_);
  wall_deadline_ns_ = 0;
  at_point = nullptr;
  restart_time_stamps();
  now_ = 0;
  hash_ = 0x6a09e667f3bcc908ull;
  step_ = 0;
  waits_ = 0;
  stretch_ = 0;
  looks_ = 0;
  accesses_watched_ = false;
  ++progress_epoch_;
  begin_instant();
  finding_.reset();
  clear_rare(exit_handlers);
  clear_rare(roots);
  ended.clear();
  recording_ = nullptr;
  if (__builtin_expect(options.record || recorder_ != nullptr, 0)) begin_recording(options);
  watched_ = recording_ != nullptr;
  run_active = true;
  watch_for_hang(options.hang_seconds);
  for (void (*const begin)() : begins_) begin();
}

__attribute__((noinline)) void World::begin_recording(const RunOptions& options) {
  recorder_ = options.record ? std::make_unique<Recorder>(options.events_max) : nullptr;
  if (options.record) recording_ = &recorder_->recording();
}

void World::add_hooks(const RunHooks& hooks) {
  hooks_.push_back(hooks);
  if (hooks.begin != nullptr) begins_.push_back(hooks.begin);
  if (hooks.end != nullptr) ends_.insert(ends_.begin(), hooks.end);
}

void World::note_left(std::int64_t count, const char* what) {
  left_ += (left_.empty() ? "" : ", ") + std::to_string(count) + ' ' + what;
}

void World::end_tasks() {
  std::int64_t places = 0;
  std::uint64_t last = epoch_base_;
  for (std::uint32_t i = 0; i < task_count_; ++i) {
    Task& task = *tasks_[i];
    last = std::max(last, task.epoch());
    places += task.finished && task.places.next != &task.places;
  }
  epoch_base_ = last;
  ending.clear();
  left_behind(places, "finished threads that still stand in queues");
}

void World::drop_clocks() {
  for (std::uint32_t i = 0; i < task_count_; ++i) tasks_[i]->clock.clear();
  ended.clear();
  for (const RunHooks& hooks : hooks_) {
    if (hooks.drop_clocks != nullptr) hooks.drop_clocks();
  }
  left_behind(VectorClock::nodes(), "nodes of vector clocks");
}

void World::end() {
  for (void (*const end)() : ends_) end();
  end_tasks();
  alarms_.clear();
  alarms_.fetch = nullptr;
  ready_.clear();
  if (__builtin_expect(VectorClock::nodes() != 0, 0)) drop_clocks();
  run_active = false;
  current_ = nullptr;
  if (!recording()) return;
  for (std::uint32_t i = 0; i < task_count_; ++i) {
    recording_->tasks.push_back(task_name(*tasks_[i]));
    recording_->task_hosts.push_back(static_cast<std::uint16_t>(tasks_[i]->host));
  }
  recording_->choice_steps.resize(choices_.log().size(), step_ + 1);
  recording_ = nullptr;
}

Execution World::run_looked_at(const Scenario& scenario, const RunOptions& options) {
  const ProcessState before = ProcessState::now();
  unseen_steps_ = 0;
  Execution execution = run_one(scenario, options);
  if (const std::string left = remains_since(before); !left.empty()) fail_of_remains(scenario.name, options.seed, left);
  return execution;
}

Execution World::run(const Scenario& scenario, const RunOptions& options) {
  if (__builtin_expect(unseen_steps_ >= steps_between_looks, 0)) return run_looked_at(scenario, options);
  return run_one(scenario, options);
}

/// From its beginning to where its last task gives way to the host.
void World::execute(const Scenario& scenario, const RunOptions& options) {
  begin(options);
  ThreadStates& states = ThreadStates::get();
  ThreadState host;
  host.thread_pointer = states.host_pointer();
  Task& body = spawn(body_entry, const_cast<Scenario*>(&scenario));
  current_ = &body;
  if (__builtin_expect(!options.faults.empty(), 0) && start_faults != nullptr) start_faults(options.faults);
  host_fiber_ = boost::fibers::context::active();
  states.save(host);
  body.fiber->resume();
  states.load(host);
  if (__builtin_expect(strategy_ != nullptr, 0) && between_ == nullptr) {
    ReadySet open = open_tasks();
    if (body.finished) open.erase(body.id);
    strategy_->end_execution(open, next_, finding_.has_value());
  }
  end();
}

// Executions are large: they are made where the caller wants them, and not moved.

Execution World::run_one(const Scenario& scenario, const RunOptions& options) {
  FORESEED_ASSERT(!run_active && series_active);
  execute(scenario, options);
  while (__builtin_expect(between_ != nullptr, 0)) {
    std::exchange(between_, nullptr)();
    if (strategy_ != nullptr) strategy_->begin_again();
    execute(scenario, options);
  }
  FORESEED_ASSERT(active_thread == 0 && thread_pointer() == ThreadStates::get().host_pointer());
  unseen_steps_ += step_;
  if (__builtin_expect(!left_.empty(), 0)) fail_of_remains(scenario.name, options.seed, left_);

  Execution execution;
  execution.fingerprint = hash_;
  execution.steps = step_;
  execution.virtual_ns = now_;
  execution.diverged = options.replaying && choices_.diverged();
  execution.finding = std::move(finding_);
  if (__builtin_expect(execution.finding.has_value(), 0)) execution.finding->details.insert(0, given);
  execution.choices = choices_.log();
  if (__builtin_expect(recorder_ != nullptr, 0)) execution.recording = recorder_->take();
  if (__builtin_expect(options.races == Races::explore, 0)) tell_races(execution);
  options_ = &no_options;
  return execution;
}

namespace {

/// The same choices again.
RunOptions once_more(const RunOptions& options, std::span<const Choice> choices) {
  RunOptions again = options;
  again.search = options.strategy != nullptr ? options.strategy->searches() : options.search;
  again.strategy = nullptr;
  again.replaying = true;
  again.replay = choices;
  return again;
}

/// Under Races::explore: an execution that tells both sites of each race that it has found.
Execution run_exploring(const Scenario& scenario, const RunOptions& options) {
  Execution execution = World::get().run(scenario, options);
  if (!execution.races_unclear || options.replaying) return execution;
  const std::vector<Choice> choices(execution.choices.begin(), execution.choices.end());
  RunOptions watched = once_more(options, choices);
  watched.watch_races = true;
  Execution second = World::get().run(scenario, watched);
  execution.new_racy_sites = std::move(second.new_racy_sites);
  execution.choices = second.choices;
  return execution;
}

/// A seed with the sites that it is itself found to race at: so it says what happens, whatever was run before it.
Execution run_until_all_races_are_known(const Scenario& scenario, const RunOptions& options) {
  RunOptions widened = options;
  widened.record = false;
  for (;;) {
    Execution execution = run_exploring(scenario, widened);
    if (execution.new_racy_sites.empty() && !options.record) return execution;
    if (execution.new_racy_sites.empty()) break;
    std::vector<std::uintptr_t> sites;
    std::set_union(widened.racy_sites.begin(), widened.racy_sites.end(), execution.new_racy_sites.begin(),
                   execution.new_racy_sites.end(), std::back_inserter(sites));
    widened.racy_sites = std::move(sites);
  }
  widened.record = true;
  return World::get().run(scenario, widened);
}

/// The earlier access of a race is known by its address only after the race was found: a second recorded run of the same
/// choices sees it happen.
Execution run_recorded(const Scenario& scenario, const RunOptions& options) {
  Execution execution = World::get().run(scenario, options);
  const auto& finding = execution.finding;
  if (!finding || finding->kind != FindingKind::data_race || !finding->places[1].stack.empty()) return execution;
  const std::vector<Choice> choices(execution.choices.begin(), execution.choices.end());
  Execution second = World::get().run(scenario, once_more(options, choices));
  second.diverged |= execution.diverged;
  return second;
}

}  // namespace

Execution run_once(const Scenario& scenario, const RunOptions& options) {
  std::unique_ptr<RunSeries> series;
  if (__builtin_expect(!series_active, 0)) series = std::make_unique<RunSeries>();
  const bool searches = options.strategy != nullptr && options.strategy->searches();
  const bool explores = __builtin_expect(options.races == Races::explore, 0);
  if (explores && !options.replaying && !searches) return run_until_all_races_are_known(scenario, options);
  if (explores) return run_exploring(scenario, options);
  if (__builtin_expect(options.record, 0)) return run_recorded(scenario, options);
  return World::get().run(scenario, options);
}

}  // namespace foreseed
