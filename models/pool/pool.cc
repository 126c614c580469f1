#include "pool/pool.h"

#include <algorithm>
#include <stdexcept>

namespace pool {

using common::mono_now;

void validate(const Config& config) {
  using namespace std::chrono_literals;
  const auto require = [](bool good, const char* what) {
    if (!good) throw std::invalid_argument(std::string("pool config: ") + what);
  };
  require(config.size >= 1 && config.size <= 10'000, "size must be in [1, 10000]");
  require(config.overflow <= 10'000, "overflow must be in [0, 10000]");
  require(config.server_max >= config.size + config.overflow, "size + overflow must be at most server_max");
  require(config.waiters_max <= 1'000'000, "waiters_max must be in [0, 1000000]");
  require(config.lifetime_max >= 1s && config.lifetime_max <= 24h, "lifetime_max must be in [1 s, 24 h]");
  require(config.idle_max >= 1s && config.idle_max <= 24h, "idle_max must be in [1 s, 24 h]");
  require(config.jitter_percent <= 50, "jitter_percent must be in [0, 50]");
  require(config.reset_timeout >= 1ms && config.reset_timeout <= 1min, "reset_timeout must be in [1 ms, 1 min]");
  require(config.leak_after >= 1ms && config.leak_after <= 24h, "leak_after must be in [1 ms, 24 h]");
}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  pool_ = other.pool_;
  id_ = other.id_;
  item_ = std::move(other.item_);
  broken_ = other.broken_;
  return *this;
}

void Lease::give_back() noexcept {
  if (item_) pool_->give_back(std::move(item_), id_, broken_);
}

Pool::Pool(const Config& config, Connect connect) : config_((validate(config), config)), connect_(std::move(connect)) {}
Pool::~Pool() { close(MonoTime::min()); }

Result<Lease> Pool::checkout(MonoTime deadline, const std::string& owner, std::stop_token stop) {
  Lock lock(mutex_);
  for (;;) {
    if (closed_) return Error::closed;
    if (stop.stop_requested()) return Error::cancelled;
    std::vector<std::unique_ptr<Item>> old;
    auto item = line_.empty() ? take_idle(old) : nullptr;
    const bool looked_at_old = !old.empty();
    if (looked_at_old) discard(lock, std::move(old));
    if (item && closed_) {
      put(lock, std::move(item));
      return Error::closed;
    }
    if (item) return lend(std::move(item), owner);
    if (looked_at_old) continue;  // the lock was left: look again
    Result<std::unique_ptr<Item>> got = Error::internal;
    if (line_.empty() && counts_.total() < config_.size + config_.overflow) {
      ++counts_.connecting;
      got = connect(lock, deadline, stop);
    } else {
      got = wait_in_line(lock, deadline, stop);
    }
    if (auto* error = std::get_if<Error>(&got)) return *error;
    return lend(std::move(std::get<std::unique_ptr<Item>>(got)), owner);
  }
}

/// The most recently used that is still good, so that the others may grow old; it counts as leased from here on. Those
/// too old are the caller's to discard, and count as closing.
std::unique_ptr<Pool::Item> Pool::take_idle(std::vector<std::unique_ptr<Item>>& old) {
  const MonoTime now = mono_now();
  while (!idle_.empty()) {
    auto item = std::move(idle_.back());
    idle_.pop_back();
    --counts_.idle;
    if (!too_old(*item, now)) {
      ++counts_.leased;
      return item;
    }
    ++counts_.closing;
    old.push_back(std::move(item));
  }
  return nullptr;
}

Result<std::unique_ptr<Pool::Item>> Pool::wait_in_line(Lock& lock, MonoTime deadline, const std::stop_token& stop) {
  if (mono_now() >= deadline) {
    ++counts_.timeouts;
    return Error::pool_timeout;
  }
  if (line_.size() >= config_.waiters_max) return Error::overloaded;
  Waiter self{deadline};
  const auto place = line_.insert(line_.end(), &self);
  self.woken.wait_until(lock, stop, deadline, [&] { return !self.in_line || closed_; });
  if (self.in_line) line_.erase(place);
  if (self.item && closed_) {
    put(lock, std::move(self.item));
    return Error::closed;
  }
  // What was given is taken, also where the deadline or a stop came with it: nothing is lost.
  if (self.item) return std::move(self.item);
  if (self.may_connect) return connect(lock, deadline, stop);
  if (closed_) return Error::closed;
  if (stop.stop_requested()) return Error::cancelled;
  ++counts_.timeouts;
  return Error::pool_timeout;
}

/// REQUIRES: counted as connecting.
Result<std::unique_ptr<Pool::Item>> Pool::connect(Lock& lock, MonoTime deadline, const std::stop_token& stop) {
  lock.unlock();
  Result<std::unique_ptr<Connection>> made = Error::internal;
  try {
    made = connect_(deadline);
  } catch (...) {
    // stays Error::internal: a connector's trouble is this caller's error, not its exception
  }
  lock.lock();
  --counts_.connecting;
  auto* connection = std::get_if<std::unique_ptr<Connection>>(&made);
  if (connection == nullptr || *connection == nullptr) {
    ++counts_.connect_failures;
    offer_places();  // the next in line may have more luck, or hears for itself
    all_back_.notify_all();
    return connection == nullptr ? std::get<Error>(made) : Error::internal;
  }
  const std::int64_t lifetime = config_.lifetime_max.count();
  const auto draw = static_cast<std::int64_t>(++counts_.opened * 0x9e3779b97f4a7c15 >> 48);  // spreads, 16 bits
  const MonoTime now = mono_now();
  auto item = std::make_unique<Item>(Item{
      std::move(*connection), now + Duration(lifetime - lifetime / 100 * config_.jitter_percent / 65536 * draw), now});
  ++counts_.leased;
  if (!closed_ && !stop.stop_requested() && now <= deadline) return item;
  put(lock, std::move(item));  // too late for this caller: it is the next one's
  if (closed_) return Error::closed;
  if (stop.stop_requested()) return Error::cancelled;
  ++counts_.timeouts;
  return Error::pool_timeout;
}

Lease Pool::lend(std::unique_ptr<Item> item, const std::string& owner) {
  loans_.emplace(++last_lease_, Loan{mono_now(), owner});
  return Lease(*this, last_lease_, std::move(item));
}

void Pool::give_back(std::unique_ptr<Item> item, std::uint64_t lease, bool broken) {
  bool good = false;
  try {
    good = !broken && item->connection->reset(common::later(mono_now(), config_.reset_timeout));
  } catch (...) {
    // one that cannot be reset is broken
  }
  Lock lock(mutex_);
  const auto loan = loans_.find(lease);
  if (loan->second.reported) ++counts_.leaks_returned;
  loans_.erase(loan);
  if (!good) item->good_until = MonoTime::min();
  put(lock, std::move(item));
}

/// Gives a connection that counts as leased to the first in line, or keeps it, or closes it.
void Pool::put(Lock& lock, std::unique_ptr<Item> item) {
  const MonoTime now = mono_now();
  item->idle_since = now;
  if (!closed_ && !too_old(*item, now)) {
    if (Waiter* waiter = next_waiter()) {
      waiter->item = std::move(item);  // and stays counted as leased
      waiter->woken.notify_one();
      return;
    }
    if (counts_.total() <= config_.size) {
      --counts_.leased;
      ++counts_.idle;
      idle_.push_back(std::move(item));
      return;
    }
  }
  --counts_.leased;
  ++counts_.closing;
  std::vector<std::unique_ptr<Item>> items;
  items.push_back(std::move(item));
  discard(lock, std::move(items));
}

/// Closes connections that count as closing, with the lock left for the while.
void Pool::discard(Lock& lock, std::vector<std::unique_ptr<Item>> items) {
  const std::size_t count = items.size();
  lock.unlock();
  items.clear();
  lock.lock();
  counts_.closing -= count;
  counts_.closed += count;
  offer_places();
  all_back_.notify_all();
}

/// The first in line whose deadline has not passed, out of line; it must be given something.
Pool::Waiter* Pool::next_waiter() {
  const MonoTime now = mono_now();
  while (!line_.empty()) {
    Waiter* waiter = line_.front();
    line_.pop_front();
    waiter->in_line = false;
    if (now <= waiter->deadline) return waiter;
    waiter->woken.notify_one();
  }
  return nullptr;
}

/// Where there is room and somebody waits, they may connect.
void Pool::offer_places() {
  while (!closed_ && counts_.total() < config_.size + config_.overflow) {
    Waiter* waiter = next_waiter();
    if (waiter == nullptr) return;
    ++counts_.connecting;
    waiter->may_connect = true;
    waiter->woken.notify_one();
  }
}

bool Pool::too_old(const Item& item, MonoTime now) const {
  return now >= item.good_until || now - item.idle_since >= config_.idle_max;
}

void Pool::maintain() {
  Lock lock(mutex_);
  const MonoTime now = mono_now();
  std::vector<std::unique_ptr<Item>> old;
  for (auto it = idle_.begin(); it != idle_.end();) {
    if (!too_old(**it, now)) {
      ++it;
      continue;
    }
    old.push_back(std::move(*it));
    it = idle_.erase(it);
    --counts_.idle;
    ++counts_.closing;
  }
  if (!old.empty()) discard(lock, std::move(old));
}

std::vector<Leak> Pool::new_leaks() {
  std::lock_guard lock(mutex_);
  const MonoTime now = mono_now();
  std::vector<Leak> leaks;
  for (auto& [id, loan] : loans_) {
    if (loan.reported || now - loan.since < config_.leak_after) continue;
    loan.reported = true;
    ++counts_.leaks_reported;
    leaks.push_back({id, loan.owner, now - loan.since});
  }
  return leaks;
}

bool Pool::close(MonoTime deadline) {
  Lock lock(mutex_);
  closed_ = true;
  for (Waiter* waiter : line_) waiter->woken.notify_one();
  std::vector<std::unique_ptr<Item>> idle;
  for (auto& item : idle_) idle.push_back(std::move(item));
  idle_.clear();
  counts_.idle -= idle.size();
  counts_.closing += idle.size();
  if (!idle.empty()) discard(lock, std::move(idle));
  const auto all_back = [&] { return counts_.total() == 0; };
  return mono_now() < deadline ? all_back_.wait_until(lock, deadline, all_back) : all_back();
}

Snapshot Pool::snapshot() const {
  std::lock_guard lock(mutex_);
  Snapshot result = counts_;
  result.waiting = line_.size();
  return result;
}

}  // namespace pool
