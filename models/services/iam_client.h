// What OMS knows of IAM: one question, and a closed set of answers.
//
// Every result is exactly one IamStatus, and every status has exactly one verdict. A refusal (401,
// 403) is a definitive answer of a healthy IAM; anything that is not a well-formed answer is
// "unavailable" and says nothing about the token. Nothing is thrown for what a network or a peer
// does. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "services/http_client.h"
#include "services/token_authority.h"

namespace services {

enum class IamStatus {
  authorised,
  token_refused,  ///< 401
  scope_refused,  ///< 403
  connect_failed,
  connect_timeout,
  tls_failed,
  timeout,
  connection_lost,
  throttled,           ///< 429
  server_error,        ///< 5xx
  unexpected_status,   ///< any other status
  malformed_response,  ///< 200 with a body that is not an answer to this question, or too large
};

inline constexpr int iam_status_count = static_cast<int>(IamStatus::malformed_response) + 1;

enum class IamVerdict { authorised, denied, unavailable };

std::string_view to_string(IamStatus status);
IamVerdict verdict_of(IamStatus status);

struct IamResult {
  IamStatus status{};
  std::optional<Principal> principal;  ///< set iff status is authorised
};

class IamClient {
 public:
  /// Throws std::invalid_argument.
  explicit IamClient(HttpClientConfig config);

  /// REQUIRES: `required` is not empty.
  IamResult validate(const std::string& token, const Scopes& required);

  /// See HttpClient.
  std::optional<std::chrono::system_clock::time_point> certificate_end() const {
    return http_.certificate_end();
  }

 private:
  HttpClient http_;
};

}  // namespace services
