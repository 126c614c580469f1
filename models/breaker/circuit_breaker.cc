#include "breaker/circuit_breaker.h"

#include <chrono>
#include <random>
#include <utility>

namespace breaker {
namespace {

std::uint64_t jitter_seed(const Config& config) {
  if (config.jitter_seed) return *config.jitter_seed;
  std::random_device device;
  const std::uint64_t high = device();
  return (high << 32) | device();
}

Time now() { return std::chrono::steady_clock::now(); }

}  // namespace

Ticket::Ticket(Ticket&& other) noexcept
    : breaker_(std::exchange(other.breaker_, nullptr)), permit_(std::move(other.permit_)) {}

Ticket& Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  abandon();
  breaker_ = std::exchange(other.breaker_, nullptr);
  permit_ = std::move(other.permit_);
  return *this;
}

Ticket::~Ticket() { abandon(); }

void Ticket::abandon() noexcept {
  // A spent permit needs no lock: only its owner may destroy or overwrite it.
  if (breaker_ != nullptr && !permit_.reported()) breaker_->abandon(permit_);
}

ReportResult Ticket::report(Outcome outcome) {
  if (breaker_ == nullptr) return ReportResult::already_reported;
  return breaker_->report(permit_, outcome);
}

ReportResult Ticket::ok() { return report(Outcome::ok); }
ReportResult Ticket::fail() { return report(Outcome::fail); }
ReportResult Ticket::slow() { return report(Outcome::slow); }
ReportResult Ticket::ignored() { return report(Outcome::ignored); }

CircuitBreaker::CircuitBreaker(const Config& config, Listener listener)
    : listener_(std::move(listener)), machine_(config, jitter_seed(config), now()) {}

/// One linearizable operation: the clock is read under the lock, so times never run backwards.
template <class Operation>
auto CircuitBreaker::locked(Operation operation) {
  std::unique_lock lock(mutex_);
  auto result = operation(machine_, now());
  const bool must_deliver = collect_events();
  lock.unlock();
  if (must_deliver) deliver_events();
  return result;
}

Admission CircuitBreaker::acquire() {
  auto result = locked([](StateMachine& machine, Time t) { return machine.acquire(t); });
  if (auto* rejected = std::get_if<Rejected>(&result)) return *rejected;
  return Ticket(*this, std::move(std::get<Permit>(result)));
}

ReportResult CircuitBreaker::report(Permit& permit, Outcome outcome) {
  return locked([&](StateMachine& machine, Time t) { return machine.report(permit, outcome, t); });
}

void CircuitBreaker::abandon(Permit& permit) {
  locked([&](StateMachine& machine, Time t) { return machine.abandon(permit, t), true; });
}

void CircuitBreaker::tick() {
  locked([](StateMachine& machine, Time t) { return machine.tick(t), true; });
}

void CircuitBreaker::force_open() {
  locked([](StateMachine& machine, Time t) { return machine.force_open(t), true; });
}

void CircuitBreaker::disable() {
  locked([](StateMachine& machine, Time t) { return machine.disable(t), true; });
}

void CircuitBreaker::metrics_only() {
  locked([](StateMachine& machine, Time t) { return machine.metrics_only(t), true; });
}

void CircuitBreaker::reset() {
  locked([](StateMachine& machine, Time t) { return machine.reset(t), true; });
}

Snapshot CircuitBreaker::snapshot() const {
  std::lock_guard lock(mutex_);
  return machine_.snapshot(now());
}

Metrics CircuitBreaker::metrics() const {
  std::lock_guard lock(mutex_);
  Metrics result = machine_.metrics();
  result.listener_errors = listener_errors_;
  return result;
}

/// REQUIRES: mutex_ held. True where the calling thread has to deliver; false where there is
/// nothing to deliver or another thread (or this one, further up its stack) is at it already.
bool CircuitBreaker::collect_events() {
  for (const Event& event : machine_.take_events()) {
    if (listener_) pending_.push_back(event);
  }
  if (pending_.empty() || delivering_) return false;
  delivering_ = true;
  return true;
}

/// Only one thread is here at a time, so events leave in the order in which they came about.
void CircuitBreaker::deliver_events() {
  std::unique_lock lock(mutex_);
  while (!pending_.empty()) {
    const Event event = pending_.front();
    pending_.pop_front();
    lock.unlock();
    bool threw = false;
    try {
      listener_(event);
    } catch (...) {
      threw = true;  // a listener's trouble must not become the caller's
    }
    lock.lock();
    if (threw) ++listener_errors_;
  }
  delivering_ = false;
}

}  // namespace breaker
