// What the two daemons share: command line conventions, keys from files or the environment, and a
// life from start to signal. Only the main programs include this.
//
// Exit codes: 0 stopped by signal, 1 could not start, 2 bad usage or configuration. Every failure
// is one line on standard error.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "services/http_server.h"
#include "services/jwt.h"

namespace services {

/// Where the key comes from; at most one may be given.
struct KeyOptions {
  std::string hs_secret_env;   ///< name of an environment variable
  std::string hs_secret_file;  ///< bytes as they are, a final newline included
  std::string rs_private_file;
  std::string rs_public_file;
};

void add_key_options(CLI::App& app, KeyOptions& options, bool private_keys);
void add_policy_options(CLI::App& app, JwtPolicy& policy);
/// Where the server's certificate and its key come from; neither, or both.
struct TlsFiles {
  std::string certificate;
  std::string key;
};
/// Throws std::invalid_argument naming the option.
TlsIdentity read_identity(const TlsFiles& files);

/// --host --port --threads, and --tls-cert with --tls-key.
void add_server_options(CLI::App& app, HttpServerConfig& config, TlsFiles& files);

/// Adds an option that names a file and puts its contents, at most 64 KiB, into `text`.
void add_file_option(CLI::App& app, const std::string& option, std::string& text,
                     const std::string& what);

/// Nothing where no source is given. Throws std::invalid_argument naming the option.
std::optional<JwtKey> load_key(const KeyOptions& options);

/// Parses, then runs `body`; turns what goes wrong into one line and an exit code.
int run_main(CLI::App& app, int argc, char** argv, const std::function<int()>& body);

/// Calls `start`, prints "listening on HOST:PORT", waits for SIGINT or SIGTERM, calls `stop`. At SIGHUP it calls
/// `renew`, prints "certificate renewed" and goes on; a std::invalid_argument is a line on standard error instead.
/// REQUIRES: the process has one thread, so that every later thread inherits the signal mask.
int serve_until_signal(const std::string& host, const std::function<int()>& start,
                       const std::function<void()>& stop, const std::function<void()>& renew);

}  // namespace services
