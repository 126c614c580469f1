// How passwords are kept and checked.
//
// A password is bytes, 8 to 1024 of them; none is trimmed, normalised or judged, so whoever could register can log in
// (catalogue S4-07). Checking takes long on purpose, so callers bound how many run at once. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace workflow {

inline constexpr std::size_t password_bytes_min = 8;
inline constexpr std::size_t password_bytes_max = 1024;

class PasswordScheme {
 public:
  virtual ~PasswordScheme() = default;
  /// What to keep; nothing where the system gives no randomness or memory.
  virtual std::optional<std::string> keep(std::string_view password) const = 0;
  /// Takes as long for a record that is none.
  virtual bool check(std::string_view password, const std::string& kept) const = 0;
};

/// PBKDF2 with HMAC-SHA-256 (RFC 8018), a salt of 16 bytes. `rounds`: 1,000 .. 10,000,000, else std::invalid_argument.
std::unique_ptr<PasswordScheme> pbkdf2(std::uint32_t rounds);

/// From the system; nothing where it has none.
std::optional<std::string> random_bytes(std::size_t count);

}  // namespace workflow
