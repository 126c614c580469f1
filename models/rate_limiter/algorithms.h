// The six algorithms, each as what it remembers and two questions.
//
//   earliest(n, from)  the first instant >= from at which n permits are admitted if nothing else comes, or nothing if
//                      that never happens. Once admitted at an instant, n stay admitted at every later one.
//   take(n, at)        admits them. REQUIRES: earliest(n, at) == at, and `at` not before any earlier `at`.
//
// Everything else - try, reservations, scopes - is built on these two by LimiterCore. The arithmetic is exact:
// fractions of a permit or of a nanosecond are kept as integers over a common denominator, 128 bits wide. With the
// ranges of `validate(Limit)` the largest product is 2^63 ns * 2^30 permits * 2 < 2^127. Not thread safe. Plain values:
// copying one copies the state.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <optional>
#include <variant>

#include "rate_limiter/limit.h"

namespace rate_limiter {

__extension__ using Wide = __int128;

/// level = tokens * per, so that permits * elapsed nanoseconds adds to it without rounding.
class TokenBucket {
 public:
  TokenBucket(const Limit& limit, MonoTime now);
  std::optional<MonoTime> earliest(std::uint64_t n, MonoTime from) const;
  void take(std::uint64_t n, MonoTime at);
  bool at_rest(MonoTime now) const;
  void resize(const Limit& limit, MonoTime now);

 private:
  Wide level_at(MonoTime t) const;
  Limit limit_;
  Wide level_;
  MonoTime last_;
};

/// Theoretical arrival time, in units of 1/permits ns after the clock's zero.
class Gcra {
 public:
  struct Arrival {
    std::int64_t ns = 0;     ///< of the clock
    std::uint64_t part = 0;  ///< of 1/permits ns, on top
    auto operator<=>(const Arrival&) const = default;
  };
  Gcra(const Limit& limit, MonoTime now);
  /// As it was when that was its arrival. Of other `permits` its part is another, at most a nanosecond.
  Gcra(const Limit& limit, Arrival arrival);

  /// When it is at rest again, if nothing else comes.
  Arrival arrival() const;
  std::optional<MonoTime> earliest(std::uint64_t n, MonoTime from) const;
  void take(std::uint64_t n, MonoTime at);
  bool at_rest(MonoTime now) const;
  void resize(const Limit& limit, MonoTime now);

 private:
  Limit limit_;
  Wide arrival_;
};

/// n permits occupy n slots of per/permits; the next departure starts when they are over.
class LeakyQueue {
 public:
  LeakyQueue(const Limit& limit, MonoTime now);
  std::optional<MonoTime> earliest(std::uint64_t n, MonoTime from) const;
  void take(std::uint64_t n, MonoTime at);
  bool at_rest(MonoTime now) const;
  void resize(const Limit& limit, MonoTime now);

 private:
  Limit limit_;
  MonoTime free_at_;  // rounded up: departures are never closer than per/permits
};

class FixedWindow {
 public:
  FixedWindow(const Limit& limit, MonoTime now);
  std::optional<MonoTime> earliest(std::uint64_t n, MonoTime from) const;
  void take(std::uint64_t n, MonoTime at);
  bool at_rest(MonoTime now) const;
  void resize(const Limit& limit, MonoTime now);

 private:
  Limit limit_;
  std::int64_t window_;
  std::uint64_t count_ = 0;
};

class SlidingLog {
 public:
  SlidingLog(const Limit& limit, MonoTime now);
  std::optional<MonoTime> earliest(std::uint64_t n, MonoTime from) const;
  void take(std::uint64_t n, MonoTime at);
  bool at_rest(MonoTime now) const;
  void resize(const Limit& limit, MonoTime now);

 private:
  struct Entry {
    MonoTime at;
    std::uint64_t n;
  };
  Limit limit_;
  std::deque<Entry> entries_;  // oldest first; one per instant, at most `permits` of them
  std::uint64_t total_ = 0;
};

class SlidingCounter {
 public:
  SlidingCounter(const Limit& limit, MonoTime now);
  std::optional<MonoTime> earliest(std::uint64_t n, MonoTime from) const;
  void take(std::uint64_t n, MonoTime at);
  bool at_rest(MonoTime now) const;
  void resize(const Limit& limit, MonoTime now);

 private:
  void roll(std::int64_t window);
  Limit limit_;
  std::int64_t window_;
  std::uint64_t current_ = 0;
  std::uint64_t previous_ = 0;
};

/// Any one of them.
class Meter {
 public:
  /// REQUIRES: `limit` passed `validate`.
  Meter(const Limit& limit, MonoTime now);

  std::optional<MonoTime> earliest(std::uint64_t n, MonoTime from) const;
  void take(std::uint64_t n, MonoTime at);

  /// Whether forgetting this and making it anew would change nothing.
  bool at_rest(MonoTime now) const;

  /// Other permits, per or burst from now on; mints nothing. REQUIRES: the same algorithm, and for the three kinds of
  /// window the same `per`.
  void resize(const Limit& limit, MonoTime now);

 private:
  using State = std::variant<TokenBucket, Gcra, LeakyQueue, FixedWindow, SlidingLog, SlidingCounter>;
  static State make(const Limit& limit, MonoTime now);
  State state_;
};

}  // namespace rate_limiter
