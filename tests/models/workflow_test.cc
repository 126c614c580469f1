// The decision workflow: its sequential machine, its journal over both stores, its service over loopback.
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <filesystem>
#include <latch>
#include <nlohmann/json.hpp>
#include <thread>

#include "services/alert.h"
#include "store/sqlite_store.h"
#include "workflow/service.h"
#include "workflow/totp.h"

namespace workflow {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

MonoTime soon() { return common::mono_now() + 10s; }

Event event(EventKind kind, const std::string& by) {
  Event e;
  e.kind = kind;
  e.context = {"request", by, "local"};
  return e;
}

Event registration(const std::string& name, Role role = Role::viewer) {
  Event e = event(EventKind::registered, std::string(role == Role::viewer ? principal_nobody : principal_setup));
  e.user = name;
  e.role = role;
  e.credentials = {"kept", "secret"};
  return e;
}

Event about(EventKind kind, const std::string& by, std::uint64_t decision) {
  Event e = event(kind, by);
  e.decision = decision;
  return e;
}

Event submission(const std::string& by, const std::string& key = {}) {
  Event e = event(EventKind::submitted, by);
  e.title = "a new desk";
  e.key = key;
  return e;
}

bool happens(State& state, const Event& proposed) {
  const Judgement judged = state.judge(proposed);
  if (const auto* allowed = std::get_if<Event>(&judged)) return state.apply(*allowed), true;
  return false;
}

Error refusal(const State& state, const Event& proposed) { return std::get<Error>(state.judge(proposed)); }

/// A state with one user of each role, named by it.
State with_users() {
  State state;
  for (const Role role : {Role::viewer, Role::analyst, Role::supervisor, Role::admin}) {
    EXPECT_TRUE(happens(state, registration(std::string(to_string(role)), role)));
  }
  return state;
}

TEST(WorkflowRoles, TheMatrixIsThisOne) {  // S4-13
  const std::map<Permission, std::set<Role>> matrix = {
      {Permission::read, {Role::viewer, Role::analyst, Role::supervisor, Role::admin}},
      {Permission::submit, {Role::analyst, Role::supervisor}},
      {Permission::decide, {Role::analyst, Role::supervisor}},
      {Permission::escalate, {Role::analyst, Role::supervisor}},
      {Permission::decide_escalated, {Role::supervisor}},
      {Permission::administer, {Role::admin}}};
  for (const auto& [permission, roles] : matrix) {
    for (const Role role : {Role::viewer, Role::analyst, Role::supervisor, Role::admin}) {
      EXPECT_EQ(allows(role, permission), roles.contains(role)) << to_string(role);
    }
    EXPECT_FALSE(allows(static_cast<Role>(9), permission));
  }
  EXPECT_FALSE(allows(Role::admin, static_cast<Permission>(99)));
}

TEST(WorkflowState, ANameIsRegisteredOnceAndARoleGivenByAdministratorsOnly) {
  State state = with_users();
  EXPECT_EQ(refusal(state, registration("viewer")), Error::conflict);
  Event self_made = registration("eve");
  self_made.role = Role::admin;
  EXPECT_EQ(refusal(state, self_made), Error::forbidden);
  Event promotion = event(EventKind::role_set, "analyst");
  promotion.user = "viewer";
  promotion.role = Role::supervisor;
  EXPECT_EQ(refusal(state, promotion), Error::forbidden);
  promotion.context.principal = "admin";
  EXPECT_TRUE(happens(state, promotion));
  EXPECT_EQ(state.user("viewer")->role, Role::supervisor);
}

TEST(WorkflowState, ADecisionIsDecidedOnce) {
  State state = with_users();
  ASSERT_TRUE(happens(state, submission("analyst")));
  ASSERT_TRUE(happens(state, about(EventKind::decided, "analyst", 1)));
  EXPECT_EQ(refusal(state, about(EventKind::decided, "supervisor", 1)), Error::conflict);
  EXPECT_EQ(refusal(state, about(EventKind::escalated, std::string(principal_timer), 1)), Error::conflict);
  EXPECT_EQ(refusal(state, about(EventKind::decided, "analyst", 2)), Error::not_found);
}

TEST(WorkflowState, WhatIsEscalatedIsForSupervisors) {
  State state = with_users();
  ASSERT_TRUE(happens(state, submission("analyst")));
  ASSERT_TRUE(happens(state, about(EventKind::escalated, std::string(principal_timer), 1)));
  EXPECT_EQ(refusal(state, about(EventKind::escalated, "analyst", 1)), Error::conflict);
  EXPECT_EQ(refusal(state, about(EventKind::decided, "analyst", 1)), Error::forbidden);
  EXPECT_TRUE(happens(state, about(EventKind::decided, "supervisor", 1)));
  EXPECT_EQ(state.statistics().escalated, 0U);
  EXPECT_EQ(state.statistics().escalations, 1U);
  EXPECT_EQ(state.statistics().approved, 1U);
}

TEST(WorkflowState, ACodeIsSpentByItsLoginAndSoAreOlderOnes) {
  State state = with_users();
  Event login = event(EventKind::logged_in, "viewer");
  login.user = "viewer";
  login.totp_step = 100;
  EXPECT_TRUE(happens(state, login));
  EXPECT_EQ(refusal(state, login), Error::unauthenticated);
  login.totp_step = 99;
  EXPECT_EQ(refusal(state, login), Error::unauthenticated);
  login.totp_step = 101;
  EXPECT_TRUE(happens(state, login));
}

TEST(WorkflowState, WhoIsDeactivatedMayNothing) {  // S4-10
  State state = with_users();
  Event gone = event(EventKind::deactivated, "admin");
  gone.user = "analyst";
  ASSERT_TRUE(happens(state, gone));
  EXPECT_EQ(refusal(state, submission("analyst")), Error::unauthenticated);
}

TEST(WorkflowState, TheSameKeyIsTheSameEvent) {
  State state = with_users();
  ASSERT_TRUE(happens(state, submission("analyst", "k")));
  EXPECT_EQ(std::get<Replay>(state.judge(submission("analyst", "k"))).decision, 1U);
  EXPECT_TRUE(std::holds_alternative<Event>(state.judge(submission("supervisor", "k")))) << "another's key";
  Event other = submission("analyst", "k");
  other.title = "another desk";
  EXPECT_EQ(refusal(state, other), Error::conflict);
}

TEST(WorkflowEvent, SurvivesTheJournal) {
  Event e = registration("alice");
  e.credentials.totp_secret = std::string("\0\xff\n", 3);
  EXPECT_EQ(decode(encode(e)), e);
  Event d = about(EventKind::decided, "analyst", 7);
  d.verdict = Verdict::reject;
  d.key = "k";
  EXPECT_EQ(decode(encode(d)), d);
  EXPECT_EQ(audit_record(1, e).dump().find("kept"), std::string::npos) << "no credentials in the audit";
  for (const char* rubbish : {"", "{}", "[]", R"({"kind":"decided","decision":1})", R"({"kind":"registered","user":"eve"})"}) {
    EXPECT_FALSE(decode(rubbish)) << rubbish;
  }
}

TEST(Totp, GivesTheCodesOfRfc6238) {
  const std::string secret = "12345678901234567890";
  const std::pair<std::int64_t, const char*> vectors[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
                                                          {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
  for (const auto& [time, code] : vectors) EXPECT_EQ(totp_code(secret, time / 30), code);
  const WallTime now{1111111109s};
  EXPECT_EQ(totp_match(secret, "081804", now), 1111111109 / 30);
  EXPECT_EQ(totp_match(secret, "081804", now + 30s), 1111111109 / 30) << "one step late";
  EXPECT_FALSE(totp_match(secret, "081804", now + 61s));
  EXPECT_FALSE(totp_match(secret, "081804", now - 60s));
  EXPECT_FALSE(totp_match(secret, "81804", now));
  EXPECT_EQ(base32("12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

TEST(Password, IsBytesAndEveryAcceptedOneIsAcceptedAgain) {  // S4-07
  const auto scheme = pbkdf2(1000);
  for (const std::string& password : {std::string("Test123!@#"), std::string("\"\\\n\0 \xf0\x9f\x94\x90", 9), std::string(1024, ' ')}) {
    const auto kept = scheme->keep(password);
    ASSERT_TRUE(kept);
    EXPECT_TRUE(scheme->check(password, *kept));
    EXPECT_FALSE(scheme->check(password + " ", *kept));
    EXPECT_NE(kept, scheme->keep(password)) << "salted";
    EXPECT_TRUE(pbkdf2(2000)->check(password, *kept)) << "rounds are those it was kept with";
  }
  EXPECT_FALSE(scheme->check("", ""));
  EXPECT_THROW(pbkdf2(999), std::invalid_argument);
}

TEST(Alert, FiresWhenItsConditionHasHeldLongEnough) {  // S1-18
  services::Alert alert(60s);
  const MonoTime t = common::mono_now();
  EXPECT_FALSE(alert.firing(t + 1h));
  alert.observe(true, 1, t);
  alert.observe(true, 2, t + 59s);
  EXPECT_FALSE(alert.firing(t + 60s - 1ns));
  EXPECT_TRUE(alert.firing(t + 60s));
  alert.observe(false, 3, t + 61s);
  alert.observe(true, 4, t + 62s);
  EXPECT_FALSE(alert.firing(t + 100s)) << "a dip begins it anew";
  alert.observe(false, 3, t + 63s);
  EXPECT_TRUE(alert.firing(t + 122s)) << "an overtaken observation says nothing";
}

/// Over both stores.
struct WorkflowJournal : testing::TestWithParam<bool> {
  void SetUp() override {
    if (!GetParam()) return;
    file = std::filesystem::temp_directory_path() / ("workflow_test_" + std::to_string(getpid()) + ".db");
    std::filesystem::remove(file);
  }
  void TearDown() override {
    if (GetParam()) std::filesystem::remove(file);
  }
  std::unique_ptr<store::VersionedStore> open() const {
    if (GetParam()) return std::make_unique<store::SqliteStore>(file);
    return std::make_unique<store::MemoryStore>();
  }
  std::filesystem::path file;
};
INSTANTIATE_TEST_SUITE_P(Stores, WorkflowJournal, testing::Bool(), [](const auto& info) { return info.param ? "Sqlite" : "Memory"; });

TEST_P(WorkflowJournal, TwoProcessesShareOneHistory) {
  const auto store = open();
  Journal one({}, *store);
  Journal other({}, *store);
  ASSERT_TRUE(std::holds_alternative<Outcome>(one.propose(registration("analyst", Role::analyst), soon())));
  constexpr int rounds = 20;
  std::atomic<int> decided{0};
  std::latch ready(2);
  const auto work = [&](Journal& journal) {
    ready.arrive_and_wait();
    for (std::uint64_t i = 1; i <= rounds; ++i) {
      EXPECT_TRUE(std::holds_alternative<Outcome>(journal.propose(submission("analyst"), soon())));
      const auto result = journal.propose(about(EventKind::decided, "analyst", i), soon());
      if (std::holds_alternative<Outcome>(result)) {
        ++decided;
      } else {
        EXPECT_EQ(std::get<Error>(result), Error::conflict);
      }
    }
  };
  std::thread a([&] { work(one); }), b([&] { work(other); });
  a.join();
  b.join();
  EXPECT_EQ(decided, rounds) << "each decision once, by whomever";
  EXPECT_FALSE(one.catch_up(soon()));
  EXPECT_FALSE(other.catch_up(soon()));
  EXPECT_EQ(one.statistics(), other.statistics());
  // The fold is that of what is written.
  State folded;
  const auto events = std::get<std::vector<Event>>(one.read(1, 1000));
  for (const Event& e : events) EXPECT_TRUE(happens(folded, e));
  EXPECT_EQ(folded.statistics(), one.statistics());
}

TEST_P(WorkflowJournal, WhatWasAcknowledgedIsThereAfterARestart) {  // S1-35, S4-09
  auto store = open();
  {
    Journal journal({}, *store);
    ASSERT_TRUE(std::holds_alternative<Outcome>(journal.propose(registration("analyst", Role::analyst), soon())));
    ASSERT_TRUE(std::holds_alternative<Outcome>(journal.propose(submission("analyst", "k"), soon())));
  }
  if (GetParam()) store = open();
  Journal journal({}, *store);
  ASSERT_FALSE(journal.catch_up(soon()));
  EXPECT_EQ(journal.decision(1)->title, "a new desk");
  EXPECT_TRUE(std::get<Outcome>(journal.propose(submission("analyst", "k"), soon())).replayed);
}

TEST_P(WorkflowJournal, ARecordThatCouldNotHaveHappenedStopsIt) {
  const auto store = open();
  ASSERT_TRUE(std::holds_alternative<std::uint64_t>(store->put("workflow/1", 0, encode(about(EventKind::decided, "eve", 5)))));
  Journal journal({}, *store);
  EXPECT_EQ(journal.catch_up(soon()), Error::internal);
  EXPECT_EQ(journal.statistics(), Statistics{});
}

TEST(WorkflowBackground, RunsEachTaskOnceWithItsOwnContextOrSaysThatItDidNot) {
  Background background(2, 1000);
  std::mutex mutex;
  std::multiset<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    background.spawn({std::to_string(i), "alice", "local"}, [&](const RequestContext& context, const std::stop_token&) {
      if (context.request_id == "13") throw std::runtime_error("unlucky");
      const std::lock_guard lock(mutex);
      seen.insert(context.request_id);
    });
  }
  EXPECT_TRUE(background.stop(soon()));
  EXPECT_FALSE(background.spawn({}, [](const RequestContext&, const std::stop_token&) {}));
  EXPECT_EQ(seen.size(), 99U);
  const BackgroundCounters counters = background.counters();
  EXPECT_EQ(counters.finished, 99U);
  EXPECT_EQ(counters.failed, 1U);
  EXPECT_EQ(counters.refused, 1U);
}

TEST(WorkflowBackground, StopsAtItsDeadline) {  // S2-14
  Background background(1, 10);
  std::atomic<bool> stopped{false};
  for (int i = 0; i < 3; ++i) {
    background.spawn({}, [&](const RequestContext&, const std::stop_token& stop) {
      while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
      stopped = true;
    });
  }
  while (background.counters().running == 0) std::this_thread::sleep_for(1ms);
  EXPECT_FALSE(background.stop(common::mono_now() + 10ms));
  EXPECT_TRUE(stopped);
  EXPECT_EQ(background.counters().cancelled, 2U);
  EXPECT_EQ(background.counters().finished, 1U);
}

struct WorkflowService : testing::Test {
  WorkflowService() {
    config.http.keep_alive_timeout = 1s;
    config.first_admin = {"root", "a long password", std::string(20, 'r')};
  }
  void start() {
    service.emplace(config, services::JwtKey::hs256(std::string(32, 'k')), store, *passwords);
    service->start();
  }
  httplib::Result post(const std::string& path, const json& body, const std::string& token = {}, const httplib::Headers& more = {}) {
    httplib::Headers headers = more;
    if (!token.empty()) headers.emplace("Authorization", "Bearer " + token);
    return httplib::Client("127.0.0.1", service->port()).Post(path, headers, body.dump(), "application/json");
  }
  httplib::Result get(const std::string& path, const std::string& token = {}) {
    httplib::Headers headers;
    if (!token.empty()) headers.emplace("Authorization", "Bearer " + token);
    return httplib::Client("127.0.0.1", service->port()).Get(path, headers);
  }
  /// The token of a login with the present code.
  std::string log_in(const std::string& name, const std::string& password, const std::string& secret) {
    const auto code = totp_code(secret, totp_step(common::wall_now()));
    const auto reply = post("/login", {{"name", name}, {"password", password}, {"code", *code}});
    EXPECT_EQ(reply->status, 200) << reply->body;
    return json::parse(reply->body).value("token", "");
  }
  /// A new user of that role.
  std::string user(const std::string& name, Role role) {
    EXPECT_EQ(post("/register", {{"name", name}, {"password", "a password"}})->status, 201);
    if (root.empty()) root = log_in("root", "a long password", std::string(20, 'r'));
    EXPECT_EQ(post("/users/" + name + "/role", {{"role", to_string(role)}}, root)->status, 200);
    return log_in(name, "a password", service->journal().user(name)->credentials.totp_secret);
  }

  Config config;
  store::MemoryStore store;
  const std::unique_ptr<PasswordScheme> passwords = pbkdf2(1000);
  std::optional<Service> service;
  std::string root;
};

TEST_F(WorkflowService, TakesADecisionFromSubmissionToTheAudit) {  // S4-18
  start();
  const std::string ann = user("ann", Role::analyst);
  const auto submitted = post("/decisions", {{"title", "a new desk"}}, ann, {{"X-Request-Id", "r-1"}, {"Idempotency-Key", "k"}});
  EXPECT_EQ(submitted->status, 201);
  EXPECT_EQ(submitted->get_header_value("X-Request-Id"), "r-1");
  EXPECT_EQ(post("/decisions", {{"title", "a new desk"}}, ann, {{"Idempotency-Key", "k"}})->status, 200);
  EXPECT_EQ(json::parse(get("/decisions", ann)->body)["decisions"].size(), 1U);
  EXPECT_EQ(post("/decisions/1/decide", {{"verdict", "approve"}}, ann)->status, 200);
  EXPECT_EQ(post("/decisions/1/decide", {{"verdict", "approve"}}, ann)->status, 409);
  EXPECT_EQ(json::parse(get("/decisions/1", ann)->body)["decided_by"], "ann");
  EXPECT_EQ(json::parse(get("/statistics", ann)->body)["approved"], 1);
  const json audit = json::parse(get("/audit", root)->body)["events"];
  ASSERT_EQ(audit.size(), 7U);
  EXPECT_EQ(audit[5]["kind"], "submitted");
  EXPECT_EQ(audit[5]["request"], "r-1");
  EXPECT_EQ(audit[6]["by"], "ann");
  EXPECT_EQ(service->metrics()["journal"]["events"], 7);
}

TEST_F(WorkflowService, RefusesEverythingThatIsNotAllowed) {  // S3-36, S3-37, S3-38
  start();
  const std::string vic = user("vic", Role::viewer);
  EXPECT_EQ(post("/decisions", {{"title", "x"}})->status, 401);
  EXPECT_EQ(post("/decisions", {{"title", "x"}}, "rubbish")->status, 401);
  EXPECT_EQ(post("/decisions", {{"title", "x"}}, vic)->status, 403);
  EXPECT_EQ(get("/audit", vic)->status, 403);
  EXPECT_EQ(get("/nothing/here", vic)->status, 403);
  EXPECT_EQ(get("/decisions/1/decide", vic)->status, 403);
  EXPECT_EQ(get("/decisions/1/admin", vic)->status, 403) << "no prefix of a route is a route";
  httplib::Client client("127.0.0.1", service->port());
  EXPECT_EQ(client.Head("/decisions")->status, 403);
  EXPECT_EQ(client.Options("/decisions")->status, 403);
  EXPECT_EQ(client.Put("/decisions", "{}", "application/json")->status, 403);
  EXPECT_EQ(client.Delete("/decisions/1")->status, 403);
  // And who is deactivated, from that moment on.
  EXPECT_EQ(get("/decisions", vic)->status, 200);
  EXPECT_EQ(post("/users/vic/deactivate", json::object(), root)->status, 200);
  EXPECT_EQ(get("/decisions", vic)->status, 401);
}

TEST_F(WorkflowService, LoginsAreRefusedAlike) {  // S4-11, S4-25
  start();
  const std::string secret(20, 'r');
  const auto code = totp_code(secret, totp_step(common::wall_now()));
  const auto refused = [&](const json& body) {
    const auto reply = post("/login", body);
    EXPECT_EQ(reply->status, 401);
    return reply->body;
  };
  const std::string unknown = refused({{"name", "nobody"}, {"password", "a long password"}, {"code", *code}});
  EXPECT_EQ(refused({{"name", "root"}, {"password", "a wrong password"}, {"code", *code}}), unknown);
  EXPECT_EQ(refused({{"name", "root"}, {"password", "a long password"}, {"code", "000000x"}}), unknown);
  log_in("root", "a long password", secret);
  EXPECT_EQ(refused({{"name", "root"}, {"password", "a long password"}, {"code", *code}}), unknown) << "the code is spent";
}

TEST_F(WorkflowService, EscalatesInTimeWithTheSubmissionAsItsCause) {
  config.escalate_after = 1s;
  start();
  const std::string ann = user("ann", Role::analyst);
  ASSERT_EQ(post("/decisions", {{"title", "x"}}, ann, {{"X-Request-Id", "r-1"}})->status, 201);
  while (service->journal().decision(1)->state != DecisionState::escalated) std::this_thread::sleep_for(5ms);
  const auto events = std::get<std::vector<Event>>(service->journal().read(1, 100));
  EXPECT_EQ(events.back().cause, "r-1");
  EXPECT_EQ(events.back().context.principal, principal_timer);
  EXPECT_EQ(post("/decisions/1/decide", {{"verdict", "reject"}}, ann)->status, 403);
}

TEST_F(WorkflowService, DeepHealthSaysWhatIsMissing) {  // S0-46, S1-42, S3-51
  struct Broken final : store::VersionedStore {
    common::Result<store::Record> get(const std::string& key) override {
      if (down) return Error::unavailable;
      return inner.get(key);
    }
    common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override {
      if (down) return Error::unavailable;
      return inner.put(key, expected, value);
    }
    std::atomic<bool> down{false};
    store::MemoryStore inner;
  } broken;
  config.tick = 10ms;
  config.alert_after = 0s;
  service.emplace(config, services::JwtKey::hs256(std::string(32, 'k')), broken, *passwords);
  service->start();
  while (get("/health/deep")->status != 200) std::this_thread::sleep_for(5ms);
  broken.down = true;
  while (get("/health/deep")->status != 503) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(service->deep_health()["checks"]["store"], "unavailable");
  EXPECT_EQ(service->deep_health()["alerts"], json::array({"store_unavailable"}));
  EXPECT_EQ(get("/health")->status, 200) << "the process itself is well";
  broken.down = false;
  while (get("/health/deep")->status != 200) std::this_thread::sleep_for(5ms);
}

TEST_F(WorkflowService, RequestsOfWrongFormAreRefused) {  // S1-29, S1-43, S4-23, S4-24
  start();
  const std::string ann = user("ann", Role::analyst);
  httplib::Client client("127.0.0.1", service->port());
  for (const char* body : {"", "{", "[]", "null", R"({"name":"bob"})", R"({"name":"Bob","password":"a password"})",
                           R"({"name":"../x","password":"a password"})", R"({"name":"bob","password":"short"})",
                           "{\"name\":\"bob\",\"password\":\"a pass\xff\xff\xff\"}", R"({"name":"bob","name":"bob","password":"a password"})"}) {
    EXPECT_EQ(client.Post("/register", body, "application/json")->status, 400) << body;
    EXPECT_EQ(client.Post("/login", body, "application/json")->status, 400) << body;
  }
  EXPECT_EQ(post("/decisions", {{"title", std::string(201, 'x')}}, ann)->status, 400);
  EXPECT_EQ(post("/decisions", {{"title", std::string(200, 'x')}}, ann)->status, 201);
  EXPECT_EQ(post("/decisions", {{"title", "a\nb"}}, ann)->status, 400);
  EXPECT_EQ(post("/decisions", {{"title", std::string(20'000, 'x')}}, ann)->status, 413);
  EXPECT_EQ(post("/decisions/1/decide", {{"verdict", "maybe"}}, ann)->status, 400);
  EXPECT_EQ(post("/decisions/99999999999999999999/decide", {{"verdict", "approve"}}, ann)->status, 404);
  EXPECT_EQ(get("/decisions?after=x", ann)->status, 400);
  EXPECT_EQ(get("/decisions?state=lost", ann)->status, 400);
}

TEST(WorkflowConfig, NamesWhatIsWrong) {
  Config config;
  validate(config);
  config.tick = 1ms;
  EXPECT_THROW(validate(config), std::invalid_argument);
  config = {};
  config.first_admin = {"Root", "a long password", std::string(20, 'r')};
  EXPECT_THROW(validate(config), std::invalid_argument);
}

}  // namespace
}  // namespace workflow
