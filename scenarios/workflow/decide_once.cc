// A decision is decided once, whoever wants to at the same time, wherever, and however often it is said (catalogue S4-15,
// S4-16, S4-17; SV10).

#include <foreseed/faults.h>
#include <foreseed/history.h>

#include <memory>

#include "office.h"

using namespace office;

namespace {

/// One decision, by itself. A call is what somebody asks for; the answer is a status, or for a look the state.
struct OneDecision {
  struct Call {
    char what;  // 'd'ecide, 'e'scalate by somebody, 'l'ook
    std::string verdict;
  };
  struct Return {
    int status = 0;
    std::string state;
  };

  std::string state = "pending";
  bool operator==(const OneDecision&) const = default;

  bool apply(const Call& call, const Return* result) {
    if (call.what == 'l') return result == nullptr || result->state == state;
    const int status = answer(call);
    if (result != nullptr && result->status != status) return false;
    if (status == 200) state = call.what == 'd' ? call.verdict : "escalated";
    return true;
  }
  int answer(const Call& call) const {
    if (call.what == 'e') return state == "pending" ? 200 : 409;
    if (state == "escalated") return 403;  // for supervisors only
    return state == "pending" ? 200 : 409;
  }
  static std::string text(const Call& call, const Return* result) {
    const std::string answer = result == nullptr ? "?" : result->state.empty() ? std::to_string(result->status) : result->state;
    return std::string(1, call.what) + " " + call.verdict + " -> " + answer;
  }
};

/// Two analysts decide, each at a workflow of his own over the one database; a third escalates; one looks.
void race(store::VersionedStore& store) {
  for (const char* name : {"ann", "bob", "eve"}) enrol(store, name, workflow::Role::analyst);
  const auto passwords = workflow::pbkdf2(1000);
  const Settings settings{workflow_config(), &store, passwords.get()};
  WorkflowHost one("workflow", settings);
  WorkflowHost other("workflow2", settings);
  foreseed::link("client", "workflow", 1ms);
  foreseed::link("client", "workflow2", 1ms);
  Person ann;
  Person bob("workflow2");
  Person eve("workflow2");
  ann.log_in("ann");
  bob.log_in("bob");
  eve.log_in("eve");
  FORESEED_CHECK(ann.post("/decisions", {{"title", "a new desk"}}).status == 201);

  foreseed::History<OneDecision> history;
  const auto decide = [&](const Person& who, const char* verdict) {
    history.record({'d', verdict}, [&] {
      const Reply reply = who.post("/decisions/1/decide", {{"verdict", verdict}});
      return OneDecision::Return{reply.status, {}};
    });
  };
  std::thread a(decide, std::cref(ann), "approve");
  std::thread b(decide, std::cref(bob), "reject");
  std::thread c([&] {
    history.record({'e', {}}, [&] { return OneDecision::Return{eve.post("/decisions/1/escalate", json::object()).status, {}}; });
  });
  history.record({'l', {}}, [&] {
    const json decision = eve.get("/decisions/1").body;
    return OneDecision::Return{200, decision.value("verdict", decision["state"].get<std::string>())};
  });
  a.join();
  b.join();
  c.join();
  FORESEED_CHECK_LINEARIZABLE(history);
  // Both processes have the same statistics, and they are what happened.
  const json statistics = ann.get("/statistics").body;
  FORESEED_CHECK(statistics == bob.get("/statistics").body);
  FORESEED_CHECK(statistics["submitted"] == 1 && statistics["pending"] == 0);
  FORESEED_CHECK(statistics["approved"].get<int>() + statistics["rejected"].get<int>() + statistics["escalated"].get<int>() == 1);
  one.stop();
  other.stop();
}

/// A database whose compare-and-swap does not compare: check, then act.
struct LastWriteWins final : store::VersionedStore {
  common::Result<store::Record> get(const std::string& key) override { return inner.get(key); }
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t, const std::string& value) override {
    const auto now = inner.get(key);
    return inner.put(key, std::get<store::Record>(now).version, value);
  }
  store::MemoryStore inner;
};

}  // namespace

