#include "lock_manager/schema_freeze.h"

#include <algorithm>

namespace lock_manager {
namespace {

bool good_path(const SchemaPath& path) {
  return !path.empty() && path.size() <= 3 && std::all_of(path.begin(), path.end(), [](const std::string& part) {
    return !part.empty() && part.size() <= 100;
  });
}

}  // namespace

Freeze::Freeze(Freeze&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      key_(std::move(other.key_)),
      number_(other.number_),
      lease_(std::move(other.lease_)) {}

void Freeze::set_progress(std::uint32_t percent) {
  if (owner_ == nullptr) return;
  std::lock_guard lock(owner_->mutex_);
  const auto found = owner_->freezes_.find(key_);
  if (found == owner_->freezes_.end() || found->second.number != number_) return;
  found->second.percent = std::max(found->second.percent, std::min(percent, 100U));
}

void Freeze::end() noexcept {
  SchemaFreeze* owner = std::exchange(owner_, nullptr);
  if (owner == nullptr) return;
  {
    std::lock_guard lock(owner->mutex_);
    const auto found = owner->freezes_.find(key_);
    if (found != owner->freezes_.end() && found->second.number == number_) owner->freezes_.erase(found);
  }
  lease_.release();
}

Result<Freeze> SchemaFreeze::freeze(const SchemaPath& path, MonoTime deadline, std::stop_token stop) {
  if (!good_path(path)) return Error::invalid_argument;
  LockClient client(server_, config_);  // a session of its own: freezes exclude each other
  auto lease = client.acquire_path(path, Mode::exclusive, deadline, std::move(stop));
  if (const auto* error = std::get_if<Error>(&lease)) return *error;
  PathLease& held = std::get<PathLease>(lease);
  const std::uint64_t number = held.leaf().token().number();
  std::string key = path_key(path, path.size());
  {
    std::lock_guard lock(mutex_);
    const auto [it, added] = freezes_.try_emplace(key, Progress{number, 0, common::mono_now()});
    // One whose lease ran out may still be listed; the larger token is the present one.
    if (!added && it->second.number < number) it->second = {number, 0, common::mono_now()};
  }
  return Freeze(*this, std::move(key), number, std::move(held));
}

std::variant<PathLease, Frozen, Error> SchemaFreeze::begin_write(const SchemaPath& path) {
  if (!good_path(path)) return Error::invalid_argument;
  LockClient client(server_, config_);
  auto lease = client.acquire_path(path, Mode::intent_exclusive, MonoTime::min());
  if (auto* pass = std::get_if<PathLease>(&lease)) return std::move(*pass);
  const Error error = std::get<Error>(lease);
  if (error != Error::locked) return error;
  return describe(path);
}

/// The freeze on the path or on a whole around it; one that still waits for its lock has no progress to tell.
Frozen SchemaFreeze::describe(const SchemaPath& path) {
  Frozen frozen;
  frozen.eta = config_.ttl;
  {
    std::lock_guard lock(mutex_);
    for (std::size_t n = 1; n <= path.size(); ++n) {
      const auto found = freezes_.find(path_key(path, n));
      if (found == freezes_.end()) continue;
      const Progress& progress = found->second;
      frozen.progress_percent = progress.percent;
      if (progress.percent > 0) {
        const Duration elapsed = common::mono_now() - progress.since;
        frozen.eta = elapsed / progress.percent * (100 - progress.percent);
      }
      break;
    }
  }
  frozen.retry_after_s = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(frozen.eta).count());
  return frozen;
}

}  // namespace lock_manager
