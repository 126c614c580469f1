// OMS and IAM together in one process, over loopback.
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "services/iam_service.h"
#include "services/oms_service.h"

namespace services {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

const std::string secret = "a secret of at least thirty-two bytes";

std::string token_for(const Scopes& scopes, const std::string& subject = "alice",
                      const std::string& key = secret, std::int64_t ttl_s = 3600) {
  JwtClaims claims;
  claims.subject = subject;
  claims.issuer = "iam";
  claims.audience = {"oms"};
  claims.scopes = scopes;
  claims.expires_at =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count() +
      ttl_s;
  return jwt_sign(claims, JwtKey::hs256(key)).value();
}

HttpServerConfig server_config(int port = 0) {
  HttpServerConfig config;
  config.port = port;
  config.keep_alive_timeout = std::chrono::seconds(1);  // `stop` waits for it
  return config;
}

struct Services : testing::Test {
  void start_iam(int port = 0) {
    iam.emplace(IamConfig{server_config(port), {}}, JwtKey::hs256(secret));
    iam->start();
    iam_port = iam->port();
  }
  void start_oms(FallbackPolicy fallback) {
    OmsConfig config;
    config.http = server_config();
    config.iam.port = iam_port;
    config.breaker.window_calls = config.breaker.min_calls = 4;
    config.breaker.probe_successes = 1;
    config.breaker.open_wait_base = config.breaker.open_wait_cap = open_wait;
    config.fallback = fallback;
    config.local_key = JwtKey::hs256(secret);
    oms.emplace(config);
    oms->start();
  }
  httplib::Result post(const std::string& token, const std::string& body,
                       const httplib::Headers& more = {}) {
    httplib::Client client("127.0.0.1", oms->port());
    httplib::Headers headers = more;
    headers.emplace("Authorization", "Bearer " + token);
    return client.Post("/orders", headers, body, "application/json");
  }
  httplib::Result order(const std::string& token) {
    return post(token, R"({"item":"tea","quantity":2})");
  }
  httplib::Result get(const std::string& path, const std::string& token = "") {
    httplib::Client client("127.0.0.1", oms->port());
    httplib::Headers headers;
    if (!token.empty()) headers.emplace("Authorization", "Bearer " + token);
    return client.Get(path, headers);
  }

  milliseconds open_wait{std::chrono::hours(1)};
  int iam_port = 0;
  std::optional<IamService> iam;
  std::optional<OmsService> oms;
  const std::string writer = token_for({"orders:write"});
  const std::string reader = token_for({"orders:read"});
};

TEST_F(Services, OrderIsAuthorisedRemotely) {  // S0-01, S0-02
  start_iam();
  start_oms(FallbackPolicy::local_validation);
  const auto placed = order(writer);
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->status, 201);
  EXPECT_EQ(placed->get_header_value("X-Auth-Path"), "remote");
  EXPECT_EQ(placed->get_header_value("Location"), "/orders/1");
  EXPECT_EQ(json::parse(placed->body),
            json::parse(R"({"id":1,"owner":"alice","item":"tea","quantity":2})"));
  const auto read = get("/orders/1", reader);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->status, 200);
  EXPECT_EQ(read->body, placed->body);
  EXPECT_EQ(iam->counters().active, 2U) << "one question for each request";
  EXPECT_EQ(oms->auth_counters().remote_granted, 2U);
  EXPECT_EQ(oms->auth_counters().local_granted, 0U);
}

TEST_F(Services, RefusalsAreTypedAndDoNotTripTheBreaker) {  // S0-03
  start_iam();
  start_oms(FallbackPolicy::local_validation);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(order(reader)->status, 403);
    EXPECT_EQ(order(token_for({"orders:write"}, "eve", std::string(32, 'x')))->status, 401);
    EXPECT_EQ(order(token_for({"orders:write"}, "alice", secret, -10))->status, 401);
  }
  EXPECT_EQ(oms->breaker().snapshot().mode, breaker::Mode::closed);
  EXPECT_EQ(oms->breaker().metrics().fail, 0U);
  EXPECT_EQ(oms->auth_counters().remote_refused, 15U);
  EXPECT_EQ(oms->orders().size(), 0U);
}

