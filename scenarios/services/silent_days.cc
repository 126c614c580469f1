// Five days on which everything seemed to work (catalogue S1-40, S1-18; SV9).

#include <foreseed/faults.h>

#include <nlohmann/json.hpp>

#include "services/alert.h"
#include "town.h"

using namespace scenarios;

namespace {

using common::mono_now;

bool alerts_of_oms() {
  const auto result = httplib::Client("oms", 8080).Get("/health");
  FORESEED_CHECK(result && result->status == 200);
  const auto alerts = nlohmann::json::parse(result->body)["alerts"];
  return std::find(alerts.begin(), alerts.end(), "iam_unavailable") != alerts.end();
}

/// IAM is away from the end of the first day to the end of the fifth; two orders every 20 minutes are placed all the same, by
/// OMS's own judgement. `alerted` is asked half a minute after each: it must say so during the outage, and neither before
/// nor after it.
template <class Alerted>
void five_days(const services::OmsConfig& config, const Alerted& alerted) {
  Town town(config);
  foreseed::FaultPlan().partition({"oms"}, {"iam"}, {.at = 24h, .until = 24h * 5}).start();
  const std::string writer = token({"orders:write"}, 24h * 8);
  const auto start = mono_now();
  int locally = 0;   // orders in a row
  int remotely = 0;
  bool was_alerted = false;
  while (mono_now() - start < 24h * 6) {
    // Two, as two successes within a minute close the breaker; with fewer it would stay half open and open for ever.
    for (int i = 0; i < 2; ++i) {
      const Answer answer = order(writer);
      FORESEED_CHECK(answer.status == 201);
      locally = answer.path == "local" ? locally + 1 : 0;
      remotely = answer.path == "remote" ? remotely + 1 : 0;
    }
    std::this_thread::sleep_for(30s);
    const bool alert = alerted(town);
    was_alerted |= alert;
    // The breaker opens with the fourth failure at the latest, and closes with the second success.
    if (locally > 4) FORESEED_CHECK(alert);
    if (remotely > 2) FORESEED_CHECK(!alert);
    std::this_thread::sleep_for(20min);
  }
  FORESEED_CHECK(was_alerted && remotely > 2);
  town.stop();
}

}  // namespace

FORESEED_SCENARIO(five_silent_days, "IAM is away for four days and every order is placed: the alert stands all the time, and only then (S1-40)") {
  five_days(oms_config(), [](Town&) { return alerts_of_oms(); });
}

FORESEED_SCENARIO(five_silent_days_bad, "the same with an alert on the state `open` alone: each probe takes it back (fails)") {
  services::Alert open(1min);
  services::OmsConfig config = oms_config();
  config.on_breaker_event = [&](const breaker::Event& event) {
    open.observe(event.to == breaker::Mode::open, event.generation, event.time);
  };
  five_days(config, [&](Town&) { return open.firing(mono_now()); });
}
