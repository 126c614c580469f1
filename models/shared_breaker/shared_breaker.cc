#include "shared_breaker/shared_breaker.h"

#include <stdexcept>

#include "common/time.h"

namespace shared_breaker {

using common::mono_now;

namespace {

// Each lost attempt is a change that somebody else made, and a half-open era has few.
constexpr int attempts_max = 64;

}  // namespace

void validate(const SharedConfig& config) {
  validate(config.breaker);
  if (config.name.empty() || config.name.size() > 100) {
    throw std::invalid_argument("shared breaker config: name must be 1 .. 100 bytes");
  }
  if (config.staleness.count() < 0 || config.staleness > std::chrono::minutes(1)) {
    throw std::invalid_argument("shared breaker config: staleness must be in [0, 1 min]");
  }
}

Ticket::~Ticket() {
  if (owner_ == nullptr) return;
  report(owner_->config_.breaker.abandoned == breaker::AbandonPolicy::fail ? Outcome::fail : Outcome::ignored);
}

bool Ticket::report(Outcome outcome) {
  SharedBreaker* owner = std::exchange(owner_, nullptr);
  return owner != nullptr && owner->report(admitted_, outcome, at_);
}

SharedBreaker::SharedBreaker(const SharedConfig& config, store::VersionedStore& store)
    : config_((validate(config), config)),
      store_(store),
      window_(config.breaker, mono_now()),
      window_generation_(known_.generation) {}

std::variant<Ticket, Rejected> SharedBreaker::acquire() {
  refresh_if_old();
  std::variant<Admitted, Rejected> result;
  Time t{};
  bool shared = false;
  {
    std::lock_guard lock(mutex_);
    t = mono_now();
    // A trial on a copy: where it changes nothing there is nothing to agree on with others.
    SharedState trial = known_;
    result = trial.acquire(config_.breaker, t);
    shared = !(trial == known_);
  }
  if (shared) {
    update([&](SharedState& state, Time now) {
      t = now;
      result = state.acquire(config_.breaker, now);
    });
  }
  std::lock_guard lock(mutex_);
  if (const auto* rejected = std::get_if<Rejected>(&result)) {
    ++metrics_.rejected;
    return *rejected;
  }
  ++metrics_.admitted;
  ++metrics_.in_flight;
  return Ticket(*this, std::get<Admitted>(result), t);
}

bool SharedBreaker::report(const Admitted& admitted, Outcome outcome, Time admitted_at) {
  bool current = false, trips = false;
  {
    std::lock_guard lock(mutex_);
    const Time t = mono_now();
    const auto slow = config_.breaker.slow_call;
    if (outcome == Outcome::ok && slow.count() > 0 && t - admitted_at >= slow) outcome = Outcome::slow;
    if (admitted.id == 0) {
      current = admitted.generation == known_.generation;
      follow_generation(t);
      const bool judged = known_.mode == Mode::closed || known_.mode == Mode::metrics_only;
      if (current && judged && outcome != Outcome::ignored) {
        window_.add(outcome, t);
        const auto counts = window_.counts(t);
        trips = known_.mode == Mode::closed && counts.calls >= config_.breaker.min_calls &&
                (counts.fail * 100 >= config_.breaker.failure_percent * counts.calls ||
                 counts.slow * 100 >= config_.breaker.slow_percent * counts.calls);
      }
    }
  }
  if (admitted.id != 0) {
    update([&](SharedState& state, Time t) { current = state.report(config_.breaker, admitted, outcome, t); });
  } else if (trips) {
    update([&](SharedState& state, Time t) { state.trip(config_.breaker, admitted.generation, t); });
  }
  std::lock_guard lock(mutex_);
  --metrics_.in_flight;
  ++(!current ? metrics_.stale : outcome == Outcome::ignored ? metrics_.ignored : metrics_.counted);
  return current;
}

void SharedBreaker::set(Mode mode) {
  if (mode == Mode::open || mode == Mode::half_open) {
    throw std::invalid_argument("shared breaker: open and half_open cannot be ordered; use forced_open or closed");
  }
  update([&](SharedState& state, Time t) { state.set(mode, t); });
}

/// REQUIRES: mutex_ held. The window holds outcomes of one generation only.
void SharedBreaker::follow_generation(Time t) {
  if (window_generation_ == known_.generation) return;
  window_generation_ = known_.generation;
  window_.clear(t);
}

void SharedBreaker::refresh_if_old() {
  {
    std::lock_guard lock(mutex_);
    if (ever_known_ && mono_now() - known_at_ < config_.staleness) return;
  }
  update([](SharedState&, Time) {});
}

/// One change of the shared state: read, change, compare-and-swap. `change` may run several times; the last counts.
void SharedBreaker::update(const Change& change) {
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    const Time t = mono_now();
    const auto read = store_.get(config_.name);
    const auto* record = std::get_if<store::Record>(&read);
    if (record == nullptr) return go_alone(change);
    const std::optional<SharedState> stored =
        record->version == 0 ? std::optional<SharedState>(SharedState{}) : from_text(record->value);
    if (!stored) return go_alone(change);
    SharedState state = *stored;
    {
      std::lock_guard lock(mutex_);
      if (alone_ && known_.generation > state.generation) state = known_;  // what happened while the store was away
    }
    change(state, t);
    if (state == *stored) return learn(state, record->version);
    const auto written = store_.put(config_.name, record->version, to_text(state));
    if (const auto* version = std::get_if<std::uint64_t>(&written)) return learn(state, *version);
    if (std::get<common::Error>(written) != common::Error::conflict) break;
  }
  go_alone(change);
}

void SharedBreaker::learn(const SharedState& state, std::uint64_t version) {
  std::lock_guard lock(mutex_);
  known_at_ = mono_now();
  ever_known_ = true;
  alone_ = false;
  if (version < version_) return;  // another thread has read a newer one meanwhile
  version_ = version;
  known_ = state;
}

void SharedBreaker::go_alone(const Change& change) {
  std::lock_guard lock(mutex_);
  ++metrics_.store_errors;
  alone_ = true;
  ever_known_ = true;
  known_at_ = mono_now();  // asked again after `staleness`, not with every call
  change(known_, known_at_);
}

SharedState SharedBreaker::state() const {
  std::lock_guard lock(mutex_);
  return known_;
}

bool SharedBreaker::alone() const {
  std::lock_guard lock(mutex_);
  return alone_;
}

SharedMetrics SharedBreaker::metrics() const {
  std::lock_guard lock(mutex_);
  return metrics_;
}

}  // namespace shared_breaker
