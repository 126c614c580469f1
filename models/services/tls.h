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
#include <mutex>
#include <optional>
#include <string>

namespace services {

struct TlsIdentity {
  std::string certificate_pem;  ///< the server's own first, then those that lead to the CA
  std::string key_pem;          ///< private key of the first
};

/// Throws std::invalid_argument: what is no certificate, no key, does not fit together, or is too weak for OpenSSL.
void validate(const TlsIdentity& identity);

/// Who a server is, which may be renewed while it serves: a handshake that begins after `renew` has returned shows the
/// new certificate; one that has begun, and connections that are there, go on with the one they had. (A client that
/// resumes a session is shown none at all.) Any thread.
class ServerIdentity {
 public:
  /// Both throw std::invalid_argument, as `validate` does; `renew` has changed nothing then.
  explicit ServerIdentity(const TlsIdentity& identity);
  void renew(const TlsIdentity& identity);

  /// From now on the context's handshakes show it. REQUIRES: outlives the context and its sessions.
  void install(SSL_CTX& context);

 private:
  friend void validate(const TlsIdentity& identity);
  struct Parsed;
  static std::shared_ptr<const Parsed> parse(const TlsIdentity& identity);
  static int show(SSL* session, void* self);

  std::mutex mutex_;
  std::shared_ptr<const Parsed> current_;  // guarded by mutex_
};

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
