// HTTPS: libcurl and cpp-httplib's server, both over Debian's compiled OpenSSL, with a certificate that is checked.
//
// The process loads OpenSSL's tables and makes the certificates before it simulates, as these are many steps; it draws
// no random numbers there, or its generator's state would be another in each process. Ed25519 needs none.

#include <curl/curl.h>
#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "library_worlds.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

/// A key, and a certificate for the host "web" that it signs itself; valid at any virtual time.
struct Identity {
  explicit Identity(unsigned char secret) : certificate(X509_new()) {
    const std::vector<unsigned char> bytes(32, secret);
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size());
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    ASN1_TIME_set(X509_getm_notBefore(certificate), 0);
    ASN1_TIME_set(X509_getm_notAfter(certificate), 4'000'000'000);
    X509_set_pubkey(certificate, key);
    X509_NAME* const name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("web"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:web");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, nullptr);
    BIO* const bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    pem.assign(data, static_cast<std::size_t>(size));
    BIO_free(bio);
  }
  ~Identity() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  EVP_PKEY* key;
  X509* const certificate;
  std::string pem;
};

// Made by the process before it simulates.
std::unique_ptr<Identity> server_identity;
std::unique_ptr<Identity> stranger;

extern "C" std::size_t append_to_body(char* data, std::size_t size, std::size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

CURLcode get(const char* url, const Identity& trusted, std::string& body) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(), curl_easy_cleanup);
  curl_easy_setopt(easy.get(), CURLOPT_URL, url);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, append_to_body);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &body);
  // Not the host's certificates: there are many, and others on the next machine.
  curl_blob pem{const_cast<char*>(trusted.pem.data()), trusted.pem.size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(easy.get(), CURLOPT_CAINFO_BLOB, &pem);
  curl_easy_setopt(easy.get(), CURLOPT_CAPATH, nullptr);
  return curl_easy_perform(easy.get());
}

class HttpsServer {
 public:
  HttpsServer() : host_("web", [this] { run(); }) {
    while (server_ == nullptr || !server_.load()->is_running()) std::this_thread::sleep_for(1ms);
  }
  void stop() {
    server_.load()->stop();
    host_.join();
  }

 private:
  void run() {
    httplib::SSLServer server(server_identity->certificate, server_identity->key);
    server.Get("/hi", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("hello", "text/plain");
    });
    server.bind_to_port("0.0.0.0", 443);
    server_ = &server;
    server.listen_after_bind();
  }

  std::atomic<httplib::SSLServer*> server_{nullptr};
  foreseed::Host host_;  // last: it starts to run at once
};

void a_trusted_server() {
  HttpsServer server;
  std::string body;
  FORESEED_CHECK(get("https://web/hi", *server_identity, body) == CURLE_OK && body == "hello");
  server.stop();
}

void an_untrusted_server() {
  HttpsServer server;
  std::string body;
  FORESEED_CHECK(get("https://web/hi", *stranger, body) == CURLE_PEER_FAILED_VERIFICATION && body.empty());
  server.stop();
}

class Tls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    curl_global_init(CURL_GLOBAL_ALL);
    server_identity = std::make_unique<Identity>(1);
    stranger = std::make_unique<Identity>(2);
  }
  static void TearDownTestSuite() {
    stranger.reset();
    server_identity.reset();
    curl_global_cleanup();
  }
};

TEST_F(Tls, a_trusted_server_is_talked_to) { holds_and_repeats(a_trusted_server, 100); }
TEST_F(Tls, an_untrusted_server_is_left) { holds_and_repeats(an_untrusted_server, 100); }

}  // namespace
}  // namespace foreseed::testing
