#include "net/delay.h"

#include <algorithm>
#include <bit>

namespace foreseed::net {

namespace {

/// The natural logarithm of x > 0: exponent and mantissa apart, then the series of artanh.
double natural_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52 & 0x7ff) - 1023;
  double m = std::bit_cast<double>((bits & 0xf'ffff'ffff'ffffull) | 0x3ff0'0000'0000'0000ull);
  if (m > 1.4142135623730951) {
    m /= 2;
    ++exponent;
  }
  const double t = (m - 1) / (m + 1);
  const double t2 = t * t;
  double sum = 0;
  for (int k = 21; k >= 1; k -= 2) sum = sum * t2 + 1.0 / k;
  return 2 * t * sum + exponent * 0.6931471805599453;
}

/// e^x for |x| < 700.
double exponential(double x) {
  const double scaled = x * 1.4426950408889634;
  const int n = static_cast<int>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  const double r = x - n * 0.6931471805599453;
  double sum = 1;
  for (int k = 18; k >= 1; --k) sum = 1 + sum * r / k;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

double square_root(double x) {
  double root = x > 1 ? x : 1;
  for (int k = 0; k < 60; ++k) root = (root + x / root) / 2;
  return root;
}

/// The standard normal variate of probability p in (0, 1): Acklam's rational approximation, relative error below 1.2e-9.
double normal_quantile(double p) {
  constexpr double a[] = {-3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02,
                          1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
                          -1.328068155288572e+01};
  constexpr double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                          -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00};
  if (p > 0.97575) return -normal_quantile(1 - p);
  if (p < 0.02425) {
    const double q = square_root(-2 * natural_log(p));
    return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
           ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
  }
  const double q = p - 0.5;
  const double r = q * q;
  return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
         (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

constexpr std::uint64_t delay_max_ns = 3600ull * 1'000'000'000;  ///< an hour: what a tail may reach

std::uint64_t to_ns(double value) {
  return value < static_cast<double>(delay_max_ns) ? static_cast<std::uint64_t>(value) : delay_max_ns;
}

}  // namespace

std::uint64_t sample(const Delay& delay, std::uint32_t k) {
  const double p = (k + 0.5) / 65536;
  switch (delay.shape) {
    case Delay::Shape::constant: break;
    case Delay::Shape::uniform:
      return delay.low_ns + static_cast<std::uint64_t>(static_cast<double>(delay.high_ns - delay.low_ns) * k / 65535);
    case Delay::Shape::exponential:
      return k == 0 ? delay.low_ns : delay.low_ns + to_ns(-natural_log(1 - p) * static_cast<double>(delay.high_ns));
    case Delay::Shape::lognormal: {
      if (k == 0) return delay.low_ns;
      const double exponent = std::clamp(delay.sigma * normal_quantile(p), -600.0, 600.0);
      return delay.low_ns + to_ns(exponential(exponent) * static_cast<double>(delay.high_ns));
    }
  }
  return delay.low_ns;
}

}  // namespace foreseed::net
