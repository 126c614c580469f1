#pragma once
// Where a failure became likely: how often an execution still fails if the choices of a trace are kept up to a step, and
// the rest is drawn anew by one seed after the other, every task as likely as any other. Host code.

#include <cstdint>
#include <vector>

#include "campaign/record.h"
#include "trace/trace.h"

namespace foreseed {

struct Likelihood {
  std::uint32_t step = 0;   ///< the last of the recorded steps
  std::uint64_t runs = 0;
  std::uint64_t same = 0;   ///< of them failed as the trace did: kind, and message but for numbers
  std::uint64_t other = 0;  ///< of them failed in another way

  double rate() const { return runs == 0 ? 0 : static_cast<double>(same) / static_cast<double>(runs); }
};

/// `trace` has all its choices, with their steps: as replay_trace() returns it, not as a minimiser cut it.
FORESEED_API Likelihood likelihood_from(const Scenario& scenario, const Trace& trace, std::uint32_t step, std::uint64_t runs,
                                        const Limits& limits);

/// The likelihood from some steps of the whole trace, and from ever more where it rises most, until that is one choice.
FORESEED_API std::vector<Likelihood> likelihoods(const Scenario& scenario, const Trace& trace, std::uint64_t runs,
                                                 const Limits& limits);

/// The position in `table` at which it rose most over the one before; 0 = nowhere.
FORESEED_API std::size_t steepest(const std::vector<Likelihood>& table);

}  // namespace foreseed
