#pragma once
// The project's only source of pseudo-random numbers.
//
// xoshiro256** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021), seeded by splitmix64.
// Everything is integer arithmetic, so a seed gives the same numbers under every compiler and standard library.
// Not thread safe; each owner keeps its own.

#include <cstdint>

namespace foreseed {

/// One step of splitmix64: advances `state` and returns a well mixed 64-bit number.
inline std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

class Prng {
 public:
  explicit Prng(std::uint64_t seed = 0) { reseed(seed); }

  void reseed(std::uint64_t seed) {
    for (auto& word : state_) word = splitmix64(seed);
  }

  /// A uniform 64-bit number.
  std::uint64_t next() {
    const std::uint64_t result = rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }

  /// A number in [0, bound), bound in [1, 2^32]. Multiply-shift (Lemire 2019) without the rejection step: the bias is
  /// at most bound / 2^64, and one draw per choice keeps a schedule aligned with its generator.
  std::uint64_t below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{next()} * bound) >> 64);
  }

 private:
  static std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  std::uint64_t state_[4];
};

}  // namespace foreseed
