// oms: the OMS service as a daemon.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "services/daemon.h"
#include "services/oms_service.h"

namespace {

void add_milliseconds(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                      const std::string& what) {
  app.add_option_function<std::int64_t>(
      name, [&value](std::int64_t ms) { value = std::chrono::milliseconds(ms); },
      what + " in ms [" + std::to_string(value.count()) + "]");
}

void add_iam_options(CLI::App& app, services::HttpClientConfig& iam) {
  app.add_option("--iam-host", iam.host, "name or address of IAM")->capture_default_str();
  app.add_option("--iam-port", iam.port, "port of IAM")->capture_default_str();
  services::add_file_option(app, "--ca", iam.tls_ca_pem,
                            "PEM file of authorities: ask IAM by HTTPS, trust these");
  add_milliseconds(app, "--iam-connect-timeout", iam.connect_timeout, "time to connect");
  add_milliseconds(app, "--iam-read-timeout", iam.read_timeout, "time between two arrivals");
  add_milliseconds(app, "--iam-deadline", iam.request_deadline, "time for a whole exchange");
}

void add_breaker_options(CLI::App& app, breaker::Config& config) {
  app.add_option("--breaker-window", config.window_calls, "calls in the window")
      ->capture_default_str();
  app.add_option("--breaker-min-calls", config.min_calls, "calls before it may open")
      ->capture_default_str();
  app.add_option("--breaker-failure-percent", config.failure_percent, "failures that open it")
      ->capture_default_str();
  add_milliseconds(app, "--breaker-slow-call", config.slow_call, "a slow call, 0 for never,");
  add_milliseconds(app, "--breaker-open-wait", config.open_wait_base, "first open time");
  app.add_option("--breaker-probes", config.probe_successes, "successes that close it")
      ->capture_default_str();
}

void log_event(const breaker::Event& event) {
  // One write, so that lines of several threads do not mix.
  std::ostringstream line;
  line << "breaker " << breaker::to_string(event.from) << " -> " << breaker::to_string(event.to)
       << " (" << breaker::to_string(event.reason) << ", generation " << event.generation << ")\n";
  std::cerr << line.str() << std::flush;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("OMS: takes orders, authorised by IAM", "oms");
  services::OmsConfig config;
  config.http.port = 8080;
  config.iam.port = 8081;
  config.on_breaker_event = log_event;
  services::KeyOptions key_options;
  services::TlsFiles tls_files;

  services::add_server_options(app, config.http, tls_files);
  app.add_option("--in-flight-max", config.in_flight_max, "requests at work at once, 1 to 256")
      ->capture_default_str();
  add_iam_options(app, config.iam);
  add_breaker_options(app, config.breaker);
  const std::map<std::string, services::FallbackPolicy> policies = {
      {"deny", services::FallbackPolicy::deny},
      {"local", services::FallbackPolicy::local_validation}};
  app.add_option("--fallback", config.fallback, "without IAM: deny, or validate tokens locally")
      ->transform(CLI::CheckedTransformer(policies).description("{deny,local} [deny]"));
  services::add_key_options(app, key_options, /*private_keys=*/false);
  services::add_policy_options(app, config.local_policy);

  return services::run_main(app, argc, argv, [&] {
    config.local_key = services::load_key(key_options);
    services::OmsService oms(config);
    return services::serve_until_signal(
        config.http.host, [&] { return oms.start(), oms.port(); }, [&] { oms.stop(); },
        [&] { oms.renew_certificate(services::read_identity(tls_files)); });
  });
}
