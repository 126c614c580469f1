// Time-based one-time passwords (RFC 6238: HMAC-SHA-1, 30 s, six digits), the second factor of a login.
//
// Time is wall time: the code is made by somebody else's clock. A code is accepted for the step it belongs to and for
// `window` steps on either side; that it is accepted once only is for who keeps the last step. Stateless; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.h"

namespace workflow {

inline constexpr std::int64_t totp_window = 1;
inline constexpr std::size_t totp_secret_bytes = 20;

std::int64_t totp_step(common::WallTime now);

/// Six digits; nothing where OpenSSL fails.
std::optional<std::string> totp_code(std::string_view secret, std::int64_t step);

/// The step whose code it is, if it is within the window at `now`. Compared in constant time.
std::optional<std::int64_t> totp_match(std::string_view secret, std::string_view code, common::WallTime now);

/// As apps want secrets (RFC 4648, section 6, without padding).
std::string base32(std::string_view bytes);

}  // namespace workflow
