// A retry budget over a sliding window, shared by all who call one dependency, and by nested layers.
//
// A retry is reserved when it is scheduled, before its back-off, and spent when it is sent; so callers that back off
// together cannot all pass a check that each alone would pass. Invariant, whenever a reservation is granted at t (RB2):
//   retries spent in (t - window, t] + reservations out <= max(floor, percent of requests in (t - window, t])
// Time is cut into `slices`: spent retries are counted as long as any part of their slice is in the window, requests
// only as long as all of it is, so the bound is exact and slightly strict. Any thread. The budget must outlive its
// reservations.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "common/time.h"

namespace retry {

using common::Duration;
using common::MonoTime;

struct BudgetConfig {
  Duration window = std::chrono::seconds(10);  ///< 1 ms .. 1 h
  std::uint32_t slices = 20;                   ///< 1 .. 1,000; divides window
  std::uint32_t percent = 20;                  ///< 0 .. 1,000 of the window's requests
  std::uint32_t floor = 3;                     ///< 0 .. 1,000,000 retries even with few requests
};

/// Throws std::invalid_argument.
void validate(const BudgetConfig& config);

/// The arithmetic: sequential, time as an argument. Earlier times are read as the latest seen.
class BudgetCore {
 public:
  BudgetCore(const BudgetConfig& config, MonoTime now);
  void request(MonoTime now);
  bool reserve(MonoTime now);
  void spend(MonoTime now);  ///< REQUIRES: a reservation is out
  void give_back() { --reserved_; }
  std::uint64_t reserved() const { return reserved_; }

 private:
  struct Slice {
    std::int64_t number = -1;
    std::uint64_t requests = 0;
    std::uint64_t retries = 0;
  };
  Slice& slice_at(MonoTime now);

  const BudgetConfig config_;
  MonoTime start_;
  MonoTime now_;
  Duration width_;
  std::vector<Slice> ring_;  // one slice more than the window holds: the one that is half in it
  std::uint64_t reserved_ = 0;
};

class RetryBudget {
 public:
  /// Leave for one retry. Move-only; given back by its destruction unless spent.
  class Reservation {
   public:
    Reservation(Reservation&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), id_(other.id_) {}
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation();
    void spend();  ///< the retry is sent; idempotent
    std::uint64_t id() const { return id_; }  ///< unique within a budget, from 1

   private:
    friend class RetryBudget;
    Reservation(RetryBudget& budget, std::uint64_t id) : budget_(&budget), id_(id) {}
    RetryBudget* budget_;  // null once spent or moved from
    std::uint64_t id_;
  };

  explicit RetryBudget(const BudgetConfig& config) : core_(config, common::mono_now()) {}
  RetryBudget(const RetryBudget&) = delete;
  RetryBudget& operator=(const RetryBudget&) = delete;

  /// Counts a first attempt.
  void request();

  /// Nothing where it would exceed the budget.
  std::optional<Reservation> reserve();

 private:
  std::mutex mutex_;
  BudgetCore core_;            // guarded by mutex_
  std::uint64_t last_id_ = 0;  // guarded by mutex_
};

}  // namespace retry
