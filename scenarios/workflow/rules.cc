// The workflow's rules by themselves, event by event: who may do what, and what it adds up to (catalogue S4-10, S4-11, S4-13,
// S4-15, S4-16, S4-17).

#include <foreseed/scenario.h>

#include <functional>
#include <string>

#include "workflow/state.h"

namespace {

using namespace workflow;

/// A state, and what became of a proposal: it is applied where it may happen.
struct Book {
  std::optional<Error> propose(EventKind kind, const std::string& by, const std::function<void(Event&)>& set) {
    Event event;
    event.kind = kind;
    event.context = {"request-" + std::to_string(++requests), by, "local"};
    set(event);
    const Judgement judgement = state.judge(event);
    if (const auto* error = std::get_if<Error>(&judgement)) return *error;
    replayed = std::holds_alternative<Replay>(judgement);
    if (const auto* happens = std::get_if<Event>(&judgement)) {
      state.apply(*happens);
      last = *happens;
    }
    return std::nullopt;
  }
  std::optional<Error> enrol(const std::string& by, const std::string& name, Role role) {
    return propose(EventKind::registered, by, [&](Event& event) {
      event.user = name;
      event.role = role;
      event.credentials = {"kept", "secret"};
    });
  }
  std::optional<Error> submit(const std::string& by, const std::string& key = {}, const std::string& title = "desk") {
    return propose(EventKind::submitted, by, [&](Event& event) {
      event.title = title;
      event.key = key;
    });
  }
  std::optional<Error> decide(const std::string& by, std::uint64_t decision, Verdict verdict = Verdict::approve) {
    return propose(EventKind::decided, by, [&](Event& event) {
      event.decision = decision;
      event.verdict = verdict;
    });
  }
  std::optional<Error> escalate(const std::string& by, std::uint64_t decision) {
    return propose(EventKind::escalated, by, [&](Event& event) { event.decision = decision; });
  }
  std::optional<Error> log_in(const std::string& name, std::int64_t step) {
    return propose(EventKind::logged_in, name, [&](Event& event) {
      event.user = name;
      event.totp_step = step;
    });
  }
  State state;
  Event last;
  bool replayed = false;
  int requests = 0;
};

Book staffed() {
  Book book;
  for (const auto& [name, role] : {std::pair{"vera", Role::viewer}, {"anna", Role::analyst}, {"sue", Role::supervisor}, {"ada", Role::admin}}) {
    FORESEED_CHECK(!book.enrol(std::string(principal_setup), name, role));
  }
  return book;
}

}  // namespace

FORESEED_SCENARIO(workflow_roles, "each role may do what the matrix says, and nobody gives himself one (holds)") {
  Book book = staffed();
  const std::string nobody(principal_nobody);
  FORESEED_CHECK(book.enrol(nobody, "eve", Role::admin) == Error::forbidden);
  FORESEED_CHECK(!book.enrol(nobody, "eve", Role::viewer) && book.enrol(nobody, "eve", Role::viewer) == Error::conflict);
  FORESEED_CHECK(book.submit("vera") == Error::forbidden && book.submit("ada") == Error::forbidden && book.submit("mallory") == Error::unauthenticated);
  for (int i = 0; i < 3; ++i) FORESEED_CHECK(!book.submit("anna"));
  FORESEED_CHECK(book.decide("vera", 1) == Error::forbidden && book.decide("ada", 1) == Error::forbidden);
  FORESEED_CHECK(book.escalate("vera", 1) == Error::forbidden && !book.escalate("anna", 1));
  FORESEED_CHECK(book.decide("anna", 1) == Error::forbidden && !book.decide("sue", 1));
  const auto administer = [&](EventKind kind, const std::string& by, const std::string& whom) {
    return book.propose(kind, by, [&](Event& event) { event.user = whom, event.role = Role::supervisor; });
  };
  FORESEED_CHECK(administer(EventKind::role_set, "sue", "anna") == Error::forbidden && !administer(EventKind::role_set, "ada", "anna"));
  FORESEED_CHECK(!book.escalate("anna", 2) && !book.decide("anna", 2));
  FORESEED_CHECK(!administer(EventKind::deactivated, "ada", "anna") && book.decide("anna", 3) == Error::unauthenticated);
  FORESEED_CHECK(book.log_in("anna", 1) == Error::unauthenticated);
}

FORESEED_SCENARIO(workflow_once, "a code is good once, a decision decided once, an escalation made once; statistics are the fold (holds)") {
  Book book = staffed();
  FORESEED_CHECK(!book.log_in("anna", 7) && book.log_in("anna", 7) == Error::unauthenticated && book.log_in("anna", 6) == Error::unauthenticated);
  FORESEED_CHECK(!book.log_in("anna", 8));
  FORESEED_CHECK(!book.submit("anna", "key"));
  const std::string submission = book.last.context.request_id;
  FORESEED_CHECK(!book.submit("anna", "key") && book.replayed && book.submit("anna", "key", "chair") == Error::conflict);
  FORESEED_CHECK(!book.submit("sue", "key") && !book.replayed && !book.submit("sue"));
  FORESEED_CHECK(!book.escalate(std::string(principal_timer), 1) && book.last.cause == submission);
  FORESEED_CHECK(book.escalate("sue", 1) == Error::conflict);
  FORESEED_CHECK(!book.decide("sue", 1, Verdict::reject) && book.decide("sue", 1) == Error::conflict && book.escalate("sue", 1) == Error::conflict);
  FORESEED_CHECK(!book.decide("anna", 2) && book.decide("anna", 2, Verdict::reject) == Error::conflict);
  FORESEED_CHECK(book.decide("sue", 9) == Error::not_found && book.escalate("sue", 9) == Error::not_found);
  const Statistics sum = book.state.statistics();
  FORESEED_CHECK(sum.submitted == 3 && sum.pending == 1 && sum.escalated == 0 && sum.approved == 1 && sum.rejected == 1);
  FORESEED_CHECK(sum.escalations == 1 && sum.users == 4 && sum.logins == 2 && sum.events == 4 + 2 + 3 + 1 + 2);
  FORESEED_CHECK(book.state.decisions(DecisionState::pending, 0, 9).size() == 1 && book.state.decisions(DecisionState::escalated, 0, 9).empty());
}
