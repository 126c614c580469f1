// OMS and IAM together: the run that their review found had never been made (catalogue S0-01), and what is left of it when
// IAM goes away.

#include "town.h"

#include <vector>

using namespace scenarios;

FORESEED_SCENARIO(oms_iam_smoke, "OMS asks IAM for every order: decisions are IAM's, nothing falls back (S0-01)") {
  Town town;

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

  const services::AuthCounters counters = town.oms->auth_counters();
  FORESEED_CHECK(counters.remote_granted == 2);
  FORESEED_CHECK(counters.local_granted + counters.local_refused == 0);
  FORESEED_CHECK(town.iam->counters().active == 2);
  FORESEED_CHECK(town.iam->counters().insufficient_scope == 1);
  town.stop();
}

FORESEED_SCENARIO(oms_iam_outage, "IAM goes away: the breaker opens, orders are judged locally and say so (S0-11, S0-50, S3-41, AU9, SV3)") {
  Town town;

  const std::string writer = token({"orders:write"}, 1h);
  FORESEED_CHECK(order(writer).path == "remote");
  town.iam.stop();
  for (int i = 0; i < 5; ++i) {
    const Answer answer = order(writer);
    FORESEED_CHECK(answer.status == 201);
    FORESEED_CHECK(answer.path == "local");
  }
  FORESEED_CHECK(town.oms->breaker().snapshot().mode == breaker::Mode::open);
  // Local judgement grants no more than IAM's: not another scope, and not after the token's time.
  FORESEED_CHECK(order(token({"orders:read"}, 1h)).status == 403);
  std::this_thread::sleep_for(2h);
  FORESEED_CHECK(order(writer).status == 401);
  town.oms.stop();
}

FORESEED_SCENARIO(oms_iam_faults, "for --faults: what strikes IAM in the first minute loses no order, and then decisions are IAM's again (S1-31, SV7)") {
  services::OmsConfig config = oms_config();
  config.breaker.open_wait_base = 1s;
  config.breaker.open_wait_cap = 8s;
  Town town(config);
  const std::string writer = token({"orders:write"}, 1h);
  int placed = 0;
  const auto place = [&] {
    const Answer answer = order(writer);
    FORESEED_CHECK(answer.status == 201);
    ++placed;
    std::this_thread::sleep_for(500ms);
    return answer.path == "remote";
  };
  const auto healed = std::chrono::steady_clock::now() + 1min;
  while (std::chrono::steady_clock::now() < healed) place();
  while (!place()) FORESEED_CHECK(std::chrono::steady_clock::now() < healed + 1min);
  FORESEED_CHECK(town.oms->orders().size() == static_cast<std::size_t>(placed));
  const breaker::Metrics metrics = town.oms->breaker().metrics();
  FORESEED_CHECK(metrics.in_flight == 0 && metrics.admitted + metrics.rejected == town.oms->auth_counters().decisions);
  town.stop();
}

// SV1
FORESEED_SCENARIO(order_at_expiry, "a token ends while orders are placed, IAM being there or not: none is accepted that was sent after (holds)") {
  Town town;
  const bool alone = foreseed::choose(2) == 1;
  if (alone) town.iam.stop();
  const auto wall_now = [] { return std::chrono::system_clock::now(); };
  const auto end = std::chrono::floor<std::chrono::seconds>(wall_now() + 3s);
  const std::string bearer = token({"orders:write"}, 3s);
  std::atomic<int> accepted{0}, refused{0};
  const auto buyer = [&] {
    while (wall_now() < end + 1s) {
      const auto sent = wall_now();
      const int status = order(bearer).status;
      FORESEED_CHECK(status == 201 || status == 401);
      if (sent >= end) FORESEED_CHECK(status == 401);
      if (wall_now() < end) FORESEED_CHECK(status == 201);
      ++(status == 201 ? accepted : refused);
      std::this_thread::sleep_for(37ms);
    }
  };
  std::thread a(buyer), b(buyer);
  a.join();
  b.join();
  FORESEED_CHECK(accepted > 0 && refused > 0 && town.oms->orders().size() == static_cast<std::size_t>(accepted));
  if (!alone) town.iam.stop();
  town.oms.stop();
}
