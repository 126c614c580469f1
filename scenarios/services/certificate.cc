// IAM behind TLS, for a year: the day on which its certificate ends (catalogue S1-06).

#include <foreseed/faults.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "identity.h"
#include "town.h"

using namespace scenarios;

namespace {

nlohmann::json health() {
  const auto result = httplib::Client("oms", 8080).Get("/health");
  FORESEED_CHECK(result && result->status == 200);
  return nlohmann::json::parse(result->body);
}

void sleep_until_wall(std::chrono::sys_seconds time) {
  std::this_thread::sleep_for(time - std::chrono::system_clock::now());
}

void a_year_and_a_day(std::uint32_t idle_connections_max) {
  using std::chrono::days;
  const auto start = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto end = start + days(365);
  services::IamConfig iam_settings = iam_config();
  iam_settings.http.tls = identity_of("iam", start, end);
  services::OmsConfig oms_settings = oms_config();
  oms_settings.iam.tls_ca_pem = iam_settings.http.tls->certificate_pem;
  oms_settings.iam.idle_connections_max = idle_connections_max;
  oms_settings.breaker.min_calls = oms_settings.breaker.window_calls = 1000;  // each order shall ask
  Town town(oms_settings, iam_settings);
  const std::string writer = token({"orders:write"}, days(400));

  // Eleven months in ten steps, then day by day: the alert is there from 30 days before the end, and not earlier.
  int first_alert = 0;
  for (int day = 0; day < 365; day += day < 330 ? 33 : 1) {
    sleep_until_wall(start + days(day) + 1h);
    FORESEED_CHECK(order(writer).path == "remote");
    const auto report = health();
    const int left = report["iam"]["certificate_days_left"].get<int>();
    FORESEED_CHECK(left == 365 - day - 1);
    FORESEED_CHECK(report["alerts"].empty() == (left > services::certificate_alert_days));
    if (first_alert == 0 && !report["alerts"].empty()) first_alert = left;
  }
  FORESEED_CHECK(first_alert == services::certificate_alert_days);

  // A clock that is 30 s fast refuses 30 s early: the one who verifies judges, by its own clock and without leeway.
  sleep_until_wall(end - 20s);
  foreseed::FaultPlan().step_clock("oms", 0s, 30s).step_clock("oms", 5s, -30s).start();
  std::this_thread::sleep_for(1s);
  FORESEED_CHECK(order(writer).path == "local");
  std::this_thread::sleep_for(5s);
  FORESEED_CHECK(order(writer).path == "remote");

  sleep_until_wall(end - 1s);
  FORESEED_CHECK(order(writer).path == "remote");
  sleep_until_wall(end);
  FORESEED_CHECK(order(writer).path == "local");
  sleep_until_wall(start + days(366));
  FORESEED_CHECK(order(writer).path == "local");
  FORESEED_CHECK(health()["iam"]["certificate_days_left"].get<int>() == -2);  // rounded down, and milliseconds later

  const services::AuthCounters counters = town.oms->auth_counters();
  FORESEED_CHECK(counters.iam[static_cast<std::size_t>(services::IamStatus::tls_failed)] == 3);
  FORESEED_CHECK(town.oms->breaker().metrics().fail == 3);
  town.stop();
}

}  // namespace

FORESEED_SCENARIO(cert_day_365, "IAM's certificate ends after a year: an alert long before, and not a second too early or late (S1-06, S1-09)") {
  a_year_and_a_day(0);  // each call shakes hands
}

FORESEED_SCENARIO(cert_day_365_bad, "the same over a connection that is kept: the end goes unnoticed (fails)") {
  a_year_and_a_day(1);
}
