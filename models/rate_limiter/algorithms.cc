#include "rate_limiter/algorithms.h"

#include <algorithm>
#include <limits>

namespace rate_limiter {
namespace {

Wide nanoseconds(MonoTime t) { return t.time_since_epoch().count(); }

/// Nothing where the instant is beyond what the clock can show: that is "never" for every caller.
std::optional<MonoTime> instant(Wide ns) {
  if (ns > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return MonoTime(Duration(static_cast<std::int64_t>(ns)));
}

Wide floor_div(Wide a, Wide b) {  // b > 0
  const Wide q = a / b;
  return a % b < 0 ? q - 1 : q;
}

Wide ceil_div(Wide a, Wide b) { return -floor_div(-a, b); }

std::int64_t window_of(MonoTime t, Duration per) {
  return static_cast<std::int64_t>(floor_div(nanoseconds(t), per.count()));
}

}  // namespace

TokenBucket::TokenBucket(const Limit& limit, MonoTime now)
    : limit_(limit), level_(Wide(limit.burst) * limit.per.count()), last_(now) {}

Wide TokenBucket::level_at(MonoTime t) const {
  const Wide full = Wide(limit_.burst) * limit_.per.count();
  if (t <= last_) return level_;
  return std::min(full, level_ + Wide(limit_.permits) * (nanoseconds(t) - nanoseconds(last_)));
}

std::optional<MonoTime> TokenBucket::earliest(std::uint64_t n, MonoTime from) const {
  if (n > limit_.burst) return std::nullopt;
  from = std::max(from, last_);
  const Wide missing = Wide(n) * limit_.per.count() - level_at(from);
  if (missing <= 0) return from;
  return instant(nanoseconds(from) + ceil_div(missing, limit_.permits));
}

void TokenBucket::take(std::uint64_t n, MonoTime at) {
  level_ = level_at(at) - Wide(n) * limit_.per.count();
  last_ = std::max(last_, at);
}

bool TokenBucket::at_rest(MonoTime now) const { return level_at(now) == Wide(limit_.burst) * limit_.per.count(); }

void TokenBucket::resize(const Limit& limit, MonoTime now) {
  const Wide level = level_at(now) * limit.per.count() / limit_.per.count();  // rounded down: nothing is minted
  last_ = std::max(last_, now);
  limit_ = limit;
  level_ = std::min(level, Wide(limit.burst) * limit.per.count());
}

Gcra::Gcra(const Limit& limit, MonoTime now) : limit_(limit), arrival_(nanoseconds(now) * limit.permits) {}

std::optional<MonoTime> Gcra::earliest(std::uint64_t n, MonoTime from) const {
  if (n > limit_.burst) return std::nullopt;
  const Wide ahead = arrival_ - (Wide(limit_.burst) - Wide(n)) * limit_.per.count();
  return instant(std::max(nanoseconds(from), ceil_div(ahead, limit_.permits)));
}

void Gcra::take(std::uint64_t n, MonoTime at) {
  arrival_ = std::max(arrival_, nanoseconds(at) * limit_.permits) + Wide(n) * limit_.per.count();
}

Gcra::Gcra(const Limit& limit, Arrival arrival)
    : limit_(limit), arrival_(Wide(arrival.ns) * limit.permits + std::min(arrival.part, limit.permits)) {}

Gcra::Arrival Gcra::arrival() const {
  const Wide ns = floor_div(arrival_, limit_.permits);
  return {static_cast<std::int64_t>(ns), static_cast<std::uint64_t>(arrival_ - ns * limit_.permits)};
}

bool Gcra::at_rest(MonoTime now) const { return arrival_ <= nanoseconds(now) * limit_.permits; }

void Gcra::resize(const Limit& limit, MonoTime now) {
  // What is ahead of now is kept as permits, in units of the new emission interval, rounded up: nothing is minted.
  const Wide old_ahead = std::max<Wide>(0, arrival_ - nanoseconds(now) * limit_.permits);
  const Wide ahead = ceil_div(old_ahead, limit_.per.count()) * limit.per.count();
  limit_ = limit;
  arrival_ = nanoseconds(now) * limit.permits + std::min(ahead, Wide(permits_max) * limit.per.count());
}

LeakyQueue::LeakyQueue(const Limit& limit, MonoTime now) : limit_(limit), free_at_(now) {}

std::optional<MonoTime> LeakyQueue::earliest(std::uint64_t, MonoTime from) const {
  if (free_at_ == MonoTime::max()) return std::nullopt;
  return std::max(from, free_at_);
}

void LeakyQueue::take(std::uint64_t n, MonoTime at) {
  const Wide slots = ceil_div(Wide(n) * limit_.per.count(), limit_.permits);
  free_at_ = instant(nanoseconds(std::max(at, free_at_)) + slots).value_or(MonoTime::max());
}

bool LeakyQueue::at_rest(MonoTime now) const { return free_at_ <= now; }
void LeakyQueue::resize(const Limit& limit, MonoTime) { limit_ = limit; }

FixedWindow::FixedWindow(const Limit& limit, MonoTime now) : limit_(limit), window_(window_of(now, limit.per)) {}

std::optional<MonoTime> FixedWindow::earliest(std::uint64_t n, MonoTime from) const {
  if (n > limit_.permits) return std::nullopt;
  const std::int64_t window = window_of(from, limit_.per);
  if (window > window_ || (window == window_ && count_ + n <= limit_.permits)) return from;
  const Wide start = Wide(window_) * limit_.per.count();
  if (window == window_ || count_ + n > limit_.permits) return instant(start + limit_.per.count());
  return instant(start);
}

void FixedWindow::take(std::uint64_t n, MonoTime at) {
  const std::int64_t window = window_of(at, limit_.per);
  if (window > window_) {
    window_ = window;
    count_ = 0;
  }
  count_ += n;
}

bool FixedWindow::at_rest(MonoTime now) const { return count_ == 0 || window_of(now, limit_.per) > window_; }
void FixedWindow::resize(const Limit& limit, MonoTime) { limit_ = limit; }

SlidingLog::SlidingLog(const Limit& limit, MonoTime) : limit_(limit) {}

std::optional<MonoTime> SlidingLog::earliest(std::uint64_t n, MonoTime from) const {
  if (n > limit_.permits) return std::nullopt;
  if (!entries_.empty()) from = std::max(from, entries_.back().at);
  std::uint64_t left = total_;
  MonoTime when = from;
  for (const Entry& entry : entries_) {
    const MonoTime gone_at = common::later(entry.at, limit_.per);  // at t the log holds (t - per, t]
    if (gone_at > when) {
      if (left + n <= limit_.permits) return when;
      if (gone_at == MonoTime::max()) return std::nullopt;
      when = gone_at;
    }
    left -= entry.n;
  }
  return when;
}

void SlidingLog::take(std::uint64_t n, MonoTime at) {
  while (!entries_.empty() && common::later(entries_.front().at, limit_.per) <= at) {
    total_ -= entries_.front().n;
    entries_.pop_front();
  }
  if (!entries_.empty() && entries_.back().at == at) {
    entries_.back().n += n;
  } else {
    entries_.push_back({at, n});
  }
  total_ += n;
}

bool SlidingLog::at_rest(MonoTime now) const {
  return entries_.empty() || common::later(entries_.back().at, limit_.per) <= now;
}
void SlidingLog::resize(const Limit& limit, MonoTime) { limit_ = limit; }

SlidingCounter::SlidingCounter(const Limit& limit, MonoTime now) : limit_(limit), window_(window_of(now, limit.per)) {}

std::optional<MonoTime> SlidingCounter::earliest(std::uint64_t n, MonoTime from) const {
  if (n > limit_.permits) return std::nullopt;
  SlidingCounter trial = *this;
  trial.roll(window_of(from, limit_.per));
  const Wide per = limit_.per.count();
  // After at most two windows both counters are zero.
  for (Wide t = std::max(nanoseconds(from), Wide(trial.window_) * per);;) {
    const Wide start = Wide(trial.window_) * per;
    if (trial.current_ + n <= limit_.permits) {
      const Wide room = limit_.permits - trial.current_ - n;
      // current + previous * (1 - e/per) + n <= permits, multiplied by per and solved for e
      const Wide e = trial.previous_ == 0 ? 0 : per - floor_div(room * per, trial.previous_);
      if (e < per) return instant(std::max(t, start + e));
    }
    t = start + per;
    trial.roll(trial.window_ + 1);
  }
}

void SlidingCounter::take(std::uint64_t n, MonoTime at) {
  roll(window_of(at, limit_.per));
  current_ += n;
}

void SlidingCounter::roll(std::int64_t window) {
  if (window <= window_) return;
  previous_ = window == window_ + 1 ? current_ : 0;
  current_ = 0;
  window_ = window;
}

bool SlidingCounter::at_rest(MonoTime now) const {
  SlidingCounter trial = *this;
  trial.roll(window_of(now, limit_.per));
  return trial.current_ == 0 && trial.previous_ == 0;
}
void SlidingCounter::resize(const Limit& limit, MonoTime) { limit_ = limit; }

Meter::State Meter::make(const Limit& limit, MonoTime now) {
  switch (limit.algorithm) {
    case Algorithm::token_bucket:
      return TokenBucket(limit, now);
    case Algorithm::gcra:
      return Gcra(limit, now);
    case Algorithm::leaky_queue:
      return LeakyQueue(limit, now);
    case Algorithm::fixed_window:
      return FixedWindow(limit, now);
    case Algorithm::sliding_log:
      return SlidingLog(limit, now);
    case Algorithm::sliding_counter:
      break;
  }
  return SlidingCounter(limit, now);
}

Meter::Meter(const Limit& limit, MonoTime now) : state_(make(limit, now)) {}

std::optional<MonoTime> Meter::earliest(std::uint64_t n, MonoTime from) const {
  return std::visit([&](const auto& state) { return state.earliest(n, from); }, state_);
}
void Meter::take(std::uint64_t n, MonoTime at) {
  std::visit([&](auto& state) { state.take(n, at); }, state_);
}
bool Meter::at_rest(MonoTime now) const {
  return std::visit([&](const auto& state) { return state.at_rest(now); }, state_);
}
void Meter::resize(const Limit& limit, MonoTime now) {
  std::visit([&](auto& state) { state.resize(limit, now); }, state_);
}

}  // namespace rate_limiter
