#include "campaign/regress.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "campaign/child.h"
#include "campaign/minimize.h"
#include "campaign/schedule_search.h"
#include "choice/anchors.h"
#include "kernel/time_stamps.h"
#include "trace/signature.h"

namespace foreseed {

namespace {

/// Whether the first run asked what the second was recorded to be asked, as far as the record goes.
bool asks_the_same(const Trace& now, const Trace& recorded) {
  for (std::size_t i = 0; i < recorded.choices.size(); ++i) {
    if (i == now.choices.size()) return false;
    const Choice& a = now.choices[i];
    const Choice& b = recorded.choices[i];
    if (a.site != b.site || a.kind != b.kind || a.task != b.task || a.bound != b.bound) return false;
  }
  return true;
}

/// Looks for the failure of a trace among the executions near it.
class Search {
 public:
  Search(const Scenario& scenario, const Trace& trace, const Limits& limits, double seconds)
      : scenario_(scenario), trace_(trace), limits_(limits), seconds_(seconds),
        wanted_(signature_of(trace, Places::functions)), text_(wanted_.text) {
    limits_.in_child = false;
  }

  /// JSON of the execution that fails so, or what was tried: "all 123" or "some 123".
  std::string run() {
    const RunSeries series;
    Anchors everything(trace_.choices, true);
    if (auto found = attempt({}, everything)) return *found;
    Anchors drawn(trace_.choices, false);
    ScheduleSearch schedules(cost_of(trace_.choices, 0).preemptions);
    bool more = true;
    while (more && std::chrono::duration<double>(RealClock::now() - start_).count() < seconds_) {
      if (auto found = attempt(schedules.prefix(), drawn)) return *found;
      more = schedules.advance(last_);
    }
    return fmt::format("{} {}", more ? "some" : "all", executions_);
  }

 private:
  std::optional<std::string> attempt(const std::vector<Choice>& prefix, Anchors& anchors) {
    ++executions_;
    RunOptions options = replay_options(trace_);
    options.replay = prefix;
    options.anchors = &anchors;
    options.hang_seconds = limits_.hang_seconds;
    options.heap_bytes_max = limits_.heap_bytes_max;
    const Execution execution = run_once(scenario_, options);
    last_.assign(execution.choices.begin(), execution.choices.end());
    if (!execution.finding || signature_text(execution.finding->kind, execution.finding->message) != text_) {
      return std::nullopt;
    }
    options.replay = last_;
    options.anchors = nullptr;
    const Trace recorded = record(scenario_, options, limits_);
    if (signature_of(recorded, Places::functions) != wanted_) return std::nullopt;
    return to_json(recorded);
  }

  const Scenario& scenario_;
  const Trace& trace_;
  Limits limits_;
  const double seconds_;
  const Signature wanted_;
  const std::string text_;
  std::vector<Choice> last_;
  std::uint64_t executions_ = 0;
  RealClock::time_point start_ = RealClock::now();
};

std::string run_search(const Scenario& scenario, const Trace& trace, const Limits& limits, double seconds) {
  const auto work = [&] { return Search(scenario, trace, limits, seconds).run(); };
  if (!limits.in_child) return work();
  const ChildResult result = in_child(work, limits.hang_seconds);
  return result.ended_well ? result.output : "some 0";
}

}  // namespace

Regression regress_trace(const Scenario& scenario, const Trace& trace, const Limits& limits, double seconds) {
  Regression result;
  bool diverged = false;
  result.now = replay_trace(scenario, trace, diverged, limits);
  const Trace& now = result.now;
  if (now.failed) {
    const bool same = signature_of(now, Places::functions) == signature_of(trace, Places::functions);
    if (same || !diverged || asks_the_same(now, trace)) {
      result.verdict = Regression::Verdict::still_fails;
      result.exact = !diverged;
      result.explanation = (same || !diverged ? "" : "in another way: ") + now.finding.message;
      return result;
    }
  } else if (asks_the_same(now, trace)) {
    result.verdict = Regression::Verdict::fixed;
    result.explanation = "it holds under the recorded choices";
    return result;
  }
  const std::string found = run_search(scenario, trace, limits, seconds);
  if (found.starts_with("{")) {
    result.verdict = Regression::Verdict::still_fails;
    result.now = from_json(found, "the trace of a child");
    result.explanation = "its choices put where they belong now: " + result.now.finding.message;
  } else if (found.starts_with("all ")) {
    result.verdict = Regression::Verdict::fixed;
    result.explanation = fmt::format("it holds under all {} schedules with as few preemptions", found.substr(4));
  } else {
    result.verdict = Regression::Verdict::diverged;
    result.explanation = fmt::format("the program asks other questions than were recorded, and its failure was not found again "
                                     "in {} executions around; `check` it, and delete or replace the trace", found.substr(5));
  }
  return result;
}

const char* to_string(Regression::Verdict verdict) {
  switch (verdict) {
    case Regression::Verdict::still_fails: return "still fails";
    case Regression::Verdict::fixed: return "fixed";
    case Regression::Verdict::diverged: return "diverged";
  }
  return "?";
}

}  // namespace foreseed
