#include "retry/budget.h"

#include <algorithm>
#include <stdexcept>

namespace retry {

void validate(const BudgetConfig& config) {
  using namespace std::chrono_literals;
  const auto require = [](bool good, const char* what) {
    if (!good) throw std::invalid_argument(what);
  };
  require(config.window >= 1ms && config.window <= 1h, "retry budget config: window must be in [1 ms, 1 h]");
  require(config.slices >= 1 && config.slices <= 1000, "retry budget config: slices must be in [1, 1000]");
  require(config.window.count() % config.slices == 0, "retry budget config: slices must divide window into whole ns");
  require(config.percent <= 1000, "retry budget config: percent must be in [0, 1000]");
  require(config.floor <= 1'000'000, "retry budget config: floor must be in [0, 1000000]");
}

BudgetCore::BudgetCore(const BudgetConfig& config, MonoTime now)
    : config_((validate(config), config)),
      start_(now),
      now_(now),
      width_(config.window / config.slices),
      ring_(config.slices + 1) {}

BudgetCore::Slice& BudgetCore::slice_at(MonoTime now) {
  now_ = std::max(now_, now);
  const std::int64_t number = (now_ - start_) / width_;
  Slice& slice = ring_[static_cast<std::size_t>(number) % ring_.size()];
  if (slice.number != number) slice = {number, 0, 0};
  return slice;
}

void BudgetCore::request(MonoTime now) { ++slice_at(now).requests; }

bool BudgetCore::reserve(MonoTime now) {
  const std::int64_t present = slice_at(now).number;
  std::uint64_t requests = 0, retries = 0;
  for (const Slice& slice : ring_) {
    const std::int64_t age = present - slice.number;
    if (slice.number < 0 || age > config_.slices) continue;
    retries += slice.retries;
    if (age < config_.slices) requests += slice.requests;  // the oldest is partly outside
  }
  const std::uint64_t allowed = std::max<std::uint64_t>(config_.floor, requests * config_.percent / 100);
  if (retries + reserved_ >= allowed) return false;
  ++reserved_;
  return true;
}

void BudgetCore::spend(MonoTime now) {
  --reserved_;
  ++slice_at(now).retries;
}

RetryBudget::Reservation::~Reservation() {
  if (budget_ == nullptr) return;
  std::lock_guard lock(budget_->mutex_);
  budget_->core_.give_back();
}

void RetryBudget::Reservation::spend() {
  RetryBudget* budget = std::exchange(budget_, nullptr);
  if (budget == nullptr) return;
  std::lock_guard lock(budget->mutex_);
  budget->core_.spend(common::mono_now());
}

void RetryBudget::request() {
  std::lock_guard lock(mutex_);
  core_.request(common::mono_now());
}

std::optional<RetryBudget::Reservation> RetryBudget::reserve() {
  std::lock_guard lock(mutex_);
  if (!core_.reserve(common::mono_now())) return std::nullopt;
  return Reservation(*this, ++last_id_);
}

}  // namespace retry
