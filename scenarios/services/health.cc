// Deep health: OMS is asked whether it is ready, and asks IAM; neither may suffer from that (catalogue S0-46, S1-42, S3-51).

#include <foreseed/faults.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <vector>

#include "stub_server.h"
#include "town.h"

using namespace scenarios;

namespace {

struct Report {
  int status = 0;
  nlohmann::json body;
  std::chrono::nanoseconds took{};
};

Report ask(const char* host, int port, const char* path) {
  const auto start = std::chrono::steady_clock::now();
  httplib::Client client(host, port);
  client.set_read_timeout(10s);
  const auto result = client.Get(path);
  FORESEED_CHECK(result);
  return {result->status, nlohmann::json::parse(result->body), std::chrono::steady_clock::now() - start};
}

services::OmsConfig without_fallback() {
  services::OmsConfig config = oms_config();
  config.fallback = services::FallbackPolicy::deny;
  config.iam.connect_timeout = 3s;  // an order may wait for so long; who looks may not
  return config;
}

/// Runs `look` over and over on each of several threads, as load balancers do, for so long.
template <typename Look>
void pollers(int count, std::chrono::milliseconds pause, std::chrono::seconds length, const Look& look) {
  const auto end = std::chrono::steady_clock::now() + length;
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, pause] {
      while (std::chrono::steady_clock::now() < end) {
        look();
        std::this_thread::sleep_for(pause);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

// SV6: the network's round trip to OMS is 2 ms, its bound is 500 ms.
FORESEED_SCENARIO(deep_health, "IAM cannot be reached for 10 s: OMS is not ready, and says so within its limit; it lives, and its breaker knows of nothing (holds)") {
  Town town(without_fallback());
  const auto start = std::chrono::steady_clock::now();
  foreseed::FaultPlan().partition({"oms"}, {"iam"}, {.at = 5s, .until = 15s}).start();
  // The first to look asks, and who comes meanwhile knows nothing yet. What was answered before the cut counts for 1 s; an answer takes 0.5 s at most, and 2 looks are 0.1 s apart.
  pollers(2, 100ms, 20s, [&] {
    const auto began = std::chrono::steady_clock::now() - start;
    const Report deep = ask("oms", 8080, "/health/deep");
    FORESEED_CHECK(deep.took < 600ms);
    FORESEED_CHECK(deep.status == (deep.body["checks"]["iam"] == "ok" ? 200 : 503));
    if ((began > 100ms && began < 4s) || began > 17s) FORESEED_CHECK(deep.status == 200 && deep.body["status"] == "ok");
    if (began > 7s && began < 15s) FORESEED_CHECK(deep.status == 503 && deep.body["checks"]["iam"] == "failing");
    const Report live = ask("oms", 8080, "/health");
    FORESEED_CHECK(live.status == 200 && live.took < 100ms);
  });
  FORESEED_CHECK(ask("iam", 8081, "/health/deep").body["checks"]["key"] == "ok");
  const breaker::Metrics calls = town.oms->breaker().metrics();
  FORESEED_CHECK(calls.admitted + calls.rejected == 0);
  town.stop();
}

FORESEED_SCENARIO(deep_health_herd, "however many look, IAM is asked once in a second, for what asks nobody else; who waits for no answer gets the last (holds)") {
  std::atomic<int> asked{0}, other{0};
  StubServer iam("iam", 8081, 8, [&](httplib::Server& server) {
    server.Get("/health", [&](const httplib::Request&, httplib::Response&) { ++asked; });
    server.set_error_handler([&](const httplib::Request&, httplib::Response&) { ++other; });
  });
  OmsHost oms("oms", without_fallback());
  std::this_thread::sleep_for(10ms);
  pollers(4, 50ms, 3s, [&] { FORESEED_CHECK(ask("oms", 8080, "/health/deep").took < 100ms); });
  FORESEED_CHECK(asked >= 3 && asked <= 4 && other == 0);
  iam.stop();
  oms.stop();
}

FORESEED_SCENARIO(deep_health_with_fallback, "where tokens can be validated locally, OMS is ready without IAM, and says what is missing; full, it is not (holds)") {
  services::OmsConfig config = oms_config();
  config.orders_max = 1;
  Town town(config);
  town.iam.stop();
  const Report alone = ask("oms", 8080, "/health/deep");
  FORESEED_CHECK(alone.status == 200 && alone.body["status"] == "degraded" && alone.body["checks"]["iam"] == "failing");
  FORESEED_CHECK(order(token({"orders:write"}, 1h)).status == 201);
  const Report full = ask("oms", 8080, "/health/deep");
  FORESEED_CHECK(full.status == 503 && full.body["checks"]["orders"] == "full");
  town.oms.stop();
}
