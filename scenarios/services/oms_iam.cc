// OMS and IAM, the shipped code of models/services, on two hosts of one world: the run that their review found had never
// been made (catalogue S0-01), and what is left of it when IAM goes away.

#include <foreseed/scenario.h>
#include <foreseed/world.h>
#include <httplib.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "services/iam_service.h"
#include "services/oms_service.h"

namespace {

using namespace std::chrono_literals;

const std::string secret = "thirty-two bytes of shared secret";

std::string token(const services::Scopes& scopes, std::chrono::seconds lifetime) {
  services::JwtClaims claims;
  claims.subject = "alice";
  claims.issuer = "iam";
  claims.audience = {"oms"};
  claims.scopes = scopes;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  claims.expires_at = std::chrono::floor<std::chrono::seconds>(now + lifetime).count();
  return services::jwt_sign(claims, services::JwtKey::hs256(secret)).value();
}

services::HttpServerConfig listening(int port) {
  services::HttpServerConfig config;
  config.host = "0.0.0.0";
  config.port = port;
  config.worker_threads = 6;
  config.keep_alive_timeout = 1s;
  return config;
}

/// A service on a host of its own, from the moment it listens until it is told to stop.
template <typename Service, typename Config>
class Deployment {
 public:
  Deployment(const char* name, const Config& config)
      : host_(name, [this, &config] {
          Service service(config);
          service.start();
          started_.set_value(&service);
          stopping_.get_future().wait_for(24h);
          service.stop();
        }) {
    service_ = started_.get_future().get();
  }

  Service& operator*() { return *service_; }
  Service* operator->() { return service_; }

  void stop() {
    stopping_.set_value();
    host_.join();
  }

 private:
  std::promise<Service*> started_;
  std::promise<void> stopping_;
  Service* service_ = nullptr;
  foreseed::Host host_;
};

/// IAM takes its key apart from its configuration.
struct Iam : services::IamService {
  explicit Iam(const services::IamConfig& config) : IamService(config, services::JwtKey::hs256(secret)) {}
};

services::OmsConfig oms_config() {
  services::OmsConfig config;
  config.http = listening(8080);
  config.iam.host = "iam";
  config.iam.port = 8081;
  config.breaker.window_calls = config.breaker.min_calls = 4;
  config.breaker.probe_successes = 2;
  config.fallback = services::FallbackPolicy::local_validation;
  config.local_key = services::JwtKey::hs256(secret);
  return config;
}

struct Answer {
  int status = 0;
  std::string path;
};

Answer order(const std::string& bearer) {
  httplib::Client client("oms", 8080);
  client.set_read_timeout(10s);
  httplib::Headers headers;
  if (!bearer.empty()) headers.emplace("Authorization", "Bearer " + bearer);
  const auto result = client.Post("/orders", headers, R"({"item":"tea","quantity":2})", "application/json");
  FORESEED_CHECK(result);
  return {result->status, result->get_header_value("X-Auth-Path")};
}

}  // namespace

FORESEED_SCENARIO(oms_iam_smoke, "OMS asks IAM for every order: decisions are IAM's, nothing falls back (S0-01)") {
  foreseed::link("client", "oms", 1ms);
  foreseed::link("oms", "iam", 2ms);
  const services::IamConfig iam_config{listening(8081), {}};
  const services::OmsConfig config = oms_config();
  Deployment<Iam, services::IamConfig> iam("iam", iam_config);
  Deployment<services::OmsService, services::OmsConfig> oms("oms", config);

  const std::string writer = token({"orders:write"}, 1h);
  const std::string reader = token({"orders:read"}, 1h);
  std::vector<std::thread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] {
      const Answer answer = order(writer);
      FORESEED_CHECK(answer.status == 201);
      FORESEED_CHECK(answer.path == "remote");
    });
  }
  clients.emplace_back([&] { FORESEED_CHECK(order(reader).status == 403); });
  clients.emplace_back([&] { FORESEED_CHECK(order("").status == 401); });
  for (std::thread& client : clients) client.join();

  const services::AuthCounters counters = oms->auth_counters();
  FORESEED_CHECK(counters.remote_granted == 2);
  FORESEED_CHECK(counters.local_granted + counters.local_refused == 0);
  FORESEED_CHECK(iam->counters().active == 2);
  FORESEED_CHECK(iam->counters().insufficient_scope == 1);
  oms.stop();
  iam.stop();
}

FORESEED_SCENARIO(oms_iam_outage, "IAM goes away: the breaker opens, orders are judged locally and say so (S0-11)") {
  foreseed::link("client", "oms", 1ms);
  foreseed::link("oms", "iam", 2ms);
  const services::IamConfig iam_config{listening(8081), {}};
  const services::OmsConfig config = oms_config();
  Deployment<Iam, services::IamConfig> iam("iam", iam_config);
  Deployment<services::OmsService, services::OmsConfig> oms("oms", config);

  const std::string writer = token({"orders:write"}, 1h);
  FORESEED_CHECK(order(writer).path == "remote");
  iam.stop();
  for (int i = 0; i < 5; ++i) {
    const Answer answer = order(writer);
    FORESEED_CHECK(answer.status == 201);
    FORESEED_CHECK(answer.path == "local");
  }
  FORESEED_CHECK(oms->breaker().snapshot().mode == breaker::Mode::open);
  // Local judgement grants no more than IAM's: not another scope, and not after the token's time.
  FORESEED_CHECK(order(token({"orders:read"}, 1h)).status == 403);
  std::this_thread::sleep_for(2h);
  FORESEED_CHECK(order(writer).status == 401);
  oms.stop();
}