TEST_F(Services, RubbishIsRefusedWithoutAskingIam) {  // S0-02
  start_iam();
  start_oms(FallbackPolicy::deny);
  for (const std::string& token : {std::string("x"), std::string("a.b"), std::string("a.b.c.d"),
                                   std::string("a.b. c"), std::string(8000, 'a')}) {
    const auto response = order(token);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 401);
    EXPECT_EQ(response->get_header_value("X-Auth-Path"), "none");
  }
  httplib::Client client("127.0.0.1", oms->port());
  EXPECT_EQ(client.Post("/orders", "{}", "application/json")->status, 401);
  EXPECT_EQ(
      client.Post("/orders", {{"Authorization", "Basic " + writer}}, "{}", "application/json")
          ->status,
      401);
  EXPECT_EQ(iam->counters().invalid_token, 0U);
  EXPECT_EQ(oms->breaker().metrics().admitted, 0U);
}

TEST_F(Services, WithoutIamTheFallbackValidatesLocallyAndTheBreakerOpens) {  // S0-11
  start_iam();
  start_oms(FallbackPolicy::local_validation);
  EXPECT_EQ(order(writer)->get_header_value("X-Auth-Path"), "remote");
  iam->stop();
  for (int i = 0; i < 5; ++i) {
    const auto response = order(writer);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 201);
    EXPECT_EQ(response->get_header_value("X-Auth-Path"), "local");
  }
  EXPECT_EQ(oms->breaker().snapshot().mode, breaker::Mode::open);
  EXPECT_GE(oms->breaker().metrics().rejected, 1U);
  // The local decision is IAM's: same refusals (AU9).
  EXPECT_EQ(order(reader)->status, 403);
  EXPECT_EQ(order(token_for({"orders:write"}, "eve", std::string(32, 'x')))->status, 401);
  const json health = json::parse(get("/health")->body);
  EXPECT_EQ(health["iam"]["breaker"], "open");
}

TEST_F(Services, DeepHealthIsReadinessAndHealthIsLife) {  // S0-46, S1-42, S3-51
  start_iam();
  start_oms(FallbackPolicy::deny);
  EXPECT_EQ(get("/health/deep")->status, 200);
  httplib::Client to_iam("127.0.0.1", iam_port);
  const json keys = json::parse(to_iam.Get("/health/deep")->body);
  EXPECT_EQ(keys["checks"]["key"], "ok");
  to_iam.stop();
  iam->stop();
  while (get("/health/deep")->status != 503) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const json report = json::parse(get("/health/deep")->body);
  EXPECT_EQ(report["status"], "degraded");
  EXPECT_EQ(report["checks"]["iam"], "failing");
  EXPECT_EQ(get("/health")->status, 200);
  EXPECT_EQ(oms->breaker().metrics().admitted, 0U) << "looking is no traffic";
}

TEST_F(Services, WithoutIamTheDenyingPolicyAnswers503) {
  start_iam();
  start_oms(FallbackPolicy::deny);
  iam->stop();
  for (int i = 0; i < 6; ++i) {
    const auto response = order(writer);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 503);
    EXPECT_EQ(response->get_header_value("X-Auth-Path"), "none");
    EXPECT_GE(std::stoi(response->get_header_value("Retry-After")), 1);
  }
  EXPECT_EQ(oms->orders().size(), 0U);
  EXPECT_EQ(oms->auth_counters().unavailable, 6U);
  EXPECT_EQ(oms->breaker().snapshot().mode, breaker::Mode::open);
}

