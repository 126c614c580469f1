// A life of the whole system in six phases: cold start, normal, learning, stress, failures, verification (catalogue S1-31
// to S1-38: S1-32..36; S1-45).

#include <foreseed/faults.h>

#include <algorithm>
#include <functional>
#include <set>

#include "../workflow/office.h"
#include "auth_cache/auth_cache.h"
#include "identity.h"
#include "town.h"

using namespace scenarios;
using office::Person;

namespace {

using common::mono_now;
using nlohmann::json;

/// The workflow's database, which can be read only for a while.
struct Database final : store::VersionedStore {
  common::Result<store::Record> get(const std::string& key) override { return inner.get(key); }
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override {
    if (read_only) return common::Error::unavailable;
    return inner.put(key, expected, value);
  }
  std::atomic<bool> read_only{false};
  store::MemoryStore inner;
};

bool has_alert(const char* host, int port, const std::string& name) {
  httplib::Client client(host, port);
  const auto result = client.Get("/health");
  if (!result) return false;
  const json alerts = json::parse(result->body)["alerts"];
  return name.empty() ? !alerts.empty() : std::find(alerts.begin(), alerts.end(), name) != alerts.end();
}

/// What an agent has to get done: an order, and a decision, each in the end and once.
class Job {
 public:
  Job(std::string name, const std::string& bearer) : name_(std::move(name)), bearer_(bearer) {}

  void do_it(Person& person) {
    until_done([&] { return try_order(bearer_, 2s, name_).status; });
    until_done([&] { return person.post("/decisions", {{"title", name_}}, {{"Idempotency-Key", name_}}).status; });
  }

 private:
  static void until_done(const std::function<int()>& attempt) {
    const auto start = mono_now();
    for (int status = 0; status != 200 && status != 201;) {
      status = attempt();
      // Not now, or not by this judge; never "no", and never a failure of its own.
      FORESEED_CHECK(status == 0 || status == 200 || status == 201 || status == 401 || status == 503 || status == 504);
      FORESEED_CHECK(mono_now() - start < 5min);
      if (status != 200 && status != 201) std::this_thread::sleep_for(1s);
    }
  }
  const std::string name_;
  const std::string& bearer_;
};

struct System {
  System() {
    iam_settings.http.tls = identity_of("iam", std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()),
                                        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + 365 * 24h);
    iam_settings.http.worker_threads = 32;
    oms_settings.iam.tls_ca_pem = iam_settings.http.tls->certificate_pem;
    oms_settings.iam.idle_max = 500ms;
    oms_settings.http.worker_threads = 32;
    oms_settings.in_flight_max = 16;
    oms_settings.breaker.open_wait_base = 1s;
    oms_settings.breaker.open_wait_cap = 8s;
    oms_settings.breaker.window_calls = oms_settings.breaker.min_calls = 10;
    workflow_settings.config.http.worker_threads = 32;
    workflow_settings.config.alert_after = 10s;
  }
  Database database;
  services::IamConfig iam_settings = iam_config();
  services::OmsConfig oms_settings = oms_config();
  const std::unique_ptr<workflow::PasswordScheme> passwords = workflow::pbkdf2(1000);
  office::Settings workflow_settings{office::workflow_config(), &database, passwords.get()};
};

}  // namespace

