#include "campaign/workers.h"

#include <chrono>

#include "explore/random.h"

namespace foreseed {

namespace {

constexpr std::uint64_t double_run_every = 64;

struct Checked {
  bool failed = false;
  bool not_deterministic = false;
};

Checked run_seed(const Scenario& scenario, const CampaignOptions& options, std::uint64_t seed, bool twice,
                 Strategy* strategy, WorkerBoard& board) {
  RunOptions run;
  run.strategy = strategy;
  run.seed = seed;
  run.steps_per_instant_max = options.steps_per_instant_max;
  run.faults = options.faults;
  const Execution execution = run_once(scenario, run);
  board.executions.store(board.executions.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  board.steps.store(board.steps.load(std::memory_order_relaxed) + execution.steps, std::memory_order_relaxed);
  Checked result;
  result.failed = execution.finding.has_value();
  if (twice) result.not_deterministic = run_once(scenario, run).fingerprint != execution.fingerprint;
  return result;
}

void note(WorkerBoard& board, std::uint64_t seed, bool not_deterministic) {
  board.failures.fetch_add(1, std::memory_order_relaxed);
  const std::uint32_t n = board.found_count.load(std::memory_order_relaxed);
  if (n == WorkerBoard::found_max) return;
  board.found[n] = {seed, not_deterministic};
  board.found_count.store(n + 1, std::memory_order_release);
}

}  // namespace

void run_seeds(const Scenario& scenario, const CampaignOptions& options, std::uint64_t first, std::uint64_t stride,
               SharedBoard& shared, WorkerBoard& board, const std::function<void()>& tick) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  auto ticked = start;
  const explore::Strategies strategies(options.strategy);
  const RunSeries series;
  std::uint64_t done = 0;
  for (std::uint64_t i = first; options.runs == 0 || i < options.runs; i += stride, ++done) {
    const std::uint64_t seed = options.base_seed + i;
    if (shared.stop.load(std::memory_order_relaxed) || i > shared.stop_above.load(std::memory_order_relaxed)) break;
    if (done % 16 == 0) {
      const auto now = Clock::now();
      if (options.seconds > 0 && std::chrono::duration<double>(now - start).count() >= options.seconds) break;
      if (now - ticked >= std::chrono::milliseconds(100)) {
        ticked = now;
        tick();
      }
    }
    board.seed.store(seed, std::memory_order_relaxed);
    const Checked checked = run_seed(scenario, options, seed, i % double_run_every == 0, strategies.of(seed), board);
    if (!checked.failed && !checked.not_deterministic) continue;
    note(board, seed, checked.not_deterministic);
    if (!options.keep_going) {
      std::uint64_t limit = shared.stop_above.load();
      while (i < limit && !shared.stop_above.compare_exchange_weak(limit, i)) {
      }
    }
  }
}

}  // namespace foreseed
