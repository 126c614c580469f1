#pragma once
// The decision workflow, the shipped code of models/workflow, on hosts that share a database; and the people who use it.

#include <foreseed/scenario.h>
#include <foreseed/world.h>
#include <httplib.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "../services/town.h"
#include "workflow/service.h"
#include "workflow/totp.h"

namespace office {

using namespace std::chrono_literals;
using nlohmann::json;
using scenarios::Deployment;

inline const std::string password = "a long password";
inline const std::string totp_secret = "twenty bytes of seed";

inline const foreseed::WarmUp openssl("OpenSSL's tables of passwords", [] {
  workflow::pbkdf2(1000)->check(password, "");
  workflow::totp_code(totp_secret, 0);
});

/// A workflow, as one that Deployment can make and stop. Several may share a store, as processes share a database.
struct Settings {
  workflow::Config config;
  store::VersionedStore* store = nullptr;
  const workflow::PasswordScheme* passwords = nullptr;
};
struct Workflow : workflow::Service {
  explicit Workflow(const Settings& settings)
      : Service(settings.config, services::JwtKey::hs256(scenarios::secret), *settings.store, *settings.passwords) {}
  void stop() { FORESEED_CHECK(Service::stop(10s)); }
};
using WorkflowHost = Deployment<Workflow, Settings>;

inline workflow::Config workflow_config() {
  workflow::Config config;
  config.http = scenarios::listening(8083);
  config.first_admin = {"root", password, totp_secret};
  return config;
}

/// Puts a user into the journal, before anybody serves it: the first administrator and whoever else is needed.
inline void enrol(store::VersionedStore& store, const std::string& name, workflow::Role role) {
  workflow::Journal journal({}, store);
  workflow::Event event;
  event.kind = workflow::EventKind::registered;
  event.context = {"set-up", std::string(workflow::principal_setup), "local"};
  event.user = name;
  event.role = role;
  event.credentials = {workflow::pbkdf2(1000)->keep(password).value(), totp_secret};
  FORESEED_CHECK(std::holds_alternative<workflow::Outcome>(journal.propose(event, common::mono_now() + 1s)));
}

struct Reply {
  int status = 0;  ///< 0: no answer
  json body;
};

/// One person at one host of the workflow.
class Person {
 public:
  explicit Person(std::string host = "workflow", std::chrono::milliseconds patience = 10s)
      : host_(std::move(host)), patience_(patience) {}

  Reply post(const std::string& path, const json& body, httplib::Headers headers = {}) const {
    httplib::Client client(host_, 8083);
    prepare(client, headers);
    return read(client.Post(path, headers, body.dump(), "application/json"));
  }
  Reply get(const std::string& path) const {
    httplib::Client client(host_, 8083);
    httplib::Headers headers;
    prepare(client, headers);
    return read(client.Get(path, headers));
  }
  Reply try_log_in(const std::string& name) {
    const auto code = workflow::totp_code(totp_secret, workflow::totp_step(std::chrono::system_clock::now()));
    const Reply reply = post("/login", {{"name", name}, {"password", password}, {"code", code.value()}});
    if (reply.status == 200) token_ = reply.body["token"].get<std::string>();
    return reply;
  }
  void log_in(const std::string& name) { FORESEED_CHECK(try_log_in(name).status == 200); }

 private:
  void prepare(httplib::Client& client, httplib::Headers& headers) const {
    client.set_connection_timeout(patience_);
    client.set_read_timeout(patience_);
    if (!token_.empty()) headers.emplace("Authorization", "Bearer " + token_);
  }
  static Reply read(const httplib::Result& result) {
    if (!result) return {};
    return {result->status, json::parse(result->body, nullptr, false)};
  }

  std::string host_;
  std::chrono::milliseconds patience_;
  std::string token_;
};

}  // namespace office
