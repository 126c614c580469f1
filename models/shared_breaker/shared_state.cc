#include "shared_breaker/shared_state.h"

#include <algorithm>
#include <limits>
#include <locale>
#include <sstream>

#include "breaker/state_machine.h"

namespace shared_breaker {
namespace {

constexpr std::size_t probes_max = 10'000;

std::int64_t ns(Time t) { return t.time_since_epoch().count(); }

}  // namespace

void SharedState::enter(Mode next, Time t) {
  mode = next;
  ++generation;
  since = t;
  open_wait = Duration(0);
  successes = 0;
  probes.clear();
}

void SharedState::open(const Config& config, Time t) {
  enter(Mode::open, t);
  const std::int64_t wait = breaker::open_wait_before_jitter(config, reopens).count();
  // One breaker opens once: there is no herd of breakers to spread, so the jitter only has to be the same for all
  // readers.
  const std::int64_t reach = wait * static_cast<std::int64_t>(config.jitter_percent) / 100;
  const auto draw = static_cast<std::int64_t>(generation * 0x9e3779b97f4a7c15 >> 33);
  open_wait = Duration(wait - reach + draw % (2 * reach + 1));
}

void SharedState::tick(const Config& config, Time t) {
  // A clock that began again, after the machine did: what the record says of the past is no longer comparable.
  if (t < since) since = t;
  if (mode == Mode::open && t - since >= open_wait) {
    enter(Mode::half_open, t);
  } else if (mode == Mode::half_open) {
    const bool lost = std::any_of(probes.begin(), probes.end(), [t](const Probe& p) { return p.lease_end <= t; });
    if (lost && reopens < std::numeric_limits<std::uint32_t>::max()) ++reopens;
    if (lost || t - since >= config.half_open_max) open(config, t);
  }
}

std::variant<Admitted, Rejected> SharedState::acquire(const Config& config, Time t) {
  tick(config, t);
  switch (mode) {
    case Mode::open:
      return Rejected{breaker::RejectReason::open, std::max(Duration(0), since + open_wait - t)};
    case Mode::forced_open:
      return Rejected{breaker::RejectReason::forced_open, std::nullopt};
    case Mode::half_open:
      if (probes.size() >= config.probe_concurrency || successes + probes.size() >= config.probe_successes) {
        return Rejected{breaker::RejectReason::probes_exhausted, std::nullopt};
      }
      probes.push_back({++last_probe, t + config.probe_lease});
      return Admitted{generation, last_probe};
    case Mode::closed:
    case Mode::disabled:
    case Mode::metrics_only:
      break;
  }
  return Admitted{generation, 0};
}

bool SharedState::report(const Config& config, const Admitted& probe, Outcome outcome, Time t) {
  tick(config, t);
  if (mode != Mode::half_open || probe.generation != generation) return false;
  if (std::erase_if(probes, [&](const Probe& p) { return p.id == probe.id; }) == 0) return false;
  if (outcome == Outcome::ok) {
    if (++successes >= config.probe_successes) {
      reopens = 0;
      enter(Mode::closed, t);
    }
  } else if (outcome != Outcome::ignored) {
    if (reopens < std::numeric_limits<std::uint32_t>::max()) ++reopens;
    open(config, t);
  }
  return true;
}

void SharedState::trip(const Config& config, std::uint64_t from_generation, Time t) {
  if (mode == Mode::closed && generation == from_generation) open(config, t);
}

void SharedState::set(Mode next, Time t) {
  if (next == Mode::closed) reopens = 0;
  enter(next, t);
}

std::string to_text(const SharedState& s) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << static_cast<int>(s.mode) << ' ' << s.generation << ' ' << ns(s.since) << ' ' << s.open_wait.count() << ' ' << s.reopens
      << ' ' << s.successes << ' ' << s.last_probe << ' ' << s.probes.size();
  for (const Probe& probe : s.probes) out << ' ' << probe.id << ' ' << ns(probe.lease_end);
  return out.str();
}

std::optional<SharedState> from_text(const std::string& text) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  SharedState s;
  int mode = 0;
  std::size_t probes = 0;
  std::int64_t since = 0, open_wait = 0, lease_end = 0;
  in >> mode >> s.generation >> since >> open_wait >> s.reopens >> s.successes >> s.last_probe >> probes;
  if (!in || mode < 0 || mode > static_cast<int>(Mode::metrics_only) || probes > probes_max) return std::nullopt;
  // What could overflow in comparisons with the present: within 146 years of zero, waits within two days.
  constexpr std::int64_t far = std::numeric_limits<std::int64_t>::max() / 2;
  s.since = Time(Duration(since));
  s.open_wait = Duration(open_wait);
  if (since < -far || since > far || open_wait < 0 || s.open_wait > std::chrono::hours(48)) return std::nullopt;
  s.mode = static_cast<Mode>(mode);
  for (std::size_t i = 0; i < probes; ++i) {
    Probe probe;
    if (!(in >> probe.id >> lease_end)) return std::nullopt;
    probe.lease_end = Time(Duration(lease_end));
    s.probes.push_back(probe);
  }
  if (to_text(s) != text) return std::nullopt;
  return s;
}

}  // namespace shared_breaker
