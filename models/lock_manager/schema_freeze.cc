#include "lock_manager/schema_freeze.h"

#include <algorithm>

namespace lock_manager {
namespace {

bool good_path(const SchemaPath& path) {
  return !path.empty() && path.size() <= 3 && std::all_of(path.begin(), path.end(), [](const std::string& part) {
    return !part.empty() && part.size() <= 100;
  });
}

/// Where writes under overrides are locked: beside the tree, since no branch has an empty name.
SchemaPath beside(const SchemaPath& path) {
  SchemaPath twin = {""};
  twin.insert(twin.end(), path.begin(), path.end());
  return twin;
}

bool justifies(const std::string& text, std::size_t letters_min, std::size_t bytes_max) {
  const auto is_letter = [](unsigned char c) { return c > ' ' && c != 0x7f; };
  const auto letters = std::count_if(text.begin(), text.end(), is_letter);
  return text.size() <= bytes_max && static_cast<std::size_t>(letters) >= letters_min;
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

std::optional<Error> Freeze::renew() {
  const auto error = lease_.renew();
  if (owner_ == nullptr) return error;
  std::lock_guard lock(owner_->mutex_);
  const auto found = owner_->freezes_.find(key_);
  if (found == owner_->freezes_.end() || found->second.number != number_) return error;
  found->second.lease_until = error ? MonoTime::min() : lease_.valid_until();
  return error;
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
  auto lease = client.acquire_path(path, Mode::exclusive, deadline, stop);
  if (const auto* error = std::get_if<Error>(&lease)) return *error;
  PathLease& held = std::get<PathLease>(lease);
  // What is still being written under an override of the freeze before; under this one nothing can be yet.
  auto writes = client.acquire_path(beside(path), Mode::exclusive, deadline, stop);
  if (const auto* error = std::get_if<Error>(&writes)) return *error;
  std::get<PathLease>(writes).release();
  const std::uint64_t number = held.leaf().token().number();
  std::string key = path_key(path, path.size());
  {
    std::lock_guard lock(mutex_);
    const Progress begun{number, 0, common::mono_now(), held.valid_until()};
    const auto [it, added] = freezes_.try_emplace(key, begun);
    // One whose lease ran out may still be listed; the larger token is the present one.
    if (!added && it->second.number < number) it->second = begun;
  }
  return Freeze(*this, std::move(key), number, std::move(held));
}

Override::Override(Override&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      path_(std::move(other.path_)),
      freeze_key_(std::move(other.freeze_key_)),
      freeze_(other.freeze_),
      until_(other.until_) {}

bool Override::live() const {
  return owner_ != nullptr && common::mono_now() < until_ && owner_->is_on(freeze_key_, freeze_);
}

bool SchemaFreeze::is_on(const std::string& key, std::uint64_t number) {
  std::lock_guard lock(mutex_);
  const auto found = freezes_.find(key);
  return found != freezes_.end() && found->second.number == number && common::mono_now() < found->second.lease_until;
}

Result<Override> SchemaFreeze::override_freeze(const SchemaPath& path, const std::string& principal,
                                               const std::string& justification, Duration time) {
  if (!good_path(path) || !justifies(principal, 1, principal_bytes_max)) return Error::invalid_argument;
  if (!justifies(justification, justification_letters_min, justification_bytes_max)) return Error::invalid_argument;
  if (time <= Duration::zero() || time > override_time_max) return Error::invalid_argument;
  std::string key;
  std::uint64_t number = 0;
  {
    std::lock_guard lock(mutex_);
    for (std::size_t n = 1; n <= path.size() && number == 0; ++n) {
      key = path_key(path, n);
      const auto found = freezes_.find(key);
      if (found != freezes_.end() && common::mono_now() < found->second.lease_until) number = found->second.number;
    }
  }
  if (number == 0) return Error::not_found;
  const MonoTime until = common::later(common::mono_now(), time);  // the audit's time is the override's
  try {
    if (!audit_ || !audit_({principal, justification, path, number, time})) return Error::unavailable;
  } catch (...) {
    return Error::unavailable;
  }
  return Override(*this, path, std::move(key), number, until);
}

Result<EmergencyPass> SchemaFreeze::begin_write(const Override& leave, const SchemaPath& path) {
  if (!good_path(path)) return Error::invalid_argument;
  const bool below = path.size() >= leave.path_.size() && std::equal(leave.path_.begin(), leave.path_.end(), path.begin());
  if (leave.owner_ != this || !below) return Error::forbidden;
  LockClient client(server_, config_);
  auto lease = client.acquire_path(beside(path), Mode::intent_exclusive, MonoTime::min());
  if (const auto* error = std::get_if<Error>(&lease)) return *error;
  // Looked at under the lock that the next freeze has to wait for: it is this freeze's write, or none.
  if (!leave.live()) return Error::lease_lost;
  PathLease& held = std::get<PathLease>(lease);
  // Numbers grow over all keys, so this one guards the resource as that of an ordinary pass would.
  FencingToken token = FencingToken::from_wire(path_key(path, path.size()), held.leaf().token().number());
  return EmergencyPass(std::move(held), std::move(token), leave.until_);
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
