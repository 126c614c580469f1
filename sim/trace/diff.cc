// Two traces, side by side from where they part.

#include <fmt/format.h>

#include <algorithm>

#include "trace/trace.h"

namespace foreseed {

namespace {

constexpr std::size_t before = 5;  ///< equal steps shown ahead of the difference

std::string cell(const Trace& trace, std::size_t position, std::size_t width) {
  if (position > trace.events.size()) return {};
  if (position == trace.events.size()) {
    return trace.failed ? printable(trace.finding.message).substr(0, width) : "(held to the end)";
  }
  const Event& event = trace.events[position];
  return fmt::format("{}: {}", task_name(trace, event.task), step_text(trace, event)).substr(0, width);
}

std::string time_at(const Trace& one, const Trace& other, std::size_t position) {
  const Trace& longer = position < one.events.size() ? one : other;
  return position < longer.events.size() ? time_text(longer.events[position].time_ns) : std::string();
}

/// The choice that made the difference, if it is one: the last that differs and had a part in a step up to there.
std::string parting_choice(const Trace& one, const Trace& other, std::uint32_t step) {
  const std::size_t n = std::min({one.choices.size(), other.choices.size(), one.choice_steps.size(), other.choice_steps.size()});
  for (std::size_t i = 0; i < n; ++i) {
    const Choice& a = one.choices[i];
    const Choice& b = other.choices[i];
    if (a == b) continue;
    if (one.choice_steps[i] > step) break;
    return fmt::format("choice {}: {} at {} chose {} of {}, in the other {} at {} chose {} of {}\n", i + 1,
                       to_string(a.kind), task_name(one, a.task), a.value, a.bound, to_string(b.kind), task_name(other, b.task),
                       b.value, b.bound);
  }
  return {};
}

std::string end_text(const Trace& trace) {
  return trace.failed ? fmt::format("failed: {}", printable(trace.finding.message)) : std::string("held");
}

}  // namespace

std::string show_difference(const Trace& one, const Trace& other, std::size_t width, std::size_t last) {
  const std::int64_t first = first_difference(one, other);
  if (first < 0) {
    if (one.failed == other.failed && one.finding.message == other.finding.message) return {};
    return fmt::format("every step is the same, but not the end\n  {}\n  {}\n", end_text(one), end_text(other));
  }
  const auto position = static_cast<std::size_t>(first);
  const std::size_t half = (std::max<std::size_t>(width, 80) - 22) / 2;
  std::string out = fmt::format("they part at step {}\n", position + 1);
  out += parting_choice(one, other, static_cast<std::uint32_t>(position + 1));
  const std::size_t longest = std::max(one.events.size(), other.events.size()) + 1;
  const std::size_t end = last == 0 ? longest : std::min(longest, position + last);
  for (std::size_t i = position > before ? position - before : 0; i < end; ++i) {
    const std::string left = cell(one, i, half - 1);
    const std::string right = cell(other, i, half - 1);
    const std::string line = fmt::format("{:>6} {:>11} {} {:<{}}{}", i + 1, time_at(one, other, i), left == right ? ' ' : '|',
                                         left, half, right);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  if (end < longest) out += fmt::format("  .. {} more steps; --all shows them\n", longest - end);
  return out + fmt::format("one:   {}\nother: {}\n", end_text(one), end_text(other));
}

}  // namespace foreseed
