#include "campaign/minimize.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "campaign/schedule_search.h"
#include "choice/anchors.h"
#include "choice/parameters.h"
#include "kernel/time_stamps.h"
#include "trace/signature.h"

namespace foreseed {

namespace {

using Record = std::vector<Choice>;

/// So that more than a few can be tried; the result is tried at full length.
constexpr double hang_seconds_of_attempts = 0.1;

/// Schedules drawn for parameters that do not fail under the recorded one.
constexpr int schedules_per_value = 10;

bool takes_process_down(FindingKind kind) { return kind == FindingKind::died || kind == FindingKind::hang; }

Record trimmed(std::span<const Choice> choices) {
  std::size_t size = choices.size();
  while (size != 0 && choices[size - 1].value == 0) --size;
  return {choices.begin(), choices.begin() + static_cast<std::ptrdiff_t>(size)};
}

bool lower(const Record& a, const Record& b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](const Choice& x, const Choice& y) { return x.value < y.value; });
}

class Minimizer {
 public:
  Minimizer(const Scenario& scenario, const Trace& trace, const MinimizeOptions& options)
      : scenario_(scenario), trace_(trace), options_(options), limits_(options.limits), original_(signature_of(trace)),
        in_children_(takes_process_down(trace.finding.kind)) {
    limits_.in_child |= in_children_;
    if (in_children_ && limits_.hang_seconds == 0) limits_.hang_seconds = Limits{}.hang_seconds;
  }

  Minimized run() {
    Minimized result;
    {
      std::optional<RunSeries> series;
      if (!in_children_) series.emplace();
      if (!start()) return result;
      result.before = cost_;
      result.reproduced = true;
      const bool parameters = end_of_parameters(full_) != 0;
      if (parameters) simplify();
      else attempt({});
      thin();
      result.least_preemptions = search();
      shrink();
      if (parameters && simplify()) shrink();
      result.simpler = simpler_;
      result.slipped = slipped_;
      result.executions = executions_;
    }
    result.trace = record(scenario_, run_options(best_, nullptr), limits_);
    if (signature_of(result.trace) != original_) result.trace = trace_;  // a hang that was none at full length
    result.trace.choices = trimmed(result.trace.choices);
    result.after = cost_of(result.trace.choices, result.trace.steps);
    return result;
  }

 private:
  RunOptions run_options(const Record& record, Anchors* anchors) const {
    RunOptions options = replay_options(trace_);
    options.replay = record;
    options.anchors = anchors;
    options.hang_seconds = limits_.hang_seconds;
    options.heap_bytes_max = limits_.heap_bytes_max;
    return options;
  }

  Outcome execute(const Record& edited, Anchors* anchors) {
    ++executions_;
    if (in_children_) {
      Limits limits = limits_;
      limits.hang_seconds = std::min(limits.hang_seconds, hang_seconds_of_attempts);
      return observe_in_child(scenario_, run_options(edited, anchors), limits);
    }
    const Execution execution = run_once(scenario_, run_options(edited, anchors));
    Outcome outcome;
    if (execution.finding) outcome.text = signature_text(execution.finding->kind, execution.finding->message);
    outcome.steps = execution.steps;
    outcome.choices.assign(execution.choices.begin(), execution.choices.end());
    return outcome;
  }

  /// Runs the trace as it is; takes its failure as the one to keep.
  bool start() {
    Outcome outcome = execute(trace_.choices, nullptr);
    text_ = outcome.text;
    if (text_.empty()) return false;
    cost_ = cost_of(outcome.choices, outcome.steps);
    best_ = trimmed(outcome.choices);
    full_ = std::move(outcome.choices);
    return signature_with_stacks(best_) == original_;
  }

  Signature signature_with_stacks(const Record& edited) {
    if (in_children_) return original_;  // these have no places
    RunOptions options = run_options(edited, nullptr);
    options.record = true;
    options.events_max = 0;  // the stacks of the finding are enough
    return signature_of(make_trace(scenario_, options, run_once(scenario_, options)));
  }

  bool spent() const {
    if (executions_ >= options_.runs) return true;
    return seconds_used() >= options_.seconds;
  }

  double seconds_used() const { return std::chrono::duration<double>(RealClock::now() - start_).count(); }

  /// Runs a record; true if it is the same failure at less cost, which then is the best. The answers that were really
  /// given are left in `last_`.
  bool attempt(const Record& edited, Anchors* anchors = nullptr) {
    Outcome outcome = execute(edited, anchors);
    last_ = std::move(outcome.choices);
    if (outcome.text != text_) return false;
    const Cost cost = cost_of(last_, outcome.steps);
    if (cost > cost_) return false;
    Record better = trimmed(last_);
    if (cost == cost_ && !lower(better, best_)) return false;
    if (signature_with_stacks(better) != original_) return false;
    best_ = std::move(better);
    full_ = last_;
    cost_ = cost;
    return true;
  }

