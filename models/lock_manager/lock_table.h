// Who holds which lock, and who waits: the lock server as a sequential machine. No lock, no clock, no I/O.
//
// Rules, per key:
//   - holders of different sessions are compatible with each other; a session's own locks never exclude each other
//     (LK1);
//   - waiters are granted in order of arrival; a newcomer that is compatible with all holders still waits behind a
//     waiter that it would overtake (LK9). A session that already holds the key goes before those who wait for it;
//   - asking again for a mode already held is granted at once: the same token, held once more (re-entrant);
//   - a grant ends by release as many times as it was acquired, or when its lease runs out, which at an instant equal
//     to its end it has (LK11). It is matched by its token, never by name (LK5);
//   - a request that would close a cycle of waits is refused as a deadlock (LK10).
// Tokens are taken from the caller, who makes sure that they grow (LK2). Every table is bounded.
// Not thread safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lock_manager/types.h"

namespace lock_manager {

using Session = std::uint64_t;
using Ticket = std::uint64_t;  ///< names one request, from 1

struct Grant {
  std::uint64_t token = 0;
  MonoTime expires;
};

class LockTable {
 public:
  LockTable(std::size_t keys_max, std::size_t waiters_max) : keys_max_(keys_max), waiters_max_(waiters_max) {}

  /// Grants, or queues the request (then `granted` tells when it is granted), or refuses it: deadlock, overloaded.
  Result<Ticket> request(Session session, const std::string& key, Mode mode, Duration ttl, MonoTime now);

  /// The grant of a request, once. The lease runs from the instant of granting.
  std::optional<Grant> granted(Ticket ticket);

  /// Takes a request out of the queue; where it has been granted already, releases it.
  void withdraw(Ticket ticket, MonoTime now);

  /// Error: lease_lost.
  Result<MonoTime> renew(const std::string& key, std::uint64_t token, Duration ttl, MonoTime now);

  /// False where nothing with that token is held (any more).
  /// `ticket` is the request that is given up: doing so twice, after a lost reply, is doing it once.
  bool release(const std::string& key, std::uint64_t token, Ticket ticket, MonoTime now);

  /// Ends leases whose time has come and grants what that makes possible.
  void expire(MonoTime now);

  /// When `expire` next has something to do.
  std::optional<MonoTime> next_expiry() const;

  /// Tokens to hand out, in place of those left; ignored where they are not newer. Requests that could not be given one
  /// are refused as unavailable, so whoever waits has one.
  void provide_tokens(std::uint64_t first, std::uint64_t end);
  std::uint64_t tokens_to_spare() const { return tokens_end_ - next_token_ - tickets_.size(); }

  std::size_t holders(const std::string& key) const;

 private:
  struct Holder {
    Session session;
    Mode mode;
    std::uint64_t token;
    std::set<Ticket> requests;  // it is held once by each
    MonoTime expires;
  };
  struct Waiter {
    Ticket ticket;
    Session session;
    Mode mode;
    Duration ttl;
  };
  struct Entry {
    std::vector<Holder> holders;
    std::deque<Waiter> waiters;
  };
  using Entries = std::map<std::string, Entry>;

  Result<Ticket> queue(Entry& entry, const std::string& key, const Waiter& waiter, bool first, MonoTime now);
  bool excluded_by_holder(const Entry& entry, Session session, Mode mode) const;
  bool closes_cycle(Session requester) const;
  void blockers(Session session, std::set<Session>& out) const;
  Grant grant(const std::string& key, Entry& entry, const Waiter& waiter, MonoTime now);
  void promote(Entries::iterator it, MonoTime now);
  void drop(Entries::iterator it, std::size_t holder);

  const std::size_t keys_max_;
  const std::size_t waiters_max_;
  std::uint64_t next_token_ = 1;
  std::uint64_t tokens_end_ = 1;
  Ticket last_ticket_ = 0;
  Entries entries_;
  std::map<Ticket, std::string> tickets_;  // of those that wait -> key

  struct Given {
    std::string key;
    Grant grant;
  };
  std::map<Ticket, Given> given_;  // granted and not yet collected
  std::set<std::pair<MonoTime, std::pair<std::string, std::uint64_t>>> expiries_;
};

}  // namespace lock_manager
