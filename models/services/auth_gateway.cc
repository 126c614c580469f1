#include "services/auth_gateway.h"

#include <stdexcept>
#include <utility>
#include <variant>

namespace services {

std::string_view to_string(AuthPath path) {
  switch (path) {
    case AuthPath::none: return "none";
    case AuthPath::remote: return "remote";
    case AuthPath::local: return "local";
  }
  return "invalid";
}

AuthGateway::AuthGateway(IamClient& iam, breaker::CircuitBreaker& breaker, FallbackPolicy fallback,
                         std::optional<TokenAuthority> local)
    : iam_(iam), breaker_(breaker), fallback_(fallback), local_(std::move(local)) {
  if (fallback_ == FallbackPolicy::local_validation && !local_) {
    throw std::invalid_argument("auth: fallback policy local_validation needs a local key");
  }
}

AuthDecision AuthGateway::decide(const std::string& token, const Scopes& required) {
  if (!looks_like_jwt(token)) {
    AuthDecision decision{AuthVerdict::token_refused, AuthPath::none, std::nullopt, std::nullopt};
    count(decision);
    return decision;
  }
  std::optional<AuthDecision> decision;
  std::optional<std::chrono::nanoseconds> retry_after;
  auto admission = breaker_.acquire();
  if (auto* ticket = std::get_if<breaker::Ticket>(&admission)) {
    decision = ask_iam(token, required, *ticket);
  } else {
    retry_after = std::get<breaker::Rejected>(admission).retry_after;
  }
  if (!decision) {
    decision = fall_back(token, required);
    if (decision->verdict == AuthVerdict::unavailable) decision->retry_after = retry_after;
  }
  count(*decision);
  return *decision;
}

/// Nothing where IAM gave no definitive answer.
std::optional<AuthDecision> AuthGateway::ask_iam(const std::string& token, const Scopes& required,
                                                 breaker::Ticket& ticket) {
  IamResult result = iam_.validate(token, required);
  const IamVerdict verdict = verdict_of(result.status);
  verdict == IamVerdict::unavailable ? ticket.fail() : ticket.ok();
  {
    std::lock_guard lock(mutex_);
    ++counters_.iam[static_cast<std::size_t>(result.status)];
  }
  if (verdict == IamVerdict::unavailable) return std::nullopt;
  AuthDecision decision;
  decision.path = AuthPath::remote;
  decision.verdict = verdict == IamVerdict::authorised           ? AuthVerdict::granted
                     : result.status == IamStatus::token_refused ? AuthVerdict::token_refused
                                                                 : AuthVerdict::scope_refused;
  decision.principal = std::move(result.principal);
  return decision;
}

AuthDecision AuthGateway::fall_back(const std::string& token, const Scopes& required) const {
  AuthDecision decision;
  decision.verdict = AuthVerdict::unavailable;
  if (fallback_ == FallbackPolicy::deny) return decision;
  decision.path = AuthPath::local;
  Authorisation result = local_->authorise(token, required);
  if (auto* principal = std::get_if<Principal>(&result)) {
    decision.verdict = AuthVerdict::granted;
    decision.principal = std::move(*principal);
  } else {
    decision.verdict = std::holds_alternative<InvalidToken>(result) ? AuthVerdict::token_refused
                                                                    : AuthVerdict::scope_refused;
  }
  return decision;
}

void AuthGateway::count(const AuthDecision& decision) {
  const bool granted = decision.verdict == AuthVerdict::granted;
  std::lock_guard lock(mutex_);
  ++counters_.decisions;
  if (decision.verdict == AuthVerdict::unavailable) {
    ++counters_.unavailable;
  } else if (decision.path == AuthPath::none) {
    ++counters_.not_a_token;
  } else if (decision.path == AuthPath::remote) {
    ++(granted ? counters_.remote_granted : counters_.remote_refused);
  } else {
    ++(granted ? counters_.local_granted : counters_.local_refused);
  }
}

AuthCounters AuthGateway::counters() const {
  std::lock_guard lock(mutex_);
  return counters_;
}

}  // namespace services