FORESEED_SCENARIO(decide_once, "two analysts and an escalation, at two processes: one of them wins, all agree (S4-15, SV10)") {
  store::MemoryStore store;
  race(store);
}

FORESEED_SCENARIO(decide_once_bad, "the same over a store that checks, then writes: two win (fails)") {
  LastWriteWins store;
  race(store);
}

FORESEED_SCENARIO(decide_once_lost_reply, "the reply is lost: asked again with the same key, the answer is the same (S1-04, S4-15)") {
  store::MemoryStore store;
  for (const char* name : {"ann", "bob"}) enrol(store, name, workflow::Role::analyst);
  const auto passwords = workflow::pbkdf2(1000);
  const Settings settings{workflow_config(), &store, passwords.get()};
  WorkflowHost host("workflow", settings);
  foreseed::link("client", "workflow", 1ms);
  Person ann("workflow", 500ms);
  Person bob;
  ann.log_in("ann");
  bob.log_in("bob");
  FORESEED_CHECK(ann.post("/decisions", {{"title", "a new desk"}}).status == 201);
  // Somewhere between before the connection and after the reply.
  const std::chrono::milliseconds begin(foreseed::choose(6));
  foreseed::FaultPlan().partition_one_way({"workflow"}, {"client"}, {.at = begin, .until = 1s}).start();
  int attempts = 0;
  Reply reply;
  while (reply.status == 0) {
    FORESEED_CHECK(++attempts <= 10);
    reply = ann.post("/decisions/1/decide", {{"verdict", "approve"}}, {{"Idempotency-Key", "k"}});
  }
  FORESEED_CHECK(reply.status == 200 && reply.body["decided_by"] == "ann");
  std::this_thread::sleep_for(2s);
  FORESEED_CHECK(bob.post("/decisions/1/decide", {{"verdict", "approve"}}).status == 409);
  FORESEED_CHECK(host->journal().statistics().approved == 1);
  // The audit has it once.
  int decided = 0;
  const auto events = host->journal().read(1, 100);
  for (const workflow::Event& event : std::get<std::vector<workflow::Event>>(events)) {
    decided += event.kind == workflow::EventKind::decided;
  }
  FORESEED_CHECK(decided == 1);
  host.stop();
}

FORESEED_SCENARIO(escalation_timer, "the timer against a decision at the same instant: one wins, and the timer is not late (S4-16)") {
  store::MemoryStore store;
  enrol(store, "ann", workflow::Role::analyst);
  const auto passwords = workflow::pbkdf2(1000);
  Settings settings{workflow_config(), &store, passwords.get()};
  settings.config.escalate_after = 10s;
  WorkflowHost host("workflow", settings);
  foreseed::link("client", "workflow", 1ms);
  Person ann;
  ann.log_in("ann");
  const auto before = std::chrono::steady_clock::now();
  FORESEED_CHECK(ann.post("/decisions", {{"title", "a new desk"}}, {{"X-Request-Id", "r-1"}}).status == 201);
  const auto after = std::chrono::steady_clock::now();
  // A request takes some 3 ms to where it is judged.
  std::this_thread::sleep_until(before + 10s - 3ms + std::chrono::milliseconds(foreseed::choose(7)));
  const Reply reply = ann.post("/decisions/1/decide", {{"verdict", "approve"}});
  FORESEED_CHECK(reply.status == 200 || reply.status == 403);
  std::this_thread::sleep_until(after + 10s + 1ms);
  const workflow::Statistics statistics = host->journal().statistics();
  FORESEED_CHECK(statistics.approved == (reply.status == 200 ? 1 : 0));
  FORESEED_CHECK(statistics.escalated == (reply.status == 200 ? 0 : 1));
  if (reply.status == 403) {
    const auto events = std::get<std::vector<workflow::Event>>(host->journal().read(1, 100));
    FORESEED_CHECK(events.back().cause == "r-1" && events.back().context.principal == workflow::principal_timer);
  }
  host.stop();
}
