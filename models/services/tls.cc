#include "services/tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>
#include <utility>
#include <vector>

namespace services {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(STACK_OF(X509)* chain) const { sk_X509_pop_free(chain, X509_free); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

template <class T>
using Owned = std::unique_ptr<T, Free>;

std::vector<Owned<X509>> read_certificates(const std::string& pem) {
  std::vector<Owned<X509>> result;
  const Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    result.emplace_back(certificate);
  }
  ERR_clear_error();  // of the read beyond the last
  return result;
}

Owned<EVP_PKEY> read_key(const std::string& pem) {
  const Owned<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // A password would be asked for on the terminal.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  return key;
}

bool is_address(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

/// What a handshake needs, together.
struct ServerIdentity::Parsed {
  Owned<X509> certificate;
  Owned<EVP_PKEY> key;
  Owned<STACK_OF(X509)> chain;  // without the certificate itself
};

std::shared_ptr<const ServerIdentity::Parsed> ServerIdentity::parse(const TlsIdentity& identity) {
  const auto refuse = [](const char* what) {
    throw std::invalid_argument(std::string("tls identity: ") + what);
  };
  auto certificates = read_certificates(identity.certificate_pem);
  if (certificates.empty()) refuse("certificate_pem holds no PEM certificate");
  auto parsed = std::make_shared<Parsed>();
  parsed->key = read_key(identity.key_pem);
  if (!parsed->key) refuse("key_pem holds no PEM private key without password");
  parsed->certificate = std::move(certificates.front());
  parsed->chain.reset(sk_X509_new_null());
  for (std::size_t i = 1; i < certificates.size(); ++i) {
    if (sk_X509_push(parsed->chain.get(), certificates[i].get()) > 0) static_cast<void>(certificates[i].release());
  }
  // What a handshake would refuse is refused here.
  const Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  const bool good = context && SSL_CTX_use_cert_and_key(context.get(), parsed->certificate.get(), parsed->key.get(),
                                                        parsed->chain.get(), 1) == 1;
  ERR_clear_error();
  if (!good) refuse("the private key is not the first certificate's, or they are too weak");
  return parsed;
}

ServerIdentity::ServerIdentity(const TlsIdentity& identity) : current_(parse(identity)) {}

void ServerIdentity::renew(const TlsIdentity& identity) {
  auto next = parse(identity);
  const std::lock_guard lock(mutex_);
  current_.swap(next);
}

void ServerIdentity::install(SSL_CTX& context) {
  SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
  SSL_CTX_set_cert_cb(&context, show, this);
}

/// OpenSSL asks in each handshake. 1: it is set.
int ServerIdentity::show(SSL* session, void* self) {
  std::shared_ptr<const Parsed> identity;
  {
    auto& owner = *static_cast<ServerIdentity*>(self);
    const std::lock_guard lock(owner.mutex_);
    identity = owner.current_;
  }
  return SSL_use_cert_and_key(session, identity->certificate.get(), identity->key.get(), identity->chain.get(), 1);
}

void validate(const TlsIdentity& identity) { ServerIdentity::parse(identity); }

TlsClient::TlsClient(const std::string& ca_pem, std::string host)
    : host_(std::move(host)), context_(SSL_CTX_new(TLS_client_method())) {
  const auto trusted = read_certificates(ca_pem);
  if (trusted.empty()) throw std::invalid_argument("tls: tls_ca_pem holds no PEM certificate");
  for (const auto& certificate : trusted) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), certificate.get());
  }
  SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
  ERR_clear_error();
}

TlsClient::Session TlsClient::session(int socket) const {
  Session session(SSL_new(context_.get()));
  if (!session) return session;
  if (is_address(host_)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session.get()), host_.c_str());
  } else {
    SSL_set1_host(session.get(), host_.c_str());
    SSL_set_tlsext_host_name(session.get(), host_.c_str());
  }
  // A record may come in part: only a socket that does not block keeps to a deadline.
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
  SSL_set_fd(session.get(), socket);
  SSL_set_connect_state(session.get());
  return session;
}

std::optional<std::chrono::system_clock::time_point> certificate_end(const SSL& session) {
  const X509* const certificate = SSL_get0_peer_certificate(&session);
  tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) {
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(timegm(&end));
}

}  // namespace services
