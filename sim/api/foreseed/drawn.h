#pragma once
// What <foreseed/property.h> asks of the simulator, which knows nothing of RapidCheck.

#include <foreseed/export.h>

#include <cstdint>
#include <string>

namespace foreseed::detail {

/// A value that is being generated, as the simulator sees it.
class Drawn {
 public:
  virtual ~Drawn() = default;
  virtual void generate(std::uint64_t seed, int size) = 0;
  /// Takes the n-th simpler value, from 1; false: there are fewer, and nothing changed.
  virtual bool simplify(std::uint32_t n) = 0;
  virtual std::string text() const = 0;
};

/// Makes a value by the choices of the execution, outside the simulated world; it stays until the next one is made.
FORESEED_API Drawn& draw(Drawn* (*make)());

}  // namespace foreseed::detail
