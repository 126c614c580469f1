// The workflow as a sequential machine: events, and what they add up to. No lock, no clock, no I/O.
//
// An event is a thing that happened, together with who asked for it: the journal of events is the audit, and everything
// else - users, decisions, statistics - is its fold, so the audit has each effect exactly once and metrics cannot
// differ from history (catalogue S1-04, S0-23). `judge` says whether a proposed event may happen now; who asks for it
// must be active and have the role for it at that very point of the journal (S4-10). Rules:
//   - a name is registered once, a decision decided once; a decision is pending, then perhaps escalated, then decided;
//   - an escalated decision is decided by supervisors only;
//   - a second factor's code is good once: each login's time step is later than the last one's;
//   - the same proposal with the same idempotency key, by the same user, is the same event again: a replay.
// Not thread safe.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "workflow/types.h"

namespace workflow {

enum class EventKind : std::uint8_t { registered, logged_in, role_set, deactivated, submitted, decided, escalated };

std::string_view to_string(EventKind kind);

/// Which members mean something depends on the kind.
struct Event {
  EventKind kind{};
  RequestContext context;
  std::int64_t at_ms = 0;  ///< wall time since 1970, for people: nothing is decided by it but when to escalate
  std::string key;         ///< idempotency key; empty: none
  std::string cause;       ///< escalated: request id of the submission
  std::string user;        ///< registered, logged_in, role_set, deactivated
  Role role{};             ///< registered, role_set
  Credentials credentials;     ///< registered
  std::int64_t totp_step = 0;  ///< logged_in
  std::uint64_t decision = 0;  ///< submitted (given by `judge`), decided, escalated
  std::string title;           ///< submitted
  Verdict verdict{};           ///< decided
  bool operator==(const Event&) const = default;
};

/// For the journal, credentials included.
std::string encode(const Event& event);
/// Nothing where the text is no event.
std::optional<Event> decode(const std::string& text);
/// For people who may read the audit: without credentials.
nlohmann::json audit_record(std::uint64_t number, const Event& event);

/// Counts at one point of the journal. submitted = pending + escalated + approved + rejected.
struct Statistics {
  std::uint64_t events = 0;
  std::uint64_t users = 0;
  std::uint64_t logins = 0;
  std::uint64_t submitted = 0;
  std::uint64_t pending = 0;
  std::uint64_t escalated = 0;  ///< and not decided yet
  std::uint64_t approved = 0;
  std::uint64_t rejected = 0;
  std::uint64_t escalations = 0;  ///< ever
  bool operator==(const Statistics&) const = default;
};

/// The event has happened before.
struct Replay {
  std::uint64_t decision = 0;
};
/// Error: unauthenticated, forbidden, not_found, conflict.
using Judgement = std::variant<Event, Replay, Error>;

class State {
 public:
  /// `proposed`, completed, where it may happen now.
  Judgement judge(Event proposed) const;

  /// REQUIRES: `judge` allowed it in this state.
  void apply(const Event& event);

  const User* user(const std::string& name) const;
  const Decision* decision(std::uint64_t id) const;
  /// In order of their numbers, from `after` on, at most `limit`.
  std::vector<Decision> decisions(DecisionState state, std::uint64_t after, std::size_t limit) const;
  const Statistics& statistics() const { return statistics_; }

 private:
  std::optional<Error> may(const RequestContext& context, Permission permission) const;
  Judgement judge_user(Event proposed) const;
  Judgement judge_submit(Event proposed) const;
  Judgement judge_decide(Event proposed) const;
  Judgement judge_escalate(Event proposed) const;
  void apply_user(const Event& event);
  void move(Decision& decision, DecisionState to);

  std::map<std::string, User> users_;
  std::vector<Decision> decisions_;                       // number n at n - 1
  std::map<DecisionState, std::set<std::uint64_t>> in_;   // numbers, by state
  std::map<std::pair<std::string, std::string>, Event> by_key_;  // (principal, key)
  Statistics statistics_;
};

}  // namespace workflow