  // --- parameters of a property (foreseed/property.h) --------------------------------------------------------------

  /// Where the first choice stands that is none of the generator's; 0: nothing was generated.
  static std::size_t end_of_parameters(const Record& record) {
    const auto last = std::find_if(record.rbegin(), record.rend(), is_parameter);
    return static_cast<std::size_t>(record.rend() - last);
  }

  /// RapidCheck's own search: the first simpler value that fails in the same way is gone on with, until there is none.
  bool simplify() {
    const std::uint32_t before = simpler_;
    const double until = seconds_used() + (options_.seconds - seconds_used()) / 2;
    const auto once = [&] {
      // The last parameter asked for a simpler value, and was answered no.
      const std::size_t at = end_of_parameters(full_) - 1;
      const Record base = full_;
      for (std::uint32_t n = 1; n <= simpler_max && !spent() && seconds_used() < until; ++n) {
        Record record(base.begin(), base.begin() + static_cast<std::ptrdiff_t>(at));
        record.push_back(base[at]);
        record.back().value = n;
        if (take_simpler(record, {base.begin() + static_cast<std::ptrdiff_t>(at), base.end()})) return true;
        const bool there_is_one = last_.size() > at + 1 && is_parameter(last_[at + 1]);
        if (!there_is_one) return false;
      }
      return false;
    };
    while (once()) ++simpler_;
    return simpler_ != before;
  }

  /// The simpler parameters under the schedule so far, by position and by what was asked, then under a few others.
  bool take_simpler(Record record, const Record& rest) {
    const std::size_t length = record.size() + 1;
    record.insert(record.end(), rest.begin(), rest.end());
    if (take(record, nullptr)) return true;
    Anchors anchors(rest, true);
    record.resize(length);
    if (take(record, &anchors)) return true;
    const Record there = last_;
    if (there.size() <= length || !is_parameter(there[length - 1])) return false;  // there is no such value
    for (int n = 0; n < schedules_per_value; ++n) {
      record = there;
      for (std::size_t i = length; i < record.size(); ++i) {
        Choice& choice = record[i];
        if (decides_who_runs(choice.kind)) choice.value = static_cast<std::uint32_t>(random_.below(choice.bound));
      }
      if (take(record, nullptr)) return true;
    }
    last_ = there;
    return false;
  }

  /// As attempt(), whatever it costs.
  bool take(const Record& edited, Anchors* anchors) {
    Outcome outcome = execute(edited, anchors);
    last_ = std::move(outcome.choices);
    if (outcome.text.empty()) return false;
    Record better = trimmed(last_);
    if (outcome.text != text_ || signature_with_stacks(better) != original_) {
      ++slipped_;
      return false;
    }
    best_ = std::move(better);
    full_ = last_;
    cost_ = cost_of(full_, outcome.steps);
    return true;
  }

  // --- edits -------------------------------------------------------------------------------------------------------

  /// Fewer preemptions and faults: what counts most, and quickly done.
  bool thin() {
    const bool better = zero([](const Choice& c) { return is_preemption(c); });
    return zero([](const Choice& c) { return c.kind == ChoiceKind::fault; }) || better;
  }

  void shrink() {
    bool better = true;
    while (better && !spent()) {
      better = thin();
      better |= zero([](const Choice&) { return true; });
      better |= remove();
      better |= lower_values();
    }
  }

