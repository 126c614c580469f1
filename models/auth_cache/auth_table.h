// The authorisation cache as a sequential machine: entries, budgets, revocation. No lock, no clock, no I/O.
//
// Invariants, at every return:
//   - an entry is used only before its monotonic end and, if it grants, within its token's dates by wall time (AU1,
//     AU11);
//   - entries_max and negative_max hold, each with the least recently used leaving first (AU5);
//   - revocations are numbered by one growing epoch. A load remembers the epoch it began in, and what it brings is
//     neither stored nor accepted where its token, its subject or everything was revoked since (AU2).
// Not thread safe.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <set>
#include <string>

#include "auth_cache/types.h"

namespace auth_cache {

class AuthTable {
 public:
  explicit AuthTable(const Config& config) : config_((validate(config), config)) {}

  /// A decision by what is cached; nothing where the authority must be asked.
  std::optional<Decision> find(const TokenHash& hash, const Scopes& required, MonoTime t, WallTime w);

  /// A load begins; returns the epoch it must come back with.
  std::uint64_t begin_load();

  /// A load ends. Stores a definitive answer that nothing revoked since. `asked_at`: when the load began. False where
  /// it was revoked: the answer must not be used. An Error is never stored (AU6).
  bool end_load(const TokenHash& hash, const Answer& answer, std::uint64_t epoch, MonoTime asked_at);

  void revoke_token(const TokenHash& hash);
  void revoke_subject(const std::string& subject);
  void revoke_all();

  std::uint64_t epoch() const { return epoch_; }
  std::size_t entries() const { return positive_.size(); }
  std::size_t negative_entries() const { return negative_.size(); }

 private:
  struct Entry {
    TokenHash hash;
    std::optional<Claims> claims;  // none: a definitive no
    MonoTime ends;
  };
  using List = std::list<Entry>;  // most recently used first

  List& list_of(const Entry& entry) { return entry.claims ? positive_ : negative_; }
  void erase(List::iterator entry);
  void insert(Entry entry);
  template <class Revoked>
  void remember(std::map<Revoked, std::uint64_t>& revoked, const Revoked& what);
  bool revoked_since(const TokenHash& hash, const Answer& answer, std::uint64_t epoch) const;

  const Config config_;
  List positive_, negative_;
  std::map<TokenHash, List::iterator> by_hash_;
  std::map<std::string, std::set<TokenHash>> by_subject_;
  std::uint64_t epoch_ = 0;
  std::uint64_t all_revoked_ = 0;                          // epoch; what began before is void
  std::map<TokenHash, std::uint64_t> tokens_revoked_;      // while loads run
  std::map<std::string, std::uint64_t> subjects_revoked_;  // while loads run
  std::size_t loads_ = 0;
};

/// Whether the claims allow it now: dates, then scopes. Also for an answer that was not cached.
Decision decide(const Claims& claims, const Scopes& required, std::chrono::seconds leeway, WallTime w);

}  // namespace auth_cache
