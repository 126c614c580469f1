#include "lock_manager/lease.h"

#include <algorithm>
#include <stdexcept>

namespace lock_manager {

using common::mono_now;

namespace {

Duration believed(const ClientConfig& config) {
  return config.ttl * (100 - static_cast<std::int64_t>(config.drift_percent)) / 100 - config.margin;
}

}  // namespace

void validate(const ClientConfig& config) {
  const auto complain = [](const char* what) {
    throw std::invalid_argument(std::string("lock client config: ") + what);
  };
  if (config.ttl < std::chrono::milliseconds(1) || config.ttl > std::chrono::hours(24)) {
    complain("ttl must be in [1 ms, 24 h]");
  }
  if (config.drift_percent > 50) complain("drift_percent must be in [0, 50]");
  if (config.margin.count() < 0 || believed(config).count() <= 0) {
    complain("margin must be >= 0 and below ttl * (1 - drift)");
  }
}

Lease::Lease(LockServer& server, const ClientConfig& config, ServerGrant grant, MonoTime asked_at)
    : server_(&server), config_(config), token_(std::move(grant.token)), ticket_(grant.ticket) {
  believe_from(asked_at);
}

Lease::Lease(Lease&& other) noexcept
    : server_(std::exchange(other.server_, nullptr)),
      config_(other.config_),
      token_(other.token_),
      ticket_(other.ticket_),
      valid_until_(other.valid_until_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  release();
  server_ = std::exchange(other.server_, nullptr);
  config_ = other.config_;
  token_ = other.token_;
  ticket_ = other.ticket_;
  valid_until_ = other.valid_until_;
  return *this;
}

void Lease::believe_from(MonoTime asked_at) { valid_until_ = common::later(asked_at, believed(config_)); }

std::optional<Error> Lease::renew() {
  if (server_ == nullptr) return Error::lease_lost;
  const MonoTime asked_at = mono_now();  // before the request: the reply may be late
  const auto renewed = server_->renew(token_, config_.ttl);
  if (const auto* error = std::get_if<Error>(&renewed)) {
    if (*error == Error::lease_lost) server_ = nullptr;
    return *error;
  }
  believe_from(asked_at);
  return std::nullopt;
}

bool Lease::release() noexcept {
  LockServer* server = std::exchange(server_, nullptr);
  return server != nullptr && server->release(token_, ticket_);
}

PathLease& PathLease::operator=(PathLease&& other) noexcept {
  if (this == &other) return *this;
  release();
  leases_ = std::move(other.leases_);
  return *this;
}

MonoTime PathLease::valid_until() const {
  if (leases_.empty()) return MonoTime::min();
  const auto first = std::min_element(leases_.begin(), leases_.end(),
                                      [](const Lease& a, const Lease& b) { return a.valid_until() < b.valid_until(); });
  return first->valid_until();
}

bool PathLease::valid() const {
  return !leases_.empty() && std::all_of(leases_.begin(), leases_.end(), [](const Lease& l) { return l.valid(); });
}

std::optional<Error> PathLease::renew() {
  for (Lease& lease : leases_) {
    if (const auto error = lease.renew()) return error;
  }
  return std::nullopt;
}

void PathLease::release() noexcept {
  while (!leases_.empty()) leases_.pop_back();
}

LockClient::LockClient(LockServer& server, const ClientConfig& config)
    : server_(server), config_((validate(config), config)), session_(server.new_session()) {}

Result<Lease> LockClient::acquire(const std::string& key, Mode mode, MonoTime deadline, std::stop_token stop) {
  const MonoTime asked_at = mono_now();
  auto granted = server_.acquire(session_, key, mode, config_.ttl, deadline, std::move(stop));
  if (const auto* error = std::get_if<Error>(&granted)) return *error;
  Lease lease(server_, config_, std::move(std::get<ServerGrant>(granted)), asked_at);
  // It was asked for too long ago to be believed, for instance because it had to wait its turn: measured anew.
  if (!lease.valid()) {
    if (const auto error = lease.renew()) return *error;
    if (!lease.valid()) return Error::lease_lost;
  }
  return lease;
}

Result<PathLease> LockClient::acquire_path(const std::vector<std::string>& parts, Mode mode, MonoTime deadline,
                                           std::stop_token stop) {
  if (parts.empty()) return Error::invalid_argument;
  PathLease path;
  for (std::size_t n = 1; n <= parts.size(); ++n) {
    auto lease = acquire(path_key(parts, n), n == parts.size() ? mode : intention_of(mode), deadline, stop);
    if (const auto* error = std::get_if<Error>(&lease)) return *error;  // and what was acquired is released
    path.leases_.push_back(std::move(std::get<Lease>(lease)));
  }
  return path;
}

std::string path_key(const std::vector<std::string>& parts, std::size_t n) {
  std::string key;
  for (std::size_t i = 0; i < n; ++i) key += std::to_string(parts[i].size()) + ':' + parts[i] + '/';
  return key;
}

KeptLease::KeptLease(Lease lease, Duration ttl, Duration stop_margin)
    : token_(lease.token()),
      interval_(ttl / 3),
      stop_margin_(stop_margin),
      lease_(std::move(lease)),
      thread_([this](const std::stop_token& stop) { beat(stop); }) {}

void KeptLease::beat(const std::stop_token& stop) {
  MonoTime next_beat = common::later(mono_now(), interval_);
  while (!stop.stop_requested()) {
    const MonoTime stop_at = lease_.valid_until() - stop_margin_;
    {
      std::unique_lock lock(mutex_);
      stopping_.wait_until(lock, stop, std::min(next_beat, stop_at), [] { return false; });
    }
    if (stop.stop_requested()) return;
    const auto error = lease_.renew();
    next_beat = common::later(mono_now(), interval_);
    const bool late = mono_now() >= lease_.valid_until() - stop_margin_;
    if (error == Error::lease_lost || error == Error::closed || late) {
      lost_.request_stop();
      return;
    }
  }
}

void KeptLease::release() noexcept {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();  // bounded: it was told to stop, and only waits where it hears that
  lease_.release();
}

}  // namespace lock_manager
