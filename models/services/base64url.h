// base64url without padding (RFC 4648, section 5; RFC 7515, section 2), strict on decoding.
// Stateless; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace services {

std::string base64url_encode(std::string_view bytes);

/// The bytes; nothing where `text` has a character outside the alphabet (padding and line breaks
/// included), an impossible length, or unused bits that are not zero. Strict, so that every byte
/// string has exactly one accepted form and a token cannot be respelt.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace services
