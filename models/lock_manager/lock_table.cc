#include "lock_manager/lock_table.h"

#include <algorithm>

namespace lock_manager {

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::intent_shared:
      return "intent_shared";
    case Mode::intent_exclusive:
      return "intent_exclusive";
    case Mode::shared:
      return "shared";
    case Mode::exclusive:
      return "exclusive";
  }
  return "invalid";
}

Result<Ticket> LockTable::request(Session session, const std::string& key, Mode mode, Duration ttl, MonoTime now) {
  expire(now);
  if (tokens_to_spare() == 0) return Error::unavailable;
  auto it = entries_.find(key);
  if (it == entries_.end()) {
    if (entries_.size() >= keys_max_) return Error::overloaded;
    it = entries_.try_emplace(key).first;
  }
  Entry& entry = it->second;
  const Waiter waiter{++last_ticket_, session, mode, ttl};
  bool holds_key = false, holds_mode = false;
  for (const Holder& holder : entry.holders) {
    if (holder.session != session) continue;
    holds_key = true;
    if (holder.mode == mode) holds_mode = true;
  }
  const bool overtakes =
      !holds_key && std::any_of(entry.waiters.begin(), entry.waiters.end(), [&](const Waiter& other) {
        return other.session != session && !compatible(other.mode, mode);
      });
  if (holds_mode || (!overtakes && !excluded_by_holder(entry, session, mode))) {
    given_[waiter.ticket] = {key, grant(key, entry, waiter, now)};
    return waiter.ticket;
  }
  return queue(entry, key, waiter, holds_key, now);
}

/// `first`: it holds the key already, so behind those who wait for it to let go it could never be granted.
Result<Ticket> LockTable::queue(Entry& entry, const std::string& key, const Waiter& waiter, bool first, MonoTime now) {
  if (tickets_.size() >= waiters_max_) return Error::overloaded;
  entry.waiters.insert(first ? entry.waiters.begin() : entry.waiters.end(), waiter);
  tickets_.emplace(waiter.ticket, key);
  if (closes_cycle(waiter.session)) {
    withdraw(waiter.ticket, now);
    return Error::deadlock;
  }
  return waiter.ticket;
}

void LockTable::provide_tokens(std::uint64_t first, std::uint64_t end) {
  if (first < tokens_end_) return;
  next_token_ = first;
  tokens_end_ = end;
}

std::optional<Grant> LockTable::granted(Ticket ticket) {
  const auto found = given_.find(ticket);
  if (found == given_.end()) return std::nullopt;
  const Grant grant = found->second.grant;
  given_.erase(found);
  return grant;
}

void LockTable::withdraw(Ticket ticket, MonoTime now) {
  if (const auto given = given_.find(ticket); given != given_.end()) {
    const Given gone = given->second;
    given_.erase(given);
    release(gone.key, gone.grant.token, ticket, now);
    return;
  }
  const auto waiting = tickets_.find(ticket);
  if (waiting == tickets_.end()) return;
  const auto it = entries_.find(waiting->second);
  tickets_.erase(waiting);
  std::erase_if(it->second.waiters, [&](const Waiter& waiter) { return waiter.ticket == ticket; });
  promote(it, now);  // those behind it may have waited for nothing else
}

Result<MonoTime> LockTable::renew(const std::string& key, std::uint64_t token, Duration ttl, MonoTime now) {
  expire(now);
  const auto it = entries_.find(key);
  if (it == entries_.end()) return Error::lease_lost;
  for (Holder& holder : it->second.holders) {
    if (holder.token != token) continue;
    const MonoTime expires = std::max(holder.expires, common::later(now, ttl));
    expiries_.erase({holder.expires, {key, token}});
    expiries_.insert({expires, {key, token}});
    return holder.expires = expires;
  }
  return Error::lease_lost;
}

bool LockTable::release(const std::string& key, std::uint64_t token, Ticket ticket, MonoTime now) {
  expire(now);
  const auto it = entries_.find(key);
  if (it == entries_.end()) return false;
  auto& holders = it->second.holders;
  for (std::size_t i = 0; i < holders.size(); ++i) {
    if (holders[i].token != token) continue;
    if (holders[i].requests.erase(ticket) == 0) return false;
    if (holders[i].requests.empty()) {
      drop(it, i);
      promote(it, now);
    }
    return true;
  }
  return false;
}

