// IAM behind TLS: the day on which its certificate ends, and a new one while it serves (catalogue S1-06, S1-08).

#include <foreseed/faults.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <vector>

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

/// OMS and IAM, whose certificate ends some days after the beginning.
class TlsTown {
 public:
  TlsTown(std::chrono::days validity, std::size_t idle_connections_max)
      : end_(start_ + validity), writer_(token({"orders:write"}, validity + std::chrono::days(2))) {
    services::IamConfig iam_settings = iam_config();
    iam_settings.http.tls = identity_of("iam", start_, end_);
    services::OmsConfig oms_settings = oms_config();
    oms_settings.iam.tls_ca_pem = iam_settings.http.tls->certificate_pem;
    oms_settings.iam.idle_connections_max = idle_connections_max;
    oms_settings.breaker.min_calls = oms_settings.breaker.window_calls = 1000;  // each order shall ask
    town_.emplace(oms_settings, iam_settings);
  }

  /// Of a year. Eleven months in ten steps, then day by day: the alert is there from 30 days before the end, and not earlier.
  void check_alerts() {
    int first_alert = 0;
    for (int day = 0; day < 365; day += day < 330 ? 33 : 1) {
      sleep_until_wall(start_ + std::chrono::days(day) + 1h);
      FORESEED_CHECK(order(writer_).path == "remote");
      const auto report = health();
      const int left = report["iam"]["certificate_days_left"].get<int>();
      FORESEED_CHECK(left == 365 - day - 1);
      FORESEED_CHECK(report["alerts"].empty() == (left > services::certificate_alert_days));
      if (first_alert == 0 && !report["alerts"].empty()) first_alert = left;
    }
    FORESEED_CHECK(first_alert == services::certificate_alert_days);
  }

  /// A clock that is 30 s fast refuses 30 s early: the one who verifies judges, by its own clock and without leeway.
  void check_fast_clock() {
    sleep_until_wall(end_ - 20s);
    foreseed::FaultPlan().step_clock("oms", 0s, 30s).step_clock("oms", 5s, -30s).start();
    std::this_thread::sleep_for(1s);
    FORESEED_CHECK(order(writer_).path == "local");
    std::this_thread::sleep_for(5s);
    FORESEED_CHECK(order(writer_).path == "remote");
  }

  void check_end() {
    sleep_until_wall(end_ - 1s);
    FORESEED_CHECK(order(writer_).path == "remote");
    sleep_until_wall(end_);
    FORESEED_CHECK(order(writer_).path == "local");
  }

  void check_afterwards() {
    sleep_until_wall(end_ + std::chrono::days(1));
    FORESEED_CHECK(order(writer_).path == "local");
    FORESEED_CHECK(health()["iam"]["certificate_days_left"].get<int>() == -2);  // rounded down, and milliseconds later
    const services::AuthCounters counters = town_->oms->auth_counters();
    FORESEED_CHECK(counters.iam[static_cast<std::size_t>(services::IamStatus::tls_failed)] == 3);
    FORESEED_CHECK(town_->oms->breaker().metrics().fail == 3);
  }

  void stop() { town_->stop(); }

 private:
  const std::chrono::sys_seconds start_ = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::chrono::sys_seconds end_;
  const std::string writer_;
  std::optional<Town> town_;
};

}  // namespace

FORESEED_SCENARIO(cert_day_365, "IAM's certificate ends after a year: an alert long before, and not a second too early or late (S1-06, S1-09)") {
  TlsTown town(std::chrono::days(365), 0);  // each call shakes hands
  town.check_alerts();
  town.check_fast_clock();
  town.check_end();
  town.check_afterwards();
  town.stop();
}

FORESEED_SCENARIO(cert_day_365_bad, "the same end over a connection that is kept: it goes unnoticed (fails)") {
  TlsTown town(std::chrono::days(1), 1);
  town.check_end();
  town.stop();
}

namespace {

services::HttpClientConfig client_of_iam(const std::string& trusted) {
  services::HttpClientConfig config;
  config.host = "iam";
  config.port = 8081;
  config.tls_ca_pem = trusted;
  return config;
}

bool accepts(const std::string& trusted) {
  return std::holds_alternative<services::HttpReply>(services::HttpClient(client_of_iam(trusted)).get("/health"));
}

}  // namespace

FORESEED_SCENARIO(certificate_renewed, "IAM's certificate is renewed under load, three times: no order misses IAM, no connection is cut, who connects then sees the new one (S1-08)") {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  std::vector<services::TlsIdentity> identities;
  std::string trusted;
  for (unsigned char number = 0; number < 4; ++number) {
    identities.push_back(identity_of("iam", now, now + std::chrono::days(30 + number), number));
    trusted += identities.back().certificate_pem;
  }
  services::IamConfig iam_settings = iam_config();
  iam_settings.http.tls = identities[0];
  iam_settings.http.keep_alive_timeout = 3s;
  services::OmsConfig oms_settings = oms_config();
  oms_settings.iam.tls_ca_pem = trusted;
  oms_settings.iam.idle_connections_max = foreseed::choose(2);  // 0: each order shakes hands
  Town town(oms_settings, iam_settings);
  std::atomic<bool> over{false};
  std::vector<std::thread> buyers;
  for (int i = 0; i < 2; ++i) {
    buyers.emplace_back([&] {
      const std::string writer = token({"orders:write"}, 1h);
      while (!over) {
        const Answer answer = order(writer);
        FORESEED_CHECK(answer.status == 201 && answer.path == "remote");
        std::this_thread::sleep_for(std::chrono::milliseconds(foreseed::choose(20)));
      }
    });
  }
  for (std::size_t number = 1; number < identities.size(); ++number) {
    const services::TlsIdentity& old = identities[number - 1];
    // One who trusts only the old certificate, on a connection that is kept.
    services::HttpClient kept(client_of_iam(old.certificate_pem));
    FORESEED_CHECK(std::holds_alternative<services::HttpReply>(kept.get("/health")));
    std::this_thread::sleep_for(std::chrono::milliseconds(foreseed::choose(200)));
    std::thread newcomer([&] { FORESEED_CHECK(accepts(trusted)); });  // shakes hands meanwhile, whoever IAM then is
    town.iam->renew_certificate(identities[number]);
    newcomer.join();
    FORESEED_CHECK(std::holds_alternative<services::HttpReply>(kept.get("/health")));
    FORESEED_CHECK(accepts(identities[number].certificate_pem) && !accepts(old.certificate_pem));
    // A certificate with another's key is none: the one that is there stays.
    bool refused = false;
    try {
      town.iam->renew_certificate({old.certificate_pem, identities[number].key_pem});
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    FORESEED_CHECK(refused && accepts(identities[number].certificate_pem));
  }
  over = true;
  for (std::thread& buyer : buyers) buyer.join();
  town.stop();
}