FORESEED_SCENARIO(six_phase, "cold start, normal, learning, stress, failures, verification: all resolved, none lost, recovered in 60 s (S1-33)") {
  System system;
  for (int i = 0; i < 4; ++i) office::enrol(system.database, "agent" + std::to_string(i), workflow::Role::analyst);

  // Cold start.
  const auto cold = mono_now();
  Town town(system.oms_settings, system.iam_settings);
  office::WorkflowHost workflow("workflow", system.workflow_settings);
  const std::string bearer = token({"orders:write"}, 24h);
  std::uint64_t probes = 1;  // orders that are nobody's job
  FORESEED_CHECK(order(bearer).path == "remote");
  while (Person().get("/health/deep").status != 200) std::this_thread::sleep_for(10ms);
  FORESEED_CHECK(mono_now() - cold < 60s);
  // Through all phases: who has no good token, or not the scope, gets nothing (S1-37).
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> attempts{0};
  std::thread intruder([&] {
    services::JwtClaims forged;
    forged.subject = "alice";
    forged.issuer = "iam";
    forged.audience = {"oms"};
    forged.scopes = {"orders:write"};
    forged.expires_at = 4'000'000'000;
    const std::string tokens[] = {"", *services::jwt_sign(forged, services::JwtKey::hs256(std::string(32, 'x'))),
                                  token({"orders:write"}, -1s), token({"orders:read"}, 24h)};
    while (!over) {
      for (const std::string& tried : tokens) {
        const int ordered = try_order(tried, 2s).status;
        FORESEED_CHECK(ordered == 0 || ordered == 401 || ordered == 403 || ordered == 503);
        const httplib::Headers bearer_of_it = {{"Authorization", "Bearer " + tried}};
        const auto audit = httplib::Client("workflow", 8083).Get("/audit", bearer_of_it);
        FORESEED_CHECK(!audit || audit->status == 401 || audit->status == 503);
        ++attempts;
      }
      std::this_thread::sleep_for(5s);
    }
  });

  // Normal.
  std::vector<Person> people(4);
  for (int i = 0; i < 4; ++i) people[static_cast<std::size_t>(i)].log_in("agent" + std::to_string(i));
  std::uint64_t jobs = 0;
  for (Person& person : people) Job("normal-" + std::to_string(++jobs), bearer).do_it(person);
  FORESEED_CHECK(!has_alert("oms", 8080, {}) && !has_alert("workflow", 8083, {}));

  // Learning: a cache in front of IAM knows 5 tokens after 5 questions.
  services::HttpClientConfig to_iam = system.oms_settings.iam;
  services::IamClient iam(to_iam);
  auth_cache::AuthCache cache({}, [&](const std::string& asked, common::MonoTime) -> auth_cache::Answer {
    const services::IamResult result = iam.validate(asked, {"orders:write"});
    if (services::verdict_of(result.status) == services::IamVerdict::unavailable) return common::Error::unavailable;
    if (!result.principal) return auth_cache::Denied{};
    return auth_cache::Claims{result.principal->subject, result.principal->scopes,
                              common::WallTime(std::chrono::seconds(result.principal->expires_at)), std::nullopt};
  });
  std::vector<std::string> tokens;
  for (int i = 1; i <= 5; ++i) tokens.push_back(token({"orders:write"}, std::chrono::hours(i)));
  for (int round = 0; round < 20; ++round) {
    for (const std::string& known : tokens) {
      const auto decision = cache.validate(known, {"orders:write"}, mono_now() + 5s);
      FORESEED_CHECK(std::holds_alternative<auth_cache::Claims>(decision));
    }
  }
  FORESEED_CHECK(cache.counters().loads == 5 && cache.counters().hits == 95);

  // Stress: 100 agents at once.
  {
    std::vector<std::thread> agents;
    for (std::size_t i = 0; i < 100; ++i) {
      agents.emplace_back([&, i, job = ++jobs] { Job("stress-" + std::to_string(job), bearer).do_it(people[i % 4]); });
    }
    for (std::thread& agent : agents) agent.join();
    FORESEED_CHECK(town.oms->bulkhead_counters().in_flight_peak <= system.oms_settings.in_flight_max);
  }

  // Failures, one after the other, under agents who go on; each is noticed.
  const auto failures = mono_now();
  foreseed::FaultPlan()
      .crash("iam", {.at = 0s, .until = 80s})
      .partition({"oms"}, {"iam"}, {.at = 120s, .until = 200s})
      .crash("workflow", {.at = 140s, .until = 145s})
      .step_clock("oms", 240s, 400 * 24h)
      .step_clock("oms", 260s, -400 * 24h)
      .start();
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> more{0};
  std::vector<std::thread> agents;
  for (std::size_t i = 0; i < 4; ++i) {
    agents.emplace_back([&, i] {
      while (!stopping) {
        Job("failures-" + std::to_string(++more), bearer).do_it(people[i]);
        std::this_thread::sleep_for(5s);
      }
    });
  }
  const auto expect_alert_at = [&](std::chrono::seconds at, const char* host, int port, const char* name) {
    std::this_thread::sleep_until(failures + at);
    FORESEED_CHECK(has_alert(host, port, name));
  };
  expect_alert_at(79s, "oms", 8080, "iam_unavailable");
  std::this_thread::sleep_until(failures + 119s);
  FORESEED_CHECK(!has_alert("oms", 8080, {}));
  expect_alert_at(199s, "oms", 8080, "iam_unavailable");
  system.database.read_only = true;
  expect_alert_at(230s, "workflow", 8083, "store_unavailable");
  system.database.read_only = false;
  expect_alert_at(259s, "oms", 8080, "iam_certificate_ends");

  // Verification: within a minute all is as before, and what was promised is there.
  std::this_thread::sleep_until(failures + 261s);
  const auto healed = mono_now();
  stopping = true;
  for (std::thread& agent : agents) agent.join();
  jobs += more;
  const auto as_before = [&] {
    const Answer answer = order(bearer);
    probes += answer.status == 201;
    return answer.path == "remote" && !has_alert("oms", 8080, {}) && !has_alert("workflow", 8083, {}) &&
           Person().get("/health/deep").status == 200;
  };
  while (!as_before()) {
    std::this_thread::sleep_for(1s);
    Job("verification-" + std::to_string(++jobs), bearer).do_it(people[0]);
    FORESEED_CHECK(mono_now() - healed < 60s);
  }
  foreseed::note("recovered after " + std::to_string(std::chrono::floor<std::chrono::milliseconds>(mono_now() - healed).count()) +
                 " ms, " + std::to_string(jobs) + " jobs");
  over = true;
  intruder.join();
  FORESEED_CHECK(attempts > 100);
  FORESEED_CHECK(town.oms->orders().size() == jobs + probes);
  const workflow::Statistics statistics = workflow->journal().statistics();
  FORESEED_CHECK(statistics.submitted == jobs && statistics.pending + statistics.escalated == jobs);
  std::set<std::string> keys;
  const auto events = std::get<std::vector<workflow::Event>>(workflow->journal().read(1, 100'000));
  for (const workflow::Event& event : events) {
    if (event.kind == workflow::EventKind::submitted) FORESEED_CHECK(keys.insert(event.key).second);
  }
  town.stop();
  workflow.stop();
}
