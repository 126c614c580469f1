#include "workflow/totp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <chrono>

namespace workflow {
namespace {

constexpr std::chrono::seconds step_length{30};
constexpr std::uint32_t modulus = 1'000'000;

}  // namespace

std::int64_t totp_step(common::WallTime now) {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()) / step_length;
}

std::optional<std::string> totp_code(std::string_view secret, std::int64_t step) {
  std::array<unsigned char, 8> counter{};
  for (std::size_t i = 0; i < counter.size(); ++i) {
    counter[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(step) >> (56 - 8 * i));
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  if (HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), counter.data(), counter.size(), mac.data(), &size) ==
          nullptr ||
      size != 20) {
    return std::nullopt;
  }
  const std::size_t at = mac[19] & 0x0f;  // RFC 4226, section 5.3
  const std::uint32_t number = (static_cast<std::uint32_t>(mac[at] & 0x7f) << 24) | (static_cast<std::uint32_t>(mac[at + 1]) << 16) |
                               (static_cast<std::uint32_t>(mac[at + 2]) << 8) | mac[at + 3];
  const std::string digits = std::to_string(number % modulus);
  return std::string(6 - digits.size(), '0') + digits;
}

std::optional<std::int64_t> totp_match(std::string_view secret, std::string_view code, common::WallTime now) {
  if (code.size() != 6) return std::nullopt;
  const std::int64_t present = totp_step(now);
  std::optional<std::int64_t> match;
  for (std::int64_t step = present - totp_window; step <= present + totp_window; ++step) {
    const auto expected = totp_code(secret, step);
    if (expected && CRYPTO_memcmp(expected->data(), code.data(), 6) == 0) match = step;
  }
  return match;
}

std::string base32(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = (bits << 8 | static_cast<unsigned char>(byte)) & 0xffff;
    for (count += 8; count >= 5; count -= 5) text += alphabet[(bits >> (count - 5)) & 31];
  }
  if (count > 0) text += alphabet[(bits << (5 - count)) & 31];
  return text;
}

}  // namespace workflow
