// Is authentication enforced? Only a name on the list switches it off; everything else, known or not, enforces it
// (fails closed; catalogue S0-29..32).
#pragma once

#include <string>
#include <string_view>

#include "common/error.h"

namespace config {

/// The text without whitespace at both ends: ASCII's, U+00A0, U+FEFF, U+2000..200B, U+2028, U+2029, U+202F, U+3000.
std::string_view trim(std::string_view text);

/// A-Z to a-z and nothing else: no locale, so no Turkish i.
std::string ascii_lower(std::string_view text);

struct Environment {
  std::string name;  ///< trimmed and in lower case; empty where none was set
  bool enforce_auth = true;
};

/// `value` is ENVIRONMENT as it was set, or empty. Not enforced iff its name is one of dev, development, test, testing,
/// local, ci. Error: invalid_argument where it holds a control character inside (a C string would end at a NUL) or is
/// longer than 64 bytes: the process must not start.
common::Result<Environment> parse_environment(std::string_view value);

}  // namespace config
