#pragma once
// OMS and IAM, the shipped code of models/services, on hosts of one world, and a client's order.

#include <foreseed/scenario.h>
#include <foreseed/world.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "services/iam_service.h"
#include "services/oms_service.h"

namespace scenarios {

using namespace std::chrono_literals;

inline const std::string secret = "thirty-two bytes of shared secret";

inline std::string token(const services::Scopes& scopes, std::chrono::seconds lifetime) {
  services::JwtClaims claims;
  claims.subject = "alice";
  claims.issuer = "iam";
  claims.audience = {"oms"};
  claims.scopes = scopes;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  claims.expires_at = std::chrono::floor<std::chrono::seconds>(now + lifetime).count();
  return services::jwt_sign(claims, services::JwtKey::hs256(secret)).value();
}

inline const foreseed::WarmUp openssl("OpenSSL's tables", [] { services::jwt_sign({}, services::JwtKey::hs256(secret)); });

inline services::HttpServerConfig listening(int port) {
  services::HttpServerConfig config;
  config.host = "0.0.0.0";
  config.port = port;
  config.worker_threads = 6;
  config.keep_alive_timeout = 1s;
  return config;
}

/// A service on a host of its own, from the moment it listens until it is told to stop. Faults may stop and restart it.
template <typename Service, typename Config>
class Deployment {
 public:
  Deployment(const char* name, const Config& config)
      : host_(name, [this, &config] {
          Service service(config);
          service.start();
          service_ = &service;
          {
            std::unique_lock lock(mutex_);
            stop_asked_.wait(lock, [this] { return stopping_; });
          }
          service.stop();
        }) {
    while (service_ == nullptr) std::this_thread::sleep_for(1ms);
  }

  /// Of the present life.
  Service& operator*() { return *service_; }
  Service* operator->() { return service_; }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_asked_.notify_all();
    host_.join();
  }

 private:
  std::atomic<Service*> service_{nullptr};
  std::mutex mutex_;
  std::condition_variable stop_asked_;
  bool stopping_ = false;  // guarded by mutex_
  foreseed::Host host_;
};

/// IAM takes its key apart from its configuration.
struct Iam : services::IamService {
  explicit Iam(const services::IamConfig& config) : IamService(config, services::JwtKey::hs256(secret)) {}
};

inline services::OmsConfig oms_config() {
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

/// An order, once; status 0 where no answer came within `patience`.
inline Answer try_order(const std::string& bearer, std::chrono::milliseconds patience = 10s, const std::string& key = {}) {
  httplib::Client client("oms", 8080);
  client.set_connection_timeout(patience);
  client.set_read_timeout(patience);
  httplib::Headers headers;
  if (!key.empty()) headers.emplace("Idempotency-Key", key);
  if (!bearer.empty()) headers.emplace("Authorization", "Bearer " + bearer);
  const auto result = client.Post("/orders", headers, R"({"item":"tea","quantity":2})", "application/json");
  if (!result) return {};
  return {result->status, result->get_header_value("X-Auth-Path")};
}

/// An order that must be answered.
inline Answer order(const std::string& bearer) {
  const Answer answer = try_order(bearer);
  FORESEED_CHECK(answer.status != 0);
  return answer;
}

using IamHost = Deployment<Iam, services::IamConfig>;
using OmsHost = Deployment<services::OmsService, services::OmsConfig>;

inline services::IamConfig iam_config() { return {listening(8081), {}}; }

/// IAM and OMS, both serving, 1 and 2 ms away.
struct Town {
  explicit Town(services::OmsConfig config = oms_config(), services::IamConfig iam_config = scenarios::iam_config())
      : iam_settings(std::move(iam_config)), oms_settings(std::move(config)), oms("oms", oms_settings) {
    foreseed::link("client", "oms", 1ms);
    foreseed::link("oms", "iam", 2ms);
  }
  void stop() {
    oms.stop();
    iam.stop();
  }
  const services::IamConfig iam_settings;
  const services::OmsConfig oms_settings;
  IamHost iam{"iam", iam_settings};
  OmsHost oms;
};

}  // namespace scenarios
