#pragma once
// Distributions of delays, sampled in the same way on every machine.

#include <cstdint>

namespace foreseed::net {

/// A distribution of delays, in ns; see sample().
struct Delay {
  enum class Shape : std::uint8_t {
    constant,     ///< low
    uniform,      ///< between low and high
    exponential,  ///< low + an exponential variate of mean `high`
    lognormal,    ///< low + a lognormal variate of median `high` and shape `sigma`
  } shape = Shape::constant;
  std::uint64_t low_ns = 0;
  std::uint64_t high_ns = 0;
  double sigma = 0;
};

/// The delay at quantile (k + 1/2) / 2^16 for k in [1, 2^16), the least one at k = 0. The same on every machine: nothing
/// but IEEE additions, multiplications and divisions.
std::uint64_t sample(const Delay& delay, std::uint32_t k);

}  // namespace foreseed::net