  std::vector<std::size_t> positions(bool (*wanted)(const Choice&)) const {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < best_.size(); ++i) {
      if (best_[i].value != 0 && !is_parameter(best_[i]) && wanted(best_[i])) result.push_back(i);
    }
    return result;
  }

  /// Zeroes chunks of the wanted choices, halving the chunks.
  bool zero(bool (*wanted)(const Choice&)) {
    bool better = false;
    std::vector<std::size_t> at = positions(wanted);
    for (std::size_t chunk = at.size(); chunk != 0; chunk = std::min(chunk, at.size()) / 2) {
      for (std::size_t end = at.size(); end != 0 && !spent();) {
        const std::size_t first = end > chunk ? end - chunk : 0;
        if (zero_these(at, first, end)) {
          better = true;
          at = positions(wanted);
          end = std::min(first, at.size());
        } else {
          end = first;
        }
      }
    }
    return better;
  }

  bool zero_these(const std::vector<std::size_t>& at, std::size_t first, std::size_t end) {
    Record edited = best_;
    for (std::size_t k = first; k < end; ++k) edited[at[k]].value = 0;
    if (attempt(edited)) return true;
    // What follows, by what it answers: other questions may come first now.
    Anchors anchors(edited, true);
    edited.resize(at[first] + 1);
    return attempt(edited, &anchors);
  }

  /// Cuts the record short, then cuts pieces out of it.
  bool remove() {
    bool better = false;
    const std::size_t fixed = end_of_parameters(best_);
    for (std::size_t length = best_.size() / 2; length != 0; length /= 2) {
      for (std::size_t end = best_.size(); end >= length + fixed && !spent();) {
        const std::size_t first = end - length;
        Record edited = best_;
        edited.erase(edited.begin() + static_cast<std::ptrdiff_t>(first), edited.begin() + static_cast<std::ptrdiff_t>(end));
        if (attempt(edited)) better = true;
        end = std::min(first, best_.size());
      }
    }
    return better;
  }

  bool lower_values() {
    bool better = false;
    for (std::size_t i = end_of_parameters(best_); i < best_.size() && !spent(); ++i) {
      std::uint32_t low = 0;
      while (i < best_.size() && low + 1 < best_[i].value && !spent()) {
        Record edited = best_;
        edited[i].value = low + (best_[i].value - low) / 2;
        if (attempt(edited)) better = true;
        else low = edited[i].value;
      }
    }
    return better;
  }

  // --- schedules with fewer preemptions ----------------------------------------------------------------------------

  /// True if all were tried.
  bool search() {
    bool all = true;
    for (std::uint32_t bound = 0; bound < cost_.preemptions && !spent(); ++bound) {
      switch (walk(bound)) {
        case Walk::found: return all;
        case Walk::cut_short:
          all = false;
          if (sample(bound)) return false;
          break;
        case Walk::complete: break;
      }
    }
    return all && !spent();
  }

  enum class Walk { found, complete, cut_short };

  Walk walk(std::uint32_t bound) {
    Anchors anchors(best_, false);
    ScheduleSearch schedules(bound);
    const double share = (options_.seconds - seconds_used()) / 2;
    const auto start = RealClock::now();
    do {
      if (attempt(schedules.prefix(), &anchors)) return Walk::found;
      const std::chrono::duration<double> used = RealClock::now() - start;
      if (spent() || used.count() > share) return Walk::cut_short;
    } while (schedules.advance(last_));
    return Walk::complete;
  }

  /// Schedules drawn at random: each takes the one before and preempts once more, at a later point.
  bool sample(std::uint32_t bound) {
    Anchors anchors(best_, false);
    Prng random(trace_.seed);
    const double share = (options_.seconds - seconds_used()) / 4;
    const auto start = RealClock::now();
    while (!spent()) {
      const std::chrono::duration<double> used = RealClock::now() - start;
      if (used.count() > share) return false;
      Record record;
      if (attempt(record, &anchors)) return true;
      for (std::uint32_t k = 0; k < bound + 2 && record.size() < last_.size(); ++k) {
        const std::size_t at = record.size() + random.below(last_.size() - record.size());
        Choice choice = last_[at];
        if (!decides_who_runs(choice.kind) || choice.bound < 2) continue;
        choice.value = 1 + static_cast<std::uint32_t>(random.below(choice.bound - 1));
        record.assign(last_.begin(), last_.begin() + static_cast<std::ptrdiff_t>(at));
        record.push_back(choice);
        if (attempt(record, &anchors)) return true;
      }
    }
    return false;
  }

  const Scenario& scenario_;
  const Trace& trace_;
  const MinimizeOptions& options_;
  Limits limits_;
  const Signature original_;
  const bool in_children_;
  std::string text_;  ///< as light executions tell it
  Record best_;
  Record full_;  ///< all choices of the best, zeros at its end included
  Prng random_{trace_.seed};
  std::uint32_t simpler_ = 0;
  std::uint64_t slipped_ = 0;
  Cost cost_;
  Record last_;
  std::uint64_t executions_ = 0;
  RealClock::time_point start_ = RealClock::now();
};

}  // namespace

Cost cost_of(std::span<const Choice> choices, std::uint32_t steps) {
  Cost cost;
  cost.steps = steps;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    cost.preemptions += is_preemption(choices[i]);
    cost.faults += choices[i].kind == ChoiceKind::fault && choices[i].value != 0;
    if (choices[i].value != 0) cost.choices = static_cast<std::uint32_t>(i + 1);
  }
  return cost;
}

Minimized minimize(const Scenario& scenario, const Trace& trace, const MinimizeOptions& options) {
  return Minimizer(scenario, trace, options).run();
}

std::string describe(const Minimized& minimized) {
  const Cost& a = minimized.before;
  const Cost& b = minimized.after;
  std::string text = fmt::format("preemptions {} -> {}, faults {} -> {}, steps {} -> {}, choices {} -> {}", a.preemptions,
                                 b.preemptions, a.faults, b.faults, a.steps, b.steps, a.choices, b.choices);
  if (minimized.simpler + minimized.slipped != 0) {
    text += fmt::format(", parameters {} times simpler", minimized.simpler);
    if (minimized.slipped != 0) text += fmt::format(", {} refused for failing in another way", minimized.slipped);
  }
  return text;
}

}  // namespace foreseed
