#include "workflow/state.h"

#include <array>

namespace workflow {

std::optional<Error> State::may(const RequestContext& context, Permission permission) const {
  const User* by = user(context.principal);
  if (by == nullptr || !by->active) return Error::unauthenticated;
  if (!allows(by->role, permission)) return Error::forbidden;
  return std::nullopt;
}

Judgement State::judge(Event proposed) const {
  if (!proposed.key.empty()) {
    const auto seen = by_key_.find({proposed.context.principal, proposed.key});
    if (seen != by_key_.end()) {
      const Event& before = seen->second;
      const bool same = before.kind == proposed.kind && before.title == proposed.title && before.verdict == proposed.verdict &&
                        (proposed.decision == 0 || before.decision == proposed.decision);
      if (!same) return Error::conflict;
      return Replay{before.decision};
    }
  }
  switch (proposed.kind) {
    case EventKind::registered:
    case EventKind::logged_in:
    case EventKind::role_set:
    case EventKind::deactivated: return judge_user(std::move(proposed));
    case EventKind::submitted: return judge_submit(std::move(proposed));
    case EventKind::decided: return judge_decide(std::move(proposed));
    case EventKind::escalated: return judge_escalate(std::move(proposed));
  }
  return Error::invalid_argument;
}

Judgement State::judge_user(Event proposed) const {
  const User* who = user(proposed.user);
  if (proposed.kind == EventKind::registered) {
    // Nobody gives himself a role: only the set-up makes an administrator.
    if (proposed.role != Role::viewer && proposed.context.principal != principal_setup) return Error::forbidden;
    if (who != nullptr) return Error::conflict;
    return proposed;
  }
  if (proposed.kind == EventKind::logged_in) {
    // Unknown, inactive and a spent code look alike from outside (S4-25).
    if (who == nullptr || !who->active || proposed.totp_step <= who->totp_step) return Error::unauthenticated;
    return proposed;
  }
  if (const auto error = may(proposed.context, Permission::administer)) return *error;
  if (who == nullptr) return Error::not_found;
  return proposed;
}

Judgement State::judge_submit(Event proposed) const {
  if (const auto error = may(proposed.context, Permission::submit)) return *error;
  proposed.decision = decisions_.size() + 1;
  return proposed;
}

Judgement State::judge_decide(Event proposed) const {
  const Decision* what = decision(proposed.decision);
  const bool escalated = what != nullptr && what->state == DecisionState::escalated;
  if (const auto error = may(proposed.context, escalated ? Permission::decide_escalated : Permission::decide)) return *error;
  if (what == nullptr) return Error::not_found;
  if (what->state == DecisionState::decided) return Error::conflict;
  return proposed;
}

Judgement State::judge_escalate(Event proposed) const {
  if (proposed.context.principal != principal_timer) {
    if (const auto error = may(proposed.context, Permission::escalate)) return *error;
  }
  const Decision* what = decision(proposed.decision);
  if (what == nullptr) return Error::not_found;
  if (what->state != DecisionState::pending) return Error::conflict;
  proposed.cause = what->request_id;
  return proposed;
}

void State::apply(const Event& event) {
  ++statistics_.events;
  if (!event.key.empty()) by_key_.emplace(std::pair{event.context.principal, event.key}, event);
  switch (event.kind) {
    case EventKind::registered:
    case EventKind::logged_in:
    case EventKind::role_set:
    case EventKind::deactivated: return apply_user(event);
    case EventKind::submitted:
      ++statistics_.submitted;
      ++statistics_.pending;
      in_[DecisionState::pending].insert(event.decision);
      decisions_.push_back({event.decision, event.title, event.context.principal, DecisionState::pending, std::nullopt, {},
                            event.context.request_id, event.at_ms});
      return;
    case EventKind::decided: {
      Decision& what = decisions_[event.decision - 1];
      move(what, DecisionState::decided);
      what.verdict = event.verdict;
      what.decided_by = event.context.principal;
      ++(event.verdict == Verdict::approve ? statistics_.approved : statistics_.rejected);
      return;
    }
    case EventKind::escalated:
      move(decisions_[event.decision - 1], DecisionState::escalated);
      ++statistics_.escalated;
      ++statistics_.escalations;
      return;
  }
}

void State::apply_user(const Event& event) {
  User& who = users_[event.user];
  switch (event.kind) {
    case EventKind::registered:
      who = {event.user, event.role, true, event.credentials, -1};
      ++statistics_.users;
      return;
    case EventKind::logged_in:
      who.totp_step = event.totp_step;
      ++statistics_.logins;
      return;
    case EventKind::role_set: who.role = event.role; return;
    default: who.active = false; return;
  }
}

void State::move(Decision& decision, DecisionState to) {
  --(decision.state == DecisionState::pending ? statistics_.pending : statistics_.escalated);
  in_[decision.state].erase(decision.id);
  in_[to].insert(decision.id);
  decision.state = to;
}

const User* State::user(const std::string& name) const {
  const auto at = users_.find(name);
  return at == users_.end() ? nullptr : &at->second;
}

const Decision* State::decision(std::uint64_t id) const {
  return id >= 1 && id <= decisions_.size() ? &decisions_[id - 1] : nullptr;
}

std::vector<Decision> State::decisions(DecisionState state, std::uint64_t after, std::size_t limit) const {
  std::vector<Decision> found;
  const auto numbers = in_.find(state);
  if (numbers == in_.end()) return found;
  for (auto at = numbers->second.upper_bound(after); at != numbers->second.end() && found.size() < limit; ++at) {
    found.push_back(decisions_[*at - 1]);
  }
  return found;
}

}  // namespace workflow
