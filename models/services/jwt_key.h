// Keys for signing and verifying tokens. A key pins its algorithm: a token's header can only agree
// or be refused, so neither `none` nor an HS256 token "signed" with an RSA public key gets anywhere
// (RFC 8725, section 3.1; specification AU12).
//
// A JwtKey is an immutable value, cheap to copy; any number of threads may use one.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace services {

enum class JwtAlgorithm {
  hs256,  ///< HMAC with SHA-256 (RFC 7518, section 3.2)
  rs256,  ///< RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3)
};

std::string_view to_string(JwtAlgorithm algorithm);

class JwtKey {
 public:
  /// RFC 7518, section 3.2: a key at least as long as the hash.
  static constexpr std::size_t hs_secret_bytes_min = 32;
  static constexpr std::size_t hs_secret_bytes_max = 1024;
  /// RFC 7518, section 3.3. The upper bound keeps one verification cheap.
  static constexpr int rsa_bits_min = 2048;
  static constexpr int rsa_bits_max = 8192;

  /// `secret` is bytes, taken as they are: nothing is trimmed, any byte may occur.
  /// These three throw std::invalid_argument naming the limit; OpenSSL's own failures throw
  /// std::runtime_error. No message contains key material.
  static JwtKey hs256(std::string_view secret);
  static JwtKey rs256_private(std::string_view pem);  ///< signs and verifies
  static JwtKey rs256_public(std::string_view pem);   ///< verifies only

  JwtAlgorithm algorithm() const;
  bool can_sign() const;

  /// The signature of `message`; nothing where the key is public only or OpenSSL fails.
  std::optional<std::string> sign(std::string_view message) const;

  /// True iff `signature` is this key's for `message`. MACs are compared in constant time.
  bool verify(std::string_view message, std::string_view signature) const;

 private:
  struct Material;
  explicit JwtKey(std::shared_ptr<const Material> material);
  static JwtKey rsa(std::string_view pem, bool is_private);

  std::shared_ptr<const Material> material_;
};

}  // namespace services
