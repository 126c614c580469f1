#include "net/delay.h"

#include <gtest/gtest.h>

#include <cmath>

namespace foreseed::net {
namespace {

using Shape = Delay::Shape;

TEST(Delay, choice_0_is_the_least_and_more_is_longer) {
  for (const Delay& delay : {Delay{Shape::constant, 500, 0, 0}, Delay{Shape::uniform, 500, 9000, 0},
                             Delay{Shape::exponential, 500, 70'000, 0}, Delay{Shape::lognormal, 500, 70'000, 1.5}}) {
    EXPECT_EQ(sample(delay, 0), 500u);
    for (std::uint32_t k = 1; k < 65536; ++k) ASSERT_GE(sample(delay, k), sample(delay, k - 1)) << k;
  }
  EXPECT_EQ(sample({Shape::uniform, 500, 9000, 0}, 65535), 9000u);
}

TEST(Delay, exponential_has_its_mean_and_its_quantiles) {
  const Delay delay{Shape::exponential, 0, 1'000'000, 0};
  double sum = 0;
  for (std::uint32_t k = 0; k < 65536; ++k) sum += static_cast<double>(sample(delay, k));
  EXPECT_NEAR(sum / 65536, 1e6, 300);
  for (const std::uint32_t k : {1u, 100u, 6553u, 32768u, 60000u, 65535u}) {
    EXPECT_NEAR(static_cast<double>(sample(delay, k)), -std::log1p(-(k + 0.5) / 65536) * 1e6, 1.5) << k;
  }
}

TEST(Delay, lognormal_has_its_median_and_its_tail) {
  const Delay delay{Shape::lognormal, 0, 1'000'000, 1};
  EXPECT_NEAR(static_cast<double>(sample(delay, 32768)), 1e6, 50);
  // Quantiles of exp(z): z = 1 at 0.841345, 2 at 0.977250, -2 at 0.022750, 3 at 0.998650.
  for (const auto& [p, z] : {std::pair{0.841345, 1.0}, {0.977250, 2.0}, {0.022750, -2.0}, {0.998650, 3.0}}) {
    const auto k = static_cast<std::uint32_t>(p * 65536);
    EXPECT_NEAR(static_cast<double>(sample(delay, k)) / 1e6, std::exp(z), std::exp(z) * 4e-3) << z;
  }
}

TEST(Delay, the_numbers_are_the_same_everywhere) {
  // Written down once: a compiler that reorders or fuses floating-point operations would change them.
  EXPECT_EQ(sample({Shape::exponential, 10, 1'000'000'000, 0}, 54321), 1'765'392'036u);
  EXPECT_EQ(sample({Shape::lognormal, 10, 1'000'000'000, 2.5}, 54321), 10'744'291'552u);
}

}  // namespace
}  // namespace foreseed::net
