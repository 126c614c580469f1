// IAM behind TLS, for a year: the day on which its certificate ends (catalogue S1-06).

#include <foreseed/faults.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "town.h"

using namespace scenarios;

namespace {

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

/// A certificate for `host` that its own key signs. Ed25519 draws no random numbers, so it is the same in each execution.
services::TlsIdentity identity_of(const std::string& host, std::chrono::sys_seconds from, std::chrono::sys_seconds to) {
  const unsigned char secret[32] = {7};
  EVP_PKEY* const key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret, sizeof secret);
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  ASN1_TIME_set(X509_getm_notBefore(certificate), std::chrono::system_clock::to_time_t(from));
  ASN1_TIME_set(X509_getm_notAfter(certificate), std::chrono::system_clock::to_time_t(to));
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(host.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + host).c_str());
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, nullptr);
  BIO* const certificate_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_pem, certificate);
  BIO* const key_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_pem, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {contents(certificate_pem), contents(key_pem)};
}

/// OpenSSL reads its tables of algorithms when it first needs them: by the process, before any execution; in one it would be
/// many steps. Nothing here may draw random numbers, as SSL_CTX_new() does: the generator would not be the seed's.
[[maybe_unused]] const bool loaded = !identity_of("warm-up", {}, {}).certificate_pem.empty();

nlohmann::json health() {
  const auto result = httplib::Client("oms", 8080).Get("/health");
  FORESEED_CHECK(result && result->status == 200);
  return nlohmann::json::parse(result->body);
}

void sleep_until_wall(std::chrono::sys_seconds time) {
  std::this_thread::sleep_for(time - std::chrono::system_clock::now());
}

}  // namespace

FORESEED_SCENARIO(cert_day_365, "IAM's certificate ends after a year: an alert long before, and not a second too early or late (S1-06)") {
  using std::chrono::days;
  const auto start = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto end = start + days(365);
  services::IamConfig iam_settings = iam_config();
  iam_settings.http.tls = identity_of("iam", start, end);
  services::OmsConfig oms_settings = oms_config();
  oms_settings.iam.tls_ca_pem = iam_settings.http.tls->certificate_pem;
  oms_settings.iam.idle_connections_max = 0;                            // and each call shakes hands
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
