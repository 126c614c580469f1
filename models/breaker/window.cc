#include "breaker/window.h"

#include <algorithm>

namespace breaker {
namespace {

void tally(WindowCounts& counts, Outcome outcome) {
  ++counts.calls;
  if (outcome == Outcome::fail) ++counts.fail;
  if (outcome == Outcome::slow) ++counts.slow;
}

void untally(WindowCounts& counts, const WindowCounts& gone) {
  counts.calls -= gone.calls;
  counts.fail -= gone.fail;
  counts.slow -= gone.slow;
}

}  // namespace

Window::Window(const Config& config, Time now) : kind_(config.window_kind) {
  if (kind_ == WindowKind::count) {
    ring_.resize(config.window_calls);
  } else {
    buckets_.resize(config.window_buckets);
    bucket_width_ = Duration(config.window_time) / config.window_buckets;
  }
  clear(now);
}

void Window::add(Outcome outcome, Time now) {
  if (kind_ == WindowKind::count) {
    if (total_.calls == ring_.size()) {
      WindowCounts oldest;
      tally(oldest, ring_[next_]);
      untally(total_, oldest);
    }
    ring_[next_] = outcome;
    next_ = (next_ + 1) % ring_.size();
  } else {
    advance(now);
    tally(buckets_[current_bucket_ % buckets_.size()], outcome);
  }
  tally(total_, outcome);
}

WindowCounts Window::counts(Time now) {
  if (kind_ == WindowKind::time) advance(now);
  return total_;
}

WindowCounts Window::peek(Time now) const {
  if (kind_ == WindowKind::count) return total_;
  WindowCounts left = total_;
  const std::uint64_t gone =
      std::min<std::uint64_t>(bucket_of(now) - current_bucket_, buckets_.size());
  for (std::uint64_t i = 1; i <= gone; ++i) {
    untally(left, buckets_[(current_bucket_ + i) % buckets_.size()]);
  }
  return left;
}

void Window::clear(Time now) {
  total_ = {};
  next_ = 0;
  std::fill(buckets_.begin(), buckets_.end(), WindowCounts{});
  origin_ = now;
  current_bucket_ = 0;
}

void Window::advance(Time now) {
  const std::uint64_t target = bucket_of(now);
  // After a long silence every bucket is old: one turn of the ring empties them all.
  const std::uint64_t gone = std::min<std::uint64_t>(target - current_bucket_, buckets_.size());
  for (std::uint64_t i = 1; i <= gone; ++i) {
    WindowCounts& bucket = buckets_[(current_bucket_ + i) % buckets_.size()];
    untally(total_, bucket);
    bucket = {};
  }
  current_bucket_ = target;
}

std::uint64_t Window::bucket_of(Time now) const {
  if (now <= origin_) return current_bucket_;
  const auto bucket = static_cast<std::uint64_t>((now - origin_) / bucket_width_);
  return std::max(bucket, current_bucket_);
}

}  // namespace breaker