void LockTable::expire(MonoTime now) {
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    const auto key = expiries_.begin()->second.first;
    const auto token = expiries_.begin()->second.second;
    const auto it = entries_.find(key);
    auto& holders = it->second.holders;
    const auto holder = std::find_if(holders.begin(), holders.end(), [&](const Holder& h) { return h.token == token; });
    drop(it, static_cast<std::size_t>(holder - holders.begin()));
    promote(it, now);
  }
}

std::optional<MonoTime> LockTable::next_expiry() const {
  if (expiries_.empty()) return std::nullopt;
  return expiries_.begin()->first;
}

std::size_t LockTable::holders(const std::string& key) const {
  const auto it = entries_.find(key);
  return it == entries_.end() ? 0 : it->second.holders.size();
}

bool LockTable::excluded_by_holder(const Entry& entry, Session session, Mode mode) const {
  return std::any_of(entry.holders.begin(), entry.holders.end(),
                     [&](const Holder& holder) { return holder.session != session && !compatible(holder.mode, mode); });
}

/// Whom the session's waiting requests wait for: holders that exclude them, and waiters before them that do.
void LockTable::blockers(Session session, std::set<Session>& out) const {
  for (const auto& [ticket, key] : tickets_) {
    const Entry& entry = entries_.at(key);
    const auto waiter = std::find_if(entry.waiters.begin(), entry.waiters.end(),
                                     [ticket = ticket](const Waiter& w) { return w.ticket == ticket; });
    if (waiter->session != session) continue;
    for (const Holder& holder : entry.holders) {
      if (holder.session != session && !compatible(holder.mode, waiter->mode)) out.insert(holder.session);
    }
    for (auto before = entry.waiters.begin(); before != waiter; ++before) {
      if (before->session != session) out.insert(before->session);
    }
  }
}

bool LockTable::closes_cycle(Session requester) const {
  std::set<Session> seen, todo;
  blockers(requester, todo);
  while (!todo.empty()) {
    const Session session = *todo.begin();
    todo.erase(todo.begin());
    if (session == requester) return true;
    if (seen.insert(session).second) blockers(session, todo);
  }
  return false;
}

Grant LockTable::grant(const std::string& key, Entry& entry, const Waiter& waiter, MonoTime now) {
  const MonoTime expires = common::later(now, waiter.ttl);
  for (Holder& holder : entry.holders) {
    if (holder.session != waiter.session || holder.mode != waiter.mode) continue;
    holder.requests.insert(waiter.ticket);
    expiries_.erase({holder.expires, {key, holder.token}});
    holder.expires = std::max(holder.expires, expires);
    expiries_.insert({holder.expires, {key, holder.token}});
    return {holder.token, holder.expires};
  }
  entry.holders.push_back({waiter.session, waiter.mode, next_token_, {waiter.ticket}, expires});
  expiries_.insert({expires, {key, next_token_}});
  return {next_token_++, expires};
}

/// Grants from the head of the queue as long as the head can be granted; forgets a key that nobody uses.
void LockTable::promote(Entries::iterator it, MonoTime now) {
  Entry& entry = it->second;
  while (!entry.waiters.empty()) {
    const Waiter waiter = entry.waiters.front();
    if (excluded_by_holder(entry, waiter.session, waiter.mode)) break;
    entry.waiters.pop_front();
    tickets_.erase(waiter.ticket);
    given_[waiter.ticket] = {it->first, grant(it->first, entry, waiter, now)};
  }
  if (entry.waiters.empty() && entry.holders.empty()) entries_.erase(it);
}

void LockTable::drop(Entries::iterator it, std::size_t holder) {
  auto& holders = it->second.holders;
  expiries_.erase({holders[holder].expires, {it->first, holders[holder].token}});
  holders.erase(holders.begin() + static_cast<std::ptrdiff_t>(holder));
}

}  // namespace lock_manager
