// Requests of every kind at once, some of them as fast as they can (catalogue S4-19).

#include <atomic>
#include <nlohmann/json.hpp>
#include <vector>

#include "town.h"

using namespace scenarios;

namespace {

/// What all callers together were answered.
struct Answered {
  std::atomic<std::size_t> placed{0}, shown{0}, refused{0};
};

/// One caller, on a connection that is kept: bursts of one kind of request, each of which has one right answer.
void call(const std::string& name, Answered& answered) {
  services::JwtClaims claims;
  claims.subject = name;
  claims.issuer = "iam";
  claims.audience = {"oms"};
  claims.expires_at = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count() + 3600;
  const auto bearer = [&](const services::Scopes& scopes) {
    claims.scopes = scopes;
    return httplib::Headers{{"Authorization", "Bearer " + services::jwt_sign(claims, services::JwtKey::hs256(secret)).value()}};
  };
  const httplib::Headers owner = bearer({"orders:read", "orders:write"}), reader = bearer({"orders:read"});
  const httplib::Headers stranger = {{"Authorization", "Bearer " + token({"orders:read"}, 1h) + "x"}};
  httplib::Client client("oms", 8080);
  client.set_keep_alive(true);
  client.set_read_timeout(10s);
  const auto post = [&](const httplib::Headers& headers) {
    const auto result = client.Post("/orders", headers, R"({"item":"tea","quantity":2})", "application/json");
    FORESEED_CHECK(result);
    return *result;
  };
  const auto get = [&](const std::string& path, const httplib::Headers& headers = {}) {
    const auto result = client.Get(path, headers);
    FORESEED_CHECK(result);
    return *result;
  };
  std::vector<std::string> mine;
  const auto place = [&] {
    const auto response = post(owner);
    FORESEED_CHECK(response.status == 201);
    mine.push_back(response.get_header_value("Location"));
    ++answered.placed;
  };
  place();
  for (int burst = 0; burst < 6; ++burst) {
    const auto kind = foreseed::choose(6);
    for (auto left = 1 + foreseed::choose(5); left > 0; --left) {
      if (kind == 0) {
        place();
      } else if (kind == 1) {
        const auto response = get(mine[foreseed::choose(mine.size())], reader);
        FORESEED_CHECK(response.status == 200 && nlohmann::json::parse(response.body)["owner"] == name);
        ++answered.shown;
      } else if (kind == 2) {  // perhaps of somebody else
        const auto response = get("/orders/" + std::to_string(1 + foreseed::choose(20)), reader);
        FORESEED_CHECK(response.status == 404 || nlohmann::json::parse(response.body)["owner"] == name);
        ++answered.shown;
      } else if (kind == 3) {
        FORESEED_CHECK(post(reader).status == 403);
        ++answered.refused;
      } else if (kind == 4) {
        FORESEED_CHECK(get(mine[0], stranger).status == 401);
        ++answered.refused;
      } else {
        FORESEED_CHECK(get("/health").status == 200 && get("/metrics").status == 200);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(foreseed::choose(20)));
  }
}

}  // namespace

FORESEED_SCENARIO(mixed_load, "orders, rapid reads, refusals, health and metrics at once: each has its one right answer, and the counters are their sum (S4-19)") {
  services::OmsConfig config = oms_config();
  config.iam.idle_max = 500ms;
  Town town(config);
  Answered answered;
  std::vector<std::thread> callers;
  for (const char* name : {"ann", "bob", "eve"}) callers.emplace_back([&, name] { call(name, answered); });
  for (std::thread& caller : callers) caller.join();
  const nlohmann::json metrics = town.oms->metrics();
  FORESEED_CHECK(metrics["orders"] == answered.placed.load());
  FORESEED_CHECK(metrics["auth"]["remote_granted"] == answered.placed + answered.shown);
  FORESEED_CHECK(metrics["auth"]["remote_refused"] == answered.refused.load());
  FORESEED_CHECK(metrics["bulkhead"]["entered"] == answered.placed + answered.shown + answered.refused);
  FORESEED_CHECK(metrics["breaker"]["in_flight"] == 0 && metrics["late"] == 0);
  town.stop();
}
