// workflow: the decision workflow as a daemon.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include "services/daemon.h"
#include "store/sqlite_store.h"
#include "workflow/service.h"

namespace {

struct AdminOptions {
  std::string name;
  std::string password_env;
  std::string totp_env;
};

std::string from_environment(const std::string& option, const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr) throw std::invalid_argument(option + ": variable " + variable + " is not set");
  return value;
}

void add_seconds(CLI::App& app, const std::string& name, workflow::Duration& value, const std::string& what) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(value).count();
  app.add_option_function<std::int64_t>(
      name, [&value](std::int64_t s) { value = std::chrono::seconds(s); }, what + " [" + std::to_string(seconds) + "]");
}

void add_admin_options(CLI::App& app, AdminOptions& admin) {
  auto* name = app.add_option("--admin", admin.name, "name of the first administrator");
  auto* password = app.add_option("--admin-password-env", admin.password_env, "environment variable with the password");
  auto* totp = app.add_option("--admin-totp-env", admin.totp_env,
                              "environment variable with the second factor's secret, 16 to 64 bytes as they are");
  name->needs(password)->needs(totp);
  password->needs(name);
  totp->needs(name);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("workflow: decisions that people submit, decide once, or see escalated", "workflow");
  workflow::Config config;
  config.http.port = 8082;
  std::string file;
  std::uint32_t rounds = 600'000;
  workflow::Duration grace = std::chrono::seconds(10);
  services::KeyOptions key_options;
  services::TlsFiles tls_files;
  AdminOptions admin;

  services::add_server_options(app, config.http, tls_files);
  services::add_key_options(app, key_options, /*private_keys=*/true);
  app.add_option("--store", file, "SQLite file of the journal; without it, all is gone in the end");
  app.add_option("--password-rounds", rounds, "of PBKDF2, 1000 to 10000000")->capture_default_str();
  app.add_option("--logins-at-once", config.logins.concurrency, "passwords checked at once")->capture_default_str();
  add_seconds(app, "--escalate-after", config.escalate_after, "seconds until an undecided decision is escalated");
  add_seconds(app, "--shutdown-grace", grace, "seconds that background work has in the end");
  add_admin_options(app, admin);

  return services::run_main(app, argc, argv, [&] {
    const auto key = services::load_key(key_options);
    if (!key) throw std::invalid_argument("no key: give --hs-secret-env, --hs-secret-file or --rs-private-key");
    if (!admin.name.empty()) {
      config.first_admin = {admin.name, from_environment("--admin-password-env", admin.password_env),
                            from_environment("--admin-totp-env", admin.totp_env)};
    }
    const auto passwords = workflow::pbkdf2(rounds);
    const auto store = file.empty() ? std::unique_ptr<store::VersionedStore>(std::make_unique<store::MemoryStore>())
                                    : std::make_unique<store::SqliteStore>(file);
    // Threads begin with the service, and must find the signals blocked.
    std::unique_ptr<workflow::Service> service;
    return services::serve_until_signal(
        config.http.host,
        [&] {
          service = std::make_unique<workflow::Service>(config, *key, *store, *passwords);
          service->start();
          return service->port();
        },
        [&] { service->stop(grace); },
        [&] { service->renew_certificate(services::read_identity(tls_files)); });
  });
}
