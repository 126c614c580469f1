#include "campaign/record.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "campaign/child.h"
#include "choice/log.h"
#include "explore/random.h"
#include "kernel/code_place.h"
#include "trace/signature.h"

namespace foreseed {

namespace {

/// What a child leaves in shared memory where it does not come back: its choices, and its last step.
struct Remains {
  void* choices = ChoiceLog::shared_room();
  std::uint32_t* step = static_cast<std::uint32_t*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

  Remains() {
    if (choices == nullptr || step == MAP_FAILED) throw std::runtime_error("no memory that processes could share");
  }
  ~Remains() {
    ChoiceLog::release(choices);
    munmap(step, 4096);
  }
  Remains(const Remains&) = delete;
  Remains& operator=(const Remains&) = delete;
};

Trace record_here(const Scenario& scenario, const RunOptions& options) {
  return make_trace(scenario, options, run_once(scenario, options));
}

FindingKind kind_of(const ChildResult& end) { return end.hung ? FindingKind::hang : FindingKind::died; }

std::string message_of(const ChildResult& end) {
  return end.hung ? "hang: the process " + end.how : "died: the process " + end.how + " after this step";
}

/// The execution again, up to the step after which its process died.
Trace trace_of_death(const Scenario& scenario, RunOptions options, const Remains& remains, const ChildResult& end) {
  const auto log = ChoiceLog::read(remains.choices);
  const std::vector<Choice> choices(log.begin(), log.end());
  options.replaying = true;
  options.replay = choices;
  options.strategy = nullptr;
  options.anchors = nullptr;
  options.step_now = nullptr;
  options.last_step = *remains.step;
  const ChildResult again = in_child([&] { return to_json(record_here(scenario, options)); }, options.hang_seconds);
  Trace trace;
  if (again.ended_well) {
    trace = from_json(again.output, "the trace of a death");
  } else {  // not even that
    trace = make_trace(scenario, options, Execution{});
    trace.tasks.emplace_back("main");
  }
  trace.failed = true;
  trace.finding.kind = kind_of(end);
  trace.finding.message = message_of(end);
  trace.choices = choices;
  return trace;
}

}  // namespace

Trace record(const Scenario& scenario, RunOptions options, const Limits& limits) {
  options.record = true;
  options.hang_seconds = limits.hang_seconds;
  options.heap_bytes_max = limits.heap_bytes_max;
  if (!limits.in_child) return record_here(scenario, options);
  const Remains remains;
  options.step_now = remains.step;
  const ChildResult result = in_child(
      [&] {
        log_choices_into(remains.choices);
        return to_json(record_here(scenario, options));
      },
      limits.hang_seconds);
  if (result.ended_well) return from_json(result.output, "the trace of a child");
  return trace_of_death(scenario, options, remains, result);
}

Outcome observe_in_child(const Scenario& scenario, RunOptions options, const Limits& limits) {
  const Remains remains;
  options.record = true;
  options.events_max = 0;
  options.step_now = remains.step;
  options.hang_seconds = limits.hang_seconds;
  options.heap_bytes_max = limits.heap_bytes_max;
  const ChildResult result = in_child(
      [&] {
        log_choices_into(remains.choices);
        const Execution execution = run_once(scenario, options);
        return execution.finding ? signature_text(execution.finding->kind, execution.finding->message) : std::string();
      },
      limits.hang_seconds);
  const auto log = ChoiceLog::read(remains.choices);
  return {result.ended_well ? result.output : signature_text(kind_of(result), message_of(result)), *remains.step,
          {log.begin(), log.end()}};
}

RunOptions run_options(const Setting& setting, std::uint64_t seed) {
  RunOptions options;
  options.seed = seed;
  options.steps_per_instant_max = setting.steps_per_instant_max;
  options.faults = setting.faults;
  options.memory = setting.memory;
  options.timeouts = setting.timeouts;
  options.strategy = explore::strategy_named(setting.strategy, seed);
  options.search = explore::is_search(setting.strategy);
  options.strategy_name = setting.strategy;
  options.races = setting.races;
  options.racy_sites = setting.racy_sites;
  return options;
}

Trace record_seed(const Scenario& scenario, std::uint64_t seed, const Setting& setting, const Limits& limits) {
  return record(scenario, run_options(setting, seed), limits);
}

Trace record_choices(const Scenario& scenario, std::span<const Choice> choices, const Setting& setting,
                     const Limits& limits) {
  RunOptions options = run_options(setting, 0);
  options.replaying = true;
  options.replay = choices;
  return record(scenario, options, limits);
}

RunOptions replay_options(const Trace& trace) {
  RunOptions options;
  options.seed = trace.seed;
  options.replaying = true;
  options.replay = trace.choices;
  options.steps_per_instant_max = trace.steps_per_instant_max;
  options.faults = trace.faults;
  options.memory = trace.memory;
  options.timeouts = trace.timeouts;
  options.search = explore::is_search(trace.strategy);
  options.strategy_name = trace.strategy.empty() ? std::string_view("uniform") : trace.strategy;
  options.races = trace.races;
  for (const std::uint32_t stack : trace.racy_sites) {
    const Frame& frame = trace.frames[trace.stacks[stack].front()];
    if (const std::uintptr_t site = code_address(frame.module, frame.offset); site != 0) options.racy_sites.push_back(site);
  }
  std::sort(options.racy_sites.begin(), options.racy_sites.end());
  return options;
}

Trace replay_trace(const Scenario& scenario, const Trace& trace, bool& diverged, const Limits& limits,
                   std::uint32_t until_step) {
  RunOptions options = replay_options(trace);
  if (until_step == 0) {
    const Trace now = record(scenario, options, limits);
    diverged = !same_execution(trace, now);
    return now;
  }
  options.until_step = until_step;
  Limits here = limits;
  here.in_child = false;  // a debugger looks on
  const Trace now = record(scenario, options, here);
  const std::int64_t first = first_difference(trace, now);
  diverged = first >= 0 && static_cast<std::size_t>(first) < now.events.size();
  return now;
}

bool same_execution(const Trace& a, const Trace& b) {
  if (a.failed && b.failed && a.finding.kind == FindingKind::hang && b.finding.kind == FindingKind::hang) return true;
  return a.fingerprint == b.fingerprint && a.failed == b.failed;
}

namespace {
std::string describe_event(const Trace& trace, std::size_t position) {
  if (position >= trace.events.size()) return "the end of the execution";
  const Event& event = trace.events[position];
  const std::string where = place_text(user_frame(trace, event.stack));
  return fmt::format("{} {}{}", trace.tasks[event.task], to_string(event.op), where.empty() ? "" : " (" + where + ")");
}
}  // namespace

std::string describe_difference(const Trace& expected, const Trace& actual) {
  const std::int64_t first = first_difference(expected, actual);
  if (first < 0) {
    return "every event is the same, but the end is not: " +
           (actual.failed ? actual.finding.message : std::string("the execution held"));
  }
  const auto position = static_cast<std::size_t>(first);
  return fmt::format("step {}: recorded {}, now {}", first + 1, describe_event(expected, position),
                     describe_event(actual, position));
}

}  // namespace foreseed
