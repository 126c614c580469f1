// How OMS decides whether a request is allowed: ask IAM through the circuit breaker; where that
// gives no answer, do what the fallback policy says.
//
// Degradation ladder, in this order: remote answer; local validation, if the policy says so; no
// decision (the caller answers 503). Invariants:
//   - a definitive remote answer is final: a refusal by IAM is never overruled locally;
//   - local validation happens only where the breaker rejected or IAM was unavailable, and decides
//     as IAM would with the same key and policy (AU9);
//   - each call through the breaker is reported exactly once; a refusal counts as success, since
//     the dependency worked;
//   - every decision says by which path it came and is counted once.
// Any thread; no lock is held across I/O.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "breaker/circuit_breaker.h"
#include "services/iam_client.h"
#include "services/token_authority.h"

namespace services {

enum class FallbackPolicy {
  deny,              ///< without IAM nothing is authorised
  local_validation,  ///< without IAM the token is validated here
};

enum class AuthPath {
  none,  ///< no decision, or the text was no token at all, which nobody needs to be asked about
  remote,
  local,
};

std::string_view to_string(AuthPath path);

enum class AuthVerdict { granted, token_refused, scope_refused, unavailable };

struct AuthDecision {
  AuthVerdict verdict{};
  AuthPath path = AuthPath::none;
  std::optional<Principal> principal;                   ///< set iff granted
  std::optional<std::chrono::nanoseconds> retry_after;  ///< a hint, only where unavailable
};

/// One instant; monotone. decisions = remote_granted + remote_refused + local_granted +
/// local_refused + unavailable + not_a_token.
struct AuthCounters {
  std::uint64_t decisions = 0;
  std::uint64_t remote_granted = 0;
  std::uint64_t remote_refused = 0;
  std::uint64_t local_granted = 0;
  std::uint64_t local_refused = 0;
  std::uint64_t unavailable = 0;
  std::uint64_t not_a_token = 0;
  std::array<std::uint64_t, iam_status_count> iam{};  ///< calls to IAM, by IamStatus
};

class AuthGateway {
 public:
  /// `local` is required by FallbackPolicy::local_validation, else std::invalid_argument.
  /// REQUIRES: `iam` and `breaker` outlive this.
  AuthGateway(IamClient& iam, breaker::CircuitBreaker& breaker, FallbackPolicy fallback,
              std::optional<TokenAuthority> local);

  /// REQUIRES: `required` is not empty.
  AuthDecision decide(const std::string& token, const Scopes& required);

  AuthCounters counters() const;

 private:
  std::optional<AuthDecision> ask_iam(const std::string& token, const Scopes& required,
                                      breaker::Ticket& ticket);
  AuthDecision fall_back(const std::string& token, const Scopes& required) const;
  void count(const AuthDecision& decision);

  IamClient& iam_;
  breaker::CircuitBreaker& breaker_;
  const FallbackPolicy fallback_;
  const std::optional<TokenAuthority> local_;
  mutable std::mutex mutex_;
  AuthCounters counters_;  // guarded by mutex_
};

}  // namespace services
