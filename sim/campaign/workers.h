#pragma once
// The loop over seeds, and the memory in which it says how far it is: shared with the parent where it runs in a worker.

#include <atomic>
#include <cstdint>

#include "campaign/campaign.h"

namespace foreseed {

/// What one worker tells; written by it alone.
struct WorkerBoard {
  static constexpr std::uint32_t found_max = 1000;
  struct Found {
    std::uint64_t seed;
    bool not_deterministic;
  };
  std::atomic<std::uint64_t> executions;
  std::atomic<std::uint64_t> steps;
  std::atomic<std::uint64_t> seed;      ///< the one that is running
  std::atomic<std::uint64_t> failures;
  std::atomic<std::uint32_t> found_count;
  Found found[found_max];
};

/// Shared by all.
struct SharedBoard {
  std::atomic<std::uint64_t> stop_above;  ///< no seed above it needs to be run
  std::atomic<bool> stop;
};

/// Runs seeds base+first, base+first+stride, .. until the campaign's bounds are met. `tick` is called now and then.
void run_seeds(const Scenario& scenario, const CampaignOptions& options, std::uint64_t first, std::uint64_t stride,
               SharedBoard& shared, WorkerBoard& board, const std::function<void()>& tick);

}  // namespace foreseed
