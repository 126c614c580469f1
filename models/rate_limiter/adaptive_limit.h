// A bound on concurrency that finds itself from response times: additive increase and multiplicative decrease, or a
// gradient (after T.C.P. Vegas as Netflix's concurrency-limits and Envoy use it).
//
//   aimd      dropped, or slower than timeout: limit * backoff%; else where at least half the limit was in flight: + 1
//   gradient  gradient = clamp(baseline * tolerance% / rtt, 50%, 100%);  limit * gradient + sqrt(limit), moved there by
//             smoothing%; a drop counts as a sample at the lower clamp. The baseline is the least rtt of the last
//             `baseline_samples` to 2*baseline_samples samples, so that it follows a dependency that became slower
//             for good.
// Invariants: limit_min <= limit <= limit_max; in flight <= limit when a permit is granted; a sample with a response
// time <= 0 moves nothing (so a poisoned clock or a call that failed at once cannot teach a false baseline: a failed
// call must be reported as dropped); all arithmetic is in integers, the limit in thousandths.
// Any thread. A Permit is move-only and returns itself, unsampled, when destroyed.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "common/error.h"
#include "common/time.h"

namespace rate_limiter {

using common::Duration;
using common::MonoTime;

enum class AdaptiveRule : std::uint8_t { aimd, gradient };

struct AdaptiveConfig {
  AdaptiveRule rule = AdaptiveRule::aimd;
  std::uint32_t limit_min = 1;                 ///< 1 .. limit_max
  std::uint32_t limit_max = 1'000;             ///< limit_min .. 1,000,000
  std::uint32_t limit_initial = 20;            ///< limit_min .. limit_max
  std::uint32_t backoff_percent = 90;          ///< aimd: 50 .. 99
  Duration timeout = std::chrono::seconds(5);  ///< aimd: 1 us .. 1 h
  std::uint32_t tolerance_percent = 150;       ///< gradient: 100 .. 1,000
  std::uint32_t smoothing_percent = 20;        ///< gradient: 1 .. 100
  std::uint32_t baseline_samples = 100;        ///< gradient: 1 .. 1,000,000
};

/// Throws std::invalid_argument naming field, value and range.
void validate(const AdaptiveConfig& config);

/// The rule alone: sequential, without a clock.
class AdaptiveRuleState {
 public:
  explicit AdaptiveRuleState(const AdaptiveConfig& config);
  void sample(Duration rtt, std::uint32_t in_flight, bool dropped);
  std::uint32_t limit() const { return static_cast<std::uint32_t>(limit_milli_ / 1000); }

 private:
  void sample_aimd(Duration rtt, std::uint32_t in_flight, bool dropped);
  void sample_gradient(Duration rtt, std::uint32_t in_flight, bool dropped);
  void set(std::int64_t limit_milli);

  const AdaptiveConfig config_;
  std::int64_t limit_milli_;
  Duration baseline_now_ = Duration::max();     // least of the present batch of samples
  Duration baseline_before_ = Duration::max();  // of the batch before
  std::uint32_t batch_ = 0;
};

class AdaptiveLimiter {
 public:
  class Permit {
   public:
    Permit(Permit&& other) noexcept
        : limiter_(std::exchange(other.limiter_, nullptr)),
          id_(other.id_),
          started_(other.started_),
          in_flight_(other.in_flight_) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() { end(std::nullopt); }
    void success() { end(false); }
    void dropped() { end(true); }  ///< refused for load, timed out, or failed
    void ignore() { end(std::nullopt); }
    std::uint64_t id() const { return id_; }  ///< unique within a limiter, from 1

   private:
    friend class AdaptiveLimiter;
    Permit(AdaptiveLimiter& limiter, std::uint64_t id, MonoTime started, std::uint32_t in_flight)
        : limiter_(&limiter), id_(id), started_(started), in_flight_(in_flight) {}
    void end(std::optional<bool> dropped) noexcept;

    AdaptiveLimiter* limiter_;  // null once ended or moved from
    std::uint64_t id_;
    MonoTime started_;
    std::uint32_t in_flight_;  // this one included, when it began
  };

  explicit AdaptiveLimiter(const AdaptiveConfig& config) : rule_(config) {}
  AdaptiveLimiter(const AdaptiveLimiter&) = delete;
  AdaptiveLimiter& operator=(const AdaptiveLimiter&) = delete;

  /// Error::overloaded where `limit` are in flight.
  common::Result<Permit> try_acquire();

  std::uint32_t limit() const;
  std::uint32_t in_flight() const;

 private:
  mutable std::mutex mutex_;
  AdaptiveRuleState rule_;       // guarded by mutex_
  std::uint32_t in_flight_ = 0;  // guarded by mutex_
  std::uint64_t last_id_ = 0;    // guarded by mutex_
};

}  // namespace rate_limiter