TEST_F(Services, IamThatComesBackIsUsedAgain) {
  open_wait = milliseconds(1);
  start_iam();
  start_oms(FallbackPolicy::local_validation);
  iam->stop();
  while (oms->breaker().snapshot().mode == breaker::Mode::closed) order(writer);
  start_iam(iam_port);
  std::string path;
  while (path != "remote") {  // ends: after 1 ms a probe is admitted and succeeds
    path = order(writer)->get_header_value("X-Auth-Path");
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(oms->breaker().snapshot().mode, breaker::Mode::closed);
}

TEST_F(Services, OrdersOfWrongFormAreRefused) {
  start_iam();
  start_oms(FallbackPolicy::deny);
  for (const char* body :
       {"", "{", "[]", R"({"item":"tea"})", R"({"item":"","quantity":1})",
        R"({"item":"tea","quantity":0})", R"({"item":"tea","quantity":-1})",
        R"({"item":"tea","quantity":1000001})", R"({"item":"tea","quantity":1.0})",
        R"({"item":"tea","quantity":"1"})", R"({"item":"a\u0000b","quantity":1})",
        R"({"item":7,"quantity":1})", R"({"item":"tea","quantity":1,"quantity":2})",
        R"({"item":"tea","quantity":18446744073709551616})"}) {
    EXPECT_EQ(post(writer, body)->status, 400) << body;
  }
  EXPECT_EQ(post(writer, std::string(20'000, ' '))->status, 413);
  EXPECT_EQ(oms->orders().size(), 0U);
}

TEST_F(Services, IdempotencyKeyPlacesOneOrder) {  // SV2
  start_iam();
  start_oms(FallbackPolicy::deny);
  const httplib::Headers key = {{"Idempotency-Key", "k1"}};
  EXPECT_EQ(post(writer, R"({"item":"tea","quantity":2})", key)->status, 201);
  EXPECT_EQ(post(writer, R"({"item":"tea","quantity":2})", key)->status, 200);
  EXPECT_EQ(post(writer, R"({"item":"tea","quantity":3})", key)->status, 409);
  EXPECT_EQ(oms->orders().size(), 1U);
}

TEST_F(Services, OrdersOfOthersDoNotExist) {
  start_iam();
  start_oms(FallbackPolicy::deny);
  order(writer);
  EXPECT_EQ(get("/orders/1", token_for({"orders:read"}, "bob"))->status, 404);
  EXPECT_EQ(get("/orders/2", reader)->status, 404);
  EXPECT_EQ(get("/orders/99999999999999999999", reader)->status, 404);
  EXPECT_EQ(get("/orders/1")->status, 401);
  EXPECT_EQ(get("/orders/1", writer)->status, 403);
  EXPECT_EQ(get("/orders/" + std::string(4000, '1'), reader)->status, 404);
}

TEST_F(Services, ConcurrentOrdersAreAllAccountedFor) {
  start_iam();
  start_oms(FallbackPolicy::local_validation);
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&] {
      for (int i = 0; i < 10; ++i) EXPECT_EQ(order(writer)->status, 201);
    });
  }
  for (auto& client : clients) client.join();
  const json metrics = json::parse(get("/metrics")->body);
  EXPECT_EQ(metrics["orders"], 40);
  EXPECT_EQ(metrics["auth"]["decisions"], 40);
  EXPECT_EQ(metrics["auth"]["remote_granted"], 40);
  EXPECT_EQ(metrics["iam"]["authorised"], 40);
  EXPECT_EQ(metrics["breaker"]["mode"], "closed");
  EXPECT_EQ(metrics["breaker"]["ok"], 40);
}

TEST_F(Services, IamAnswersStrangersWithTypedErrors) {
  start_iam();
  httplib::Client client("127.0.0.1", iam_port);
  const auto ask = [&](const std::string& body) {
    const auto response = client.Post("/validate", body, "application/json");
    return std::to_string(response->status) + " " +
           json::parse(response->body)["error"].value("code", "");
  };
  EXPECT_EQ(ask("{"), "400 invalid_request");
  EXPECT_EQ(ask(R"({"token":"x"})"), "400 invalid_request");
  EXPECT_EQ(ask(R"({"token":"x","scope":""})"), "400 invalid_request");
  EXPECT_EQ(ask(R"({"token":"x","scope":["a"]})"), "400 invalid_request");
  EXPECT_EQ(ask(R"({"token":"x","scope":"a"})"), "401 invalid_token");
  EXPECT_EQ(ask(json{{"token", reader}, {"scope", "orders:write"}}.dump()),
            "403 insufficient_scope");
  EXPECT_EQ(ask(json{{"token", reader}, {"scope", "orders:read orders:write"}}.dump()),
            "403 insufficient_scope");
  EXPECT_EQ(client.Get("/nothing")->status, 404);
  EXPECT_EQ(client.Get("/health")->status, 200);
}

TEST_F(Services, StartIsTypedAndRepeatable) {  // S0-10
  start_iam();
  IamService second(IamConfig{server_config(iam_port), {}}, JwtKey::hs256(secret));
  try {
    second.start();
    ADD_FAILURE() << "two servers share a port";
  } catch (const StartError& error) {
    EXPECT_EQ(error.code(), StartError::Code::cannot_listen);
    EXPECT_NE(std::string(error.what()).find(std::to_string(iam_port)), std::string::npos);
  }
  iam->stop();
  iam->stop();
  second.start();
  EXPECT_EQ(second.port(), iam_port);
  EXPECT_THROW(second.start(), StartError);
  second.stop();
  EXPECT_EQ(second.port(), 0);
}

TEST_F(Services, OmsStartsWithoutIamAndByHostName) {
  iam_port = 1;
  OmsConfig config;
  config.http = server_config();
  config.http.host = "localhost";
  config.iam.host = "localhost";
  config.iam.port = 1;
  OmsService service(config);
  service.start();
  httplib::Client client("localhost", service.port());
  EXPECT_EQ(client.Get("/health")->status, 200);
}

std::string test_file(const std::string& name) {
  std::ifstream file(std::string(TEST_DATA) + "/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct TlsServices : Services {
  void start_iam_with_tls() {
    IamConfig config{server_config(), {}};
    config.http.tls = TlsIdentity{test_file("localhost.pem"), test_file("localhost.key")};
    iam.emplace(config, JwtKey::hs256(secret));
    iam->start();
    iam_port = iam->port();
  }
  HttpClientConfig client(const std::string& host, const std::string& authority) {
    HttpClientConfig config;
    config.host = host;
    config.port = iam_port;
    config.tls_ca_pem = authority;
    return config;
  }
  IamStatus ask(const HttpClientConfig& config) {
    return IamClient(config).validate(writer, {"orders:write"}).status;
  }
};

TEST_F(TlsServices, TheNamedAndTrustedServerIsAsked) {
  start_iam_with_tls();
  const std::string authority = test_file("localhost.pem");
  EXPECT_EQ(ask(client("localhost", authority)), IamStatus::authorised);
  EXPECT_EQ(ask(client("127.0.0.1", authority)), IamStatus::authorised);
  EXPECT_EQ(ask(client("localhost", test_file("elsewhere.pem"))), IamStatus::tls_failed);
  EXPECT_EQ(ask(client("127.0.0.2", authority)), IamStatus::connect_failed);  // not listened on
  EXPECT_EQ(ask(client("localhost", "")), IamStatus::connection_lost) << "plain text to TLS";
  // One connection for several questions, and its certificate's end.
  IamClient kept(client("localhost", authority));
  EXPECT_FALSE(kept.certificate_end().has_value());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(kept.validate(writer, {"orders:write"}).status, IamStatus::authorised);
  }
  const auto end = std::chrono::sys_days(std::chrono::year(2120) / 1 / 1);
  EXPECT_EQ(kept.certificate_end(), std::chrono::system_clock::time_point(end));
}

TEST_F(TlsServices, ACertificateForAnotherNameIsRefused) {
  HttpServerConfig config = server_config();
  config.host = "0.0.0.0";
  config.tls = TlsIdentity{test_file("localhost.pem"), test_file("localhost.key")};
  IamService everywhere(IamConfig{config, {}}, JwtKey::hs256(secret));
  everywhere.start();
  HttpClientConfig wrong_name = client("127.0.0.2", test_file("localhost.pem"));
  wrong_name.port = everywhere.port();
  EXPECT_EQ(ask(wrong_name), IamStatus::tls_failed);
}

// S1-08
TEST_F(TlsServices, ACertificateIsRenewedUnderLoad) {
  start_iam_with_tls();
  const TlsIdentity identities[] = {{test_file("localhost.pem"), test_file("localhost.key")},
                                    {test_file("localhost_renewed.pem"), test_file("localhost_renewed.key")}};
  std::atomic<bool> over{false};
  std::vector<std::thread> callers;
  for (const std::size_t idle_connections : {0U, 1U}) {
    callers.emplace_back([&, idle_connections] {
      HttpClientConfig config = client("localhost", identities[0].certificate_pem + identities[1].certificate_pem);
      config.idle_connections_max = idle_connections;
      IamClient iam_client(config);
      while (!over) EXPECT_EQ(iam_client.validate(writer, {"orders:write"}).status, IamStatus::authorised);
    });
  }
  for (int i = 1; i < 40; ++i) {
    const TlsIdentity& renewed = identities[i % 2];
    const TlsIdentity& old = identities[1 - i % 2];
    iam->renew_certificate(renewed);
    EXPECT_EQ(ask(client("localhost", renewed.certificate_pem)), IamStatus::authorised);
    EXPECT_EQ(ask(client("localhost", old.certificate_pem)), IamStatus::tls_failed);
    EXPECT_THROW(iam->renew_certificate({old.certificate_pem, renewed.key_pem}), std::invalid_argument);
  }
  over = true;
  for (std::thread& caller : callers) caller.join();
  IamService plain(IamConfig{server_config(), {}}, JwtKey::hs256(secret));
  EXPECT_THROW(plain.renew_certificate(identities[0]), std::invalid_argument);
}

TEST_F(TlsServices, AnIdentityThatCannotServeIsRefusedAtOnce) {
  IamConfig config{server_config(), {}};
  const std::string good = test_file("localhost.pem");
  const std::string key = test_file("localhost.key");
  for (const auto& [certificate, private_key] :
       {std::pair{std::string("x"), key}, {good, std::string("x")}, {test_file("elsewhere.pem"), key}}) {
    config.http.tls = TlsIdentity{certificate, private_key};
    EXPECT_THROW(IamService(config, JwtKey::hs256(secret)), std::invalid_argument);
  }
  EXPECT_THROW(IamClient{client("localhost", "no certificate")}, std::invalid_argument);
}

TEST_F(Services, WhatIsTooMuchAtOnceIsRefusedAndCounted) {
  OmsConfig config;
  config.iam.port = 1;
  config.in_flight_max = 0;
  EXPECT_THROW(OmsService{config}, std::invalid_argument);
  Bulkhead bulkhead(1);
  {
    const Bulkhead::Visit first(bulkhead);
    const Bulkhead::Visit second(bulkhead);
    EXPECT_TRUE(first.entered());
    EXPECT_FALSE(second.entered());
  }
  const Bulkhead::Visit third(bulkhead);
  EXPECT_TRUE(third.entered());
  EXPECT_EQ(bulkhead.counters().refused, 1U);
  EXPECT_EQ(bulkhead.counters().in_flight_peak, 1U);
}

TEST_F(Services, LocalFallbackNeedsAKey) {
  OmsConfig config;
  config.iam.port = 1;
  config.fallback = FallbackPolicy::local_validation;
  EXPECT_THROW(OmsService{config}, std::invalid_argument);
}

}  // namespace
}  // namespace services
