#pragma once
// What several properties draw and show alike.

#include <foreseed/faults.h>
#include <foreseed/history.h>
#include <foreseed/property.h>
#include <foreseed/world.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace properties {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// At most `most` elements, fewer while RapidCheck's size is small.
template <typename T>
rc::Gen<std::vector<T>> up_to(int most, rc::Gen<T> element) {
  return rc::gen::withSize([most, element = std::move(element)](int size) {
    const int length = std::max(1, most * std::min(size, rc::kNominalSize) / rc::kNominalSize);
    return rc::gen::resize(length, rc::gen::container<std::vector<T>>(rc::gen::resize(rc::kNominalSize, element)));
  });
}

/// A number in [low, high], which shrinks towards `low`.
template <typename Number>
rc::Gen<Number> between(Number low, Number high) {
  return rc::gen::resize(rc::kNominalSize, rc::gen::inRange<Number>(low, static_cast<Number>(high + 1)));
}

/// [low, high] of milliseconds, as the member's own type.
template <typename Duration = milliseconds>
rc::Gen<Duration> some_ms(int low, int high) {
  return rc::gen::map(between(low, high), [](int ms) { return Duration(milliseconds(ms)); });
}

/// One of a closed enumeration: [first, last].
template <typename Enum>
rc::Gen<Enum> one_of(Enum first, Enum last) {
  return rc::gen::map(between(static_cast<int>(first), static_cast<int>(last)), [](int n) { return static_cast<Enum>(n); });
}

/// What befalls the clocks of the host that the property runs on: nothing monotonic may notice that the wall clock is
/// set.
struct ClockFaults {
  std::vector<int> steps_s;  ///< the wall clock is set by so many seconds, one after each 5 ms
  void start() const {
    foreseed::FaultPlan plan;
    for (std::size_t i = 0; i < steps_s.size(); ++i) {
      plan.step_clock("client", 5ms * static_cast<int>(i + 1), std::chrono::seconds(steps_s[i]));
    }
    plan.start();
  }
};
inline void showValue(const ClockFaults& faults, std::ostream& out) {
  out << "wall clock steps (s): ";
  rc::show(faults.steps_s, out);
}
inline rc::Gen<ClockFaults> clock_faults() {
  return rc::gen::map(up_to(3, between(-5000, 5000)), [](std::vector<int> steps) { return ClockFaults{std::move(steps)}; });
}

/// What each of the three threads of a case does.
template <typename Case>
void show_threads(const Case& c, std::ostream& out) {
  rc::show(c.one, out);
  rc::show(c.two, out);
  rc::show(c.three, out);
}

/// Runs each on a thread of its own, all at once.
template <typename... Functions>
void together(Functions&&... functions) {
  std::vector<std::thread> threads;
  (threads.emplace_back(std::forward<Functions>(functions)), ...);
  for (std::thread& thread : threads) thread.join();
}

inline std::string ms_text(nanoseconds d) {
  const auto ns = d.count();
  return ns % 1'000'000 == 0 ? std::to_string(ns / 1'000'000) + " ms" : std::to_string(ns) + " ns";
}

}  // namespace properties
