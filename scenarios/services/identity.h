#pragma once
// A certificate for a host of a world.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <string>

#include "services/tls.h"

namespace scenarios {

inline std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

/// A certificate for `host` that its own key signs, the one of that number. Ed25519 draws no random numbers, so it is the
/// same in each execution.
inline services::TlsIdentity identity_of(const std::string& host, std::chrono::sys_seconds from, std::chrono::sys_seconds to,
                                         unsigned char number = 7) {
  const unsigned char secret[32] = {number};
  EVP_PKEY* const key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret, sizeof secret);
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  ASN1_TIME_set(X509_getm_notBefore(certificate), std::chrono::system_clock::to_time_t(from));
  ASN1_TIME_set(X509_getm_notAfter(certificate), std::chrono::system_clock::to_time_t(to));
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  const std::string called = host + " " + std::to_string(number);  // an issuer is looked for by its name
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(called.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + host).c_str());
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, nullptr);
  BIO* const certificate_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_pem, certificate);
  BIO* const key_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_pem, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {contents(certificate_pem), contents(key_pem)};
}

/// OpenSSL reads its tables of algorithms when it first needs them: by the process, before any execution; in one it would be
/// many steps. Nothing here may draw random numbers, as SSL_CTX_new() does: the generator would not be the seed's.
inline const bool certificates_are_ready = !identity_of("warm-up", {}, {}).certificate_pem.empty();

}  // namespace scenarios
