// A thread-safe cache of authorisations: AuthTable behind one mutex, with both clocks and single flight.
//
// A miss asks the authority once, whoever else waits for the same token (AU4); the authority is called outside the
// lock. Each waiter has its own deadline and leaves without disturbing the others; where the load fails, each gets its
// error. An answer that a revocation overtook is not used: the token is asked for again, within the caller's deadline.
// Any thread; the authority's function is called from callers' threads, for different tokens at once.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "auth_cache/auth_table.h"

namespace auth_cache {

/// Asks the authority whose token it is. Must return by the deadline. An exception it lets out is Error::internal.
using Authority = std::function<Answer(const std::string& token, MonoTime deadline)>;

struct Counters {
  std::uint64_t hits = 0;       ///< decided from the cache
  std::uint64_t loads = 0;      ///< the authority was asked
  std::uint64_t joined = 0;     ///< waited for a load of another caller
  std::uint64_t overtaken = 0;  ///< loads whose answer a revocation made void
};

class AuthCache {
 public:
  /// Throws std::invalid_argument.
  AuthCache(const Config& config, Authority authority)
      : config_(config), authority_(std::move(authority)), table_(config) {}
  AuthCache(const AuthCache&) = delete;
  AuthCache& operator=(const AuthCache&) = delete;

  Decision validate(const std::string& token, const Scopes& required, MonoTime deadline, std::stop_token stop = {});

  // From when these return, nothing that they revoke is accepted on an answer from before (AU2).
  void revoke_token(const std::string& token);
  void revoke_subject(const std::string& subject);
  void revoke_all();

  Counters counters() const;
  std::size_t entries() const;

 private:
  struct Flight {
    std::optional<Answer> answer;  // once landed
    std::uint64_t landed_in = 0;   // the table's epoch at that instant
    bool overtaken = false;
  };

  Decision load(const std::string& token, const TokenHash& hash, const Scopes& required, MonoTime deadline,
                std::unique_lock<std::mutex>& lock, bool& again);
  std::optional<Decision> judge(const Flight& flight, const Scopes& required) const;

  const Config config_;
  const Authority authority_;
  mutable std::mutex mutex_;
  std::condition_variable_any landed_;
  AuthTable table_;                                       // guarded by mutex_
  std::map<TokenHash, std::shared_ptr<Flight>> flights_;  // guarded by mutex_, and so is what they point to
  Counters counters_;                                     // guarded by mutex_
};

}  // namespace auth_cache
