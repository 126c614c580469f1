// iam: the IAM service as a daemon, and `iam token` to make tokens for it.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>

#include "services/daemon.h"
#include "services/iam_service.h"

namespace {

struct TokenOptions {
  std::string subject;
  std::string scope;
  std::int64_t ttl_s = 3600;
};

services::JwtKey require_key(const services::KeyOptions& options) {
  auto key = services::load_key(options);
  if (!key)
    throw std::invalid_argument(
        "no key: give --hs-secret-env, --hs-secret-file, "
        "--rs-public-key or --rs-private-key");
  return *key;
}

int print_token(const TokenOptions& options, const services::JwtPolicy& policy,
                const services::JwtKey& key) {
  const auto scopes = services::parse_scopes(options.scope);
  if (!scopes) throw std::invalid_argument("--scope: want scopes separated by single spaces");
  if (!key.can_sign()) throw std::invalid_argument("--rs-public-key: cannot sign tokens");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  services::JwtClaims claims;
  claims.subject = options.subject;
  claims.issuer = policy.issuer;
  claims.audience = {policy.audience};
  claims.scopes = *scopes;
  claims.expires_at = std::chrono::floor<std::chrono::seconds>(now).count() + options.ttl_s;
  const auto token = services::jwt_sign(claims, key);
  if (!token) throw std::invalid_argument("the token cannot be signed: too long, or not UTF-8");
  std::cout << *token << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("IAM: validates tokens over HTTP", "iam");
  services::IamConfig config;
  config.http.port = 8081;
  services::KeyOptions key_options;
  services::TlsFiles tls_files;
  TokenOptions token_options;

  services::add_server_options(app, config.http, tls_files);
  services::add_key_options(app, key_options, /*private_keys=*/true);
  services::add_policy_options(app, config.policy);
  auto* token = app.add_subcommand("token", "print a token and exit");
  token->fallthrough();  // key and policy options may follow the word `token`
  token->add_option("--sub", token_options.subject, "subject")->required();
  token->add_option("--scope", token_options.scope, "scopes separated by spaces");
  token->add_option("--ttl", token_options.ttl_s, "seconds until it expires")
      ->check(CLI::Range(std::int64_t{-3600}, std::int64_t{366} * 86400))
      ->capture_default_str();

  return services::run_main(app, argc, argv, [&] {
    const auto key = require_key(key_options);
    services::validate(config.policy);
    if (token->parsed()) return print_token(token_options, config.policy, key);
    services::IamService iam(config, key);
    return services::serve_until_signal(
        config.http.host, [&] { return iam.start(), iam.port(); }, [&] { iam.stop(); },
        [&] { iam.renew_certificate(services::read_identity(tls_files)); });
  });
}
