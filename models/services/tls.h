// TLS for the services' HTTP: who a server is, whom a client trusts, and one connection's session.
//
// The rule on time is OpenSSL's, by the verifier's own wall clock and without leeway: a certificate
// is good from notBefore until one second before notAfter. A client whose clock is s seconds fast
// refuses s seconds earlier. Certificates are judged at each handshake, not while a connection
// stays open.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace services {

struct TlsIdentity {
  std::string certificate_pem;  ///< the server's own first, then those that lead to the CA
  std::string key_pem;          ///< private key of the first
};

/// Loads `identity` into a server's context; false where it cannot be.
bool use_identity(SSL_CTX& context, const TlsIdentity& identity);

/// Throws std::invalid_argument: what is no certificate, no key, or does not fit together.
void validate(const TlsIdentity& identity);

/// What the connections of a client share. Any thread.
class TlsClient {
 public:
  /// Trusts servers that are named `host`, by a certificate that leads to one in `ca_pem`. Throws
  /// std::invalid_argument where there is none in it.
  TlsClient(const std::string& ca_pem, std::string host);

  struct FreeSession {
    void operator()(SSL* session) const { SSL_free(session); }
  };
  using Session = std::unique_ptr<SSL, FreeSession>;

  /// A session over `socket`, which is made non-blocking; the handshake is the first read's or
  /// write's. Null: out of memory.
  Session session(int socket) const;

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  const std::string host_;
  const std::unique_ptr<SSL_CTX, FreeContext> context_;
};

/// The notAfter of the certificate that the other side showed, good or not.
std::optional<std::chrono::system_clock::time_point> certificate_end(const SSL& session);

}  // namespace services
