#pragma once
// Random steps of tiny programs.

#include <atomic>
#include <cstdlib>
#include <iterator>

#include "choice/prng.h"
#include "tiny_program.h"

namespace foreseed::testing {

inline constexpr std::memory_order orders[] = {std::memory_order_relaxed, std::memory_order_acquire, std::memory_order_release,
                                               std::memory_order_acq_rel, std::memory_order_seq_cst};

inline bool loads(std::memory_order order) { return order != std::memory_order_release && order != std::memory_order_acq_rel; }

/// `value` is nobody else's; on one of the first `places` locations.
inline Step random_step(Prng& prng, std::uint64_t places, int value) {
  static constexpr Act acts[] = {Act::load,     Act::load,  Act::load,  Act::load,    Act::store, Act::store,
                                 Act::store,    Act::store, Act::add,   Act::compare_exchange,
                                 Act::exchange, Act::fence, Act::fence};
  Step step;
  step.act = acts[prng.below(std::size(acts))];
  step.location = prng.below(places);
  step.value = step.act == Act::add ? 10 * value : value;
  step.expected = static_cast<int>(prng.below(static_cast<std::uint64_t>(value)));
  for (;;) {
    step.order = orders[prng.below(5)];
    if (step.act == Act::load && !loads(step.order)) continue;
    const bool acquires = step.order == std::memory_order_acquire || step.order == std::memory_order_acq_rel;
    if (step.act == Act::store && acquires) continue;
    if (step.act == Act::fence && step.order == std::memory_order_relaxed) continue;
    break;
  }
  do {
    step.failure = orders[prng.below(5)];
  } while (!loads(step.failure) || step.failure > step.order);
  return step;
}

/// FORESEED_AXIOMS=100 compares a hundred times as many.
inline int times(int programs) {
  const char* const factor = std::getenv("FORESEED_AXIOMS");
  return factor == nullptr ? programs : programs * std::atoi(factor);
}

}  // namespace foreseed::testing
