#include "services/daemon.h"

#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>

namespace services {
namespace {

std::string read_file(const std::string& option, const std::string& path) {
  constexpr std::size_t bytes_max = 64 * 1024;
  std::ifstream file(path, std::ios::binary);
  std::string text(bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    throw std::invalid_argument(option + ": cannot read " + path);
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > bytes_max) {
    throw std::invalid_argument(option + ": " + path + " is longer than 65536 bytes");
  }
  return text;
}

}  // namespace

void add_key_options(CLI::App& app, KeyOptions& options, bool private_keys) {
  auto* group = app.add_option_group("key", "where the token key comes from");
  group->add_option("--hs-secret-env", options.hs_secret_env,
                    "environment variable that holds the HS256 secret (32 to 1024 bytes)");
  group->add_option("--hs-secret-file", options.hs_secret_file,
                    "file that holds the HS256 secret, taken byte by byte");
  group->add_option("--rs-public-key", options.rs_public_file, "PEM file, RS256, verifies only");
  if (private_keys) {
    group->add_option("--rs-private-key", options.rs_private_file, "PEM file, RS256");
  }
  group->require_option(0, 1);
}

void add_policy_options(CLI::App& app, JwtPolicy& policy) {
  app.add_option("--issuer", policy.issuer, "required issuer")->capture_default_str();
  app.add_option("--audience", policy.audience, "required audience")->capture_default_str();
  app.add_option_function<std::int64_t>(
      "--leeway", [&policy](std::int64_t s) { policy.leeway = std::chrono::seconds(s); },
      "seconds by which clocks may differ, 0 to 300 [0]");
}

TlsIdentity read_identity(const TlsFiles& files) {
  if (files.certificate.empty()) throw std::invalid_argument("--tls-cert: there is no certificate to read again");
  return {read_file("--tls-cert", files.certificate), read_file("--tls-key", files.key)};
}

void add_server_options(CLI::App& app, HttpServerConfig& config, TlsFiles& files) {
  app.add_option("--host", config.host, "name or address to listen on")->capture_default_str();
  app.add_option("--port", config.port, "port to listen on; 0: any free port")
      ->capture_default_str();
  app.add_option("--threads", config.worker_threads, "worker threads, 1 to 256")
      ->capture_default_str();
  const auto identity = [&config](std::string& file, std::string TlsIdentity::*part, const std::string& option) {
    return [&config, &file, part, option](const std::string& path) {
      if (!config.tls) config.tls.emplace();
      (*config.tls).*part = read_file(option, path);
      file = path;
    };
  };
  auto* certificate = app.add_option_function<std::string>(
      "--tls-cert", identity(files.certificate, &TlsIdentity::certificate_pem, "--tls-cert"),
      "PEM file, the server's certificate first: serve HTTPS; SIGHUP reads it again");
  auto* key = app.add_option_function<std::string>("--tls-key",
                                                   identity(files.key, &TlsIdentity::key_pem, "--tls-key"),
                                                   "PEM file, its private key");
  certificate->needs(key);
  key->needs(certificate);
}

void add_file_option(CLI::App& app, const std::string& option, std::string& text,
                     const std::string& what) {
  app.add_option_function<std::string>(
      option, [&text, option](const std::string& path) { text = read_file(option, path); }, what);
}

std::optional<JwtKey> load_key(const KeyOptions& options) {
  if (!options.hs_secret_env.empty()) {
    const char* secret = std::getenv(options.hs_secret_env.c_str());
    if (secret == nullptr) {
      throw std::invalid_argument("--hs-secret-env: variable " + options.hs_secret_env +
                                  " is not set");
    }
    return JwtKey::hs256(secret);
  }
  if (!options.hs_secret_file.empty()) {
    return JwtKey::hs256(read_file("--hs-secret-file", options.hs_secret_file));
  }
  if (!options.rs_private_file.empty()) {
    return JwtKey::rs256_private(read_file("--rs-private-key", options.rs_private_file));
  }
  if (!options.rs_public_file.empty()) {
    return JwtKey::rs256_public(read_file("--rs-public-key", options.rs_public_file));
  }
  return std::nullopt;
}

int run_main(CLI::App& app, int argc, char** argv, const std::function<int()>& body) {
  try {
    app.parse(argc, argv);
    return body();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::cerr << app.get_name() << ": " << error.what() << std::endl;
    return 2;
  } catch (const std::invalid_argument& error) {
    std::cerr << app.get_name() << ": " << error.what() << std::endl;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << app.get_name() << ": " << error.what() << std::endl;
    return 1;
  }
}

int serve_until_signal(const std::string& host, const std::function<int()>& start,
                       const std::function<void()>& stop, const std::function<void()>& renew) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  // Blocked before the first thread starts: only the sigwait below ever sees them.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const int port = start();
  std::cout << "listening on " << host << ":" << port << std::endl;
  for (int signal = SIGHUP; signal == SIGHUP;) {
    sigwait(&signals, &signal);  // bounded: by the life of the process, whose threads work meanwhile
    if (signal != SIGHUP) break;
    try {
      renew();
      std::cout << "certificate renewed" << std::endl;
    } catch (const std::invalid_argument& error) {
      std::cerr << "certificate not renewed: " << error.what() << std::endl;
    }
  }
  stop();
  return 0;
}

}  // namespace services
