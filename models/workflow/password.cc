#include "workflow/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <charconv>
#include <stdexcept>

#include "services/base64url.h"

namespace workflow {
namespace {

constexpr std::size_t salt_bytes = 16;
constexpr std::size_t hash_bytes = 32;

class Pbkdf2 final : public PasswordScheme {
 public:
  explicit Pbkdf2(std::uint32_t rounds) : rounds_(rounds) {}

  std::optional<std::string> keep(std::string_view password) const override {
    const auto salt = random_bytes(salt_bytes);
    const auto hash = salt ? derive(password, *salt, rounds_) : std::nullopt;
    if (!hash) return std::nullopt;
    return std::to_string(rounds_) + "." + services::base64url_encode(*salt) + "." + services::base64url_encode(*hash);
  }

  bool check(std::string_view password, const std::string& kept) const override {
    const auto record = read(kept);
    const auto hash = derive(password, record ? record->salt : std::string(salt_bytes, '\0'), record ? record->rounds : rounds_);
    return record && hash && hash->size() == record->hash.size() &&
           CRYPTO_memcmp(hash->data(), record->hash.data(), hash->size()) == 0;
  }

 private:
  struct Record {
    std::uint32_t rounds;  // of its time: later ones may differ
    std::string salt;
    std::string hash;
  };

  static std::optional<std::string> derive(std::string_view password, const std::string& salt, std::uint32_t rounds) {
    std::string hash(hash_bytes, '\0');
    const int done = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                       reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
                                       static_cast<int>(rounds), EVP_sha256(), static_cast<int>(hash.size()),
                                       reinterpret_cast<unsigned char*>(hash.data()));
    return done == 1 ? std::optional(hash) : std::nullopt;
  }

  static std::optional<Record> read(const std::string& kept) {
    const auto first = kept.find('.');
    const auto second = first == std::string::npos ? first : kept.find('.', first + 1);
    if (second == std::string::npos) return std::nullopt;
    std::uint32_t rounds = 0;
    const auto parsed = std::from_chars(kept.data(), kept.data() + first, rounds);
    const auto salt = services::base64url_decode(std::string_view(kept).substr(first + 1, second - first - 1));
    const auto hash = services::base64url_decode(std::string_view(kept).substr(second + 1));
    if (parsed.ec != std::errc{} || parsed.ptr != kept.data() + first || rounds == 0 || !salt || !hash) return std::nullopt;
    return Record{rounds, *salt, *hash};
  }

  const std::uint32_t rounds_;
};

}  // namespace

std::unique_ptr<PasswordScheme> pbkdf2(std::uint32_t rounds) {
  if (rounds < 1'000 || rounds > 10'000'000) {
    throw std::invalid_argument("password rounds are " + std::to_string(rounds) + ", must be in [1000, 10000000]");
  }
  return std::make_unique<Pbkdf2>(rounds);
}

std::optional<std::string> random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (count > 256 || getentropy(bytes.data(), count) != 0) return std::nullopt;
  return bytes;
}

}  // namespace workflow
