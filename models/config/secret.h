// Secrets: bytes between two lengths, and nothing more is asked of them (catalogue S0-33..37).
//
// No byte is trimmed, normalised or judged: whitespace and emoji are data, a repeated letter is weak but no weaker for
// being refused. So the rule is an interval of lengths, and appending bytes never makes an accepted secret a refused
// one below the upper limit. A Secret shows itself to nobody by accident: it has no stream operator, errors name limits
// and files but no content (S1-30), and its memory is wiped when it goes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace config {

inline constexpr std::size_t secret_bytes_min = 32;    ///< RFC 7518, section 3.2
inline constexpr std::size_t secret_bytes_max = 1024;  ///< as JwtKey's

/// Why a secret was not taken, for an operator: what, where, and the limit.
struct ConfigError {
  std::string message;
};

class Secret {
 public:
  static std::variant<Secret, ConfigError> from_bytes(std::string_view bytes);

  /// The file's bytes as they are, a last newline included. Refuses a file that others than its owner may read (S1-01),
  /// is no regular file, or is too long; a symbolic link is followed.
  static std::variant<Secret, ConfigError> from_file(const std::string& path);

  Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  std::string_view bytes() const { return bytes_; }

 private:
  explicit Secret(std::string_view bytes) : bytes_(bytes) {}
  void wipe() noexcept;
  std::string bytes_;
};

}  // namespace config
