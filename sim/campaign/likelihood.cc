#include "campaign/likelihood.h"

#include <algorithm>
#include <cstdio>

#include "campaign/child.h"
#include "choice/anchors.h"
#include "trace/signature.h"

namespace foreseed {

namespace {

constexpr std::size_t rows_at_first = 13;
constexpr std::size_t rows_between = 5;

/// The choices that had a part in the first `step` steps.
std::span<const Choice> choices_until(const Trace& trace, std::uint32_t step) {
  std::size_t count = 0;
  while (count < trace.choices.size() && count < trace.choice_steps.size() && trace.choice_steps[count] <= step) ++count;
  return {trace.choices.data(), count};
}

RunOptions options_from(const Trace& trace, std::uint32_t step, Anchors& rest, const Limits& limits) {
  RunOptions options = replay_options(trace);
  options.replay = choices_until(trace, step);
  options.anchors = &rest;
  options.hang_seconds = limits.hang_seconds;
  options.heap_bytes_max = limits.heap_bytes_max;
  return options;
}

void count(Likelihood& likelihood, const std::string& text, const std::string& wanted) {
  ++likelihood.runs;
  if (text == wanted) ++likelihood.same;
  else if (!text.empty()) ++likelihood.other;
}

Likelihood run_here(const Scenario& scenario, const Trace& trace, std::uint32_t step, std::uint64_t runs,
                    const Limits& limits, const std::string& wanted) {
  const RunSeries series;
  Likelihood likelihood{.step = step};
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    Anchors rest(seed);
    const Execution execution = run_once(scenario, options_from(trace, step, rest, limits));
    const auto& finding = execution.finding;
    count(likelihood, finding ? signature_text(finding->kind, finding->message) : std::string(), wanted);
  }
  return likelihood;
}

}  // namespace

Likelihood likelihood_from(const Scenario& scenario, const Trace& trace, std::uint32_t step, std::uint64_t runs,
                           const Limits& limits) {
  const std::string wanted = signature_of(trace).text;
  if (!limits.in_child) return run_here(scenario, trace, step, runs, limits, wanted);
  const auto work = [&] {
    const Likelihood likelihood = run_here(scenario, trace, step, runs, limits, wanted);
    return std::to_string(likelihood.same) + " " + std::to_string(likelihood.other);
  };
  Likelihood likelihood{.step = step};
  if (const ChildResult result = in_child(work, limits.hang_seconds); result.ended_well) {
    likelihood.runs = runs;
    if (std::sscanf(result.output.c_str(), "%lu %lu", &likelihood.same, &likelihood.other) == 2) return likelihood;
  }
  // An execution took its process down: each in one of its own, then.
  likelihood = {.step = step};
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    Anchors rest(seed);
    count(likelihood, observe_in_child(scenario, options_from(trace, step, rest, limits), limits).text, wanted);
  }
  return likelihood;
}

std::size_t steepest(const std::vector<Likelihood>& table) {
  std::size_t best = 0;
  double rise = 0;
  for (std::size_t i = 1; i < table.size(); ++i) {
    if (table[i].rate() - table[i - 1].rate() <= rise) continue;
    rise = table[i].rate() - table[i - 1].rate();
    best = i;
  }
  return best;
}

std::vector<Likelihood> likelihoods(const Scenario& scenario, const Trace& trace, std::uint64_t runs, const Limits& limits) {
  std::vector<std::uint32_t> steps{0};  // after which another choice has been made
  for (const std::uint32_t step : trace.choice_steps) {
    if (step > steps.back() && step <= trace.steps) steps.push_back(step);
  }
  std::vector<Likelihood> table;
  const auto add = [&](std::size_t first, std::size_t last, std::size_t rows) {
    for (std::size_t i = 0; i < rows; ++i) {
      const std::uint32_t step = steps[first + i * (last - first) / std::max<std::size_t>(rows - 1, 1)];
      const auto position = std::lower_bound(table.begin(), table.end(), step,
                                             [](const Likelihood& row, std::uint32_t at) { return row.step < at; });
      if (position != table.end() && position->step == step) continue;
      table.insert(position, likelihood_from(scenario, trace, step, runs, limits));
    }
  };
  add(0, steps.size() - 1, rows_at_first);
  for (;;) {
    const std::size_t at = steepest(table);
    if (at == 0) return table;
    const auto index = [&](std::uint32_t step) {
      return static_cast<std::size_t>(std::lower_bound(steps.begin(), steps.end(), step) - steps.begin());
    };
    const std::size_t first = index(table[at - 1].step);
    const std::size_t last = index(table[at].step);
    if (last - first <= 1) return table;
    add(first, last, rows_between);
  }
}

}  // namespace foreseed
