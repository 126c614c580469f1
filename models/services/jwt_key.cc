#include "services/jwt_key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include <stdexcept>
#include <utility>

namespace services {
namespace {

template <auto free_function>
struct Freer {
  template <class T>
  void operator()(T* pointer) const {
    free_function(pointer);
  }
};
using Mac = std::unique_ptr<EVP_MAC, Freer<EVP_MAC_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Freer<EVP_MAC_CTX_free>>;
using Digest = std::unique_ptr<EVP_MD, Freer<EVP_MD_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using PublicKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;

constexpr std::size_t sha256_bytes = 32;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

/// A key file must never make a daemon ask on its terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

}  // namespace

struct JwtKey::Material {
  JwtAlgorithm algorithm{};
  bool can_sign = false;
  // HS256: a context that holds the key and is copied for each use, so that a key is scheduled
  // and its algorithm looked up once.
  MacContext mac;
  // RS256.
  PublicKey key;
  Digest sha256;
};

std::string_view to_string(JwtAlgorithm algorithm) {
  return algorithm == JwtAlgorithm::hs256 ? "HS256" : "RS256";
}

JwtKey::JwtKey(std::shared_ptr<const Material> material) : material_(std::move(material)) {}

JwtKey JwtKey::hs256(std::string_view secret) {
  if (secret.size() < hs_secret_bytes_min || secret.size() > hs_secret_bytes_max) {
    throw std::invalid_argument("HS256 secret has " + std::to_string(secret.size()) +
                                " bytes, must have " + std::to_string(hs_secret_bytes_min) +
                                " to " + std::to_string(hs_secret_bytes_max));
  }
  const Mac hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  auto material = std::make_shared<Material>();
  material->algorithm = JwtAlgorithm::hs256;
  material->can_sign = true;
  material->mac.reset(hmac ? EVP_MAC_CTX_new(hmac.get()) : nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  if (!material->mac ||
      EVP_MAC_init(material->mac.get(), bytes_of(secret), secret.size(), parameters) != 1) {
    ERR_clear_error();
    throw std::runtime_error("OpenSSL offers no HMAC with SHA256");
  }
  return JwtKey(std::move(material));
}

JwtKey JwtKey::rs256_private(std::string_view pem) { return rsa(pem, true); }
JwtKey JwtKey::rs256_public(std::string_view pem) { return rsa(pem, false); }

JwtKey JwtKey::rsa(std::string_view pem, bool is_private) {
  constexpr std::size_t pem_bytes_max = 65536;
  if (pem.size() > pem_bytes_max) {
    throw std::invalid_argument("PEM key is longer than " + std::to_string(pem_bytes_max) +
                                " bytes");
  }
  const Bio source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  auto material = std::make_shared<Material>();
  material->algorithm = JwtAlgorithm::rs256;
  material->can_sign = is_private;
  if (source) {
    material->key.reset(is_private
                            ? PEM_read_bio_PrivateKey(source.get(), nullptr, no_passphrase, nullptr)
                            : PEM_read_bio_PUBKEY(source.get(), nullptr, no_passphrase, nullptr));
  }
  ERR_clear_error();
  if (!material->key || EVP_PKEY_is_a(material->key.get(), "RSA") != 1) {
    throw std::invalid_argument(std::string("not an unencrypted PEM RSA ") +
                                (is_private ? "private" : "public") + " key");
  }
  const int bits = EVP_PKEY_get_bits(material->key.get());
  if (bits < rsa_bits_min || bits > rsa_bits_max) {
    throw std::invalid_argument("RSA key has " + std::to_string(bits) + " bits, must have " +
                                std::to_string(rsa_bits_min) + " to " +
                                std::to_string(rsa_bits_max));
  }
  material->sha256.reset(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  if (!material->sha256) throw std::runtime_error("OpenSSL offers no SHA256");
  return JwtKey(std::move(material));
}

JwtAlgorithm JwtKey::algorithm() const { return material_->algorithm; }
bool JwtKey::can_sign() const { return material_->can_sign; }

std::optional<std::string> JwtKey::sign(std::string_view message) const {
  if (!material_->can_sign) return std::nullopt;
  if (material_->algorithm == JwtAlgorithm::hs256) {
    const MacContext context(EVP_MAC_CTX_dup(material_->mac.get()));
    std::string mac(sha256_bytes, '\0');
    std::size_t size = 0;
    if (context && EVP_MAC_update(context.get(), bytes_of(message), message.size()) == 1 &&
        EVP_MAC_final(context.get(), bytes_of(mac), &size, mac.size()) == 1 &&
        size == sha256_bytes) {
      return mac;
    }
    ERR_clear_error();
    return std::nullopt;
  }
  const DigestContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (context &&
      EVP_DigestSignInit(context.get(), nullptr, material_->sha256.get(), nullptr,
                         material_->key.get()) == 1 &&
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(message), message.size()) == 1) {
    std::string signature(size, '\0');
    if (EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(message),
                       message.size()) == 1) {
      signature.resize(size);
      return signature;
    }
  }
  ERR_clear_error();
  return std::nullopt;
}

bool JwtKey::verify(std::string_view message, std::string_view signature) const {
  if (material_->algorithm == JwtAlgorithm::hs256) {
    const auto expected = sign(message);
    return expected && signature.size() == expected->size() &&
           CRYPTO_memcmp(signature.data(), expected->data(), expected->size()) == 0;
  }
  const DigestContext context(EVP_MD_CTX_new());
  const bool valid = context &&
                     EVP_DigestVerifyInit(context.get(), nullptr, material_->sha256.get(), nullptr,
                                          material_->key.get()) == 1 &&
                     EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                                      bytes_of(message), message.size()) == 1;
  // A refused signature leaves a note in this thread's error queue; nobody would collect it.
  if (!valid) ERR_clear_error();
  return valid;
}

}  // namespace services
