// Tokens: vectors of the RFCs, round trips, and everything a stranger may send.
#include "services/jwt.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <limits>
#include <memory>
#include <random>
#include <stdexcept>

#include "services/base64url.h"
#include "services/bounded_json.h"

namespace services {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

constexpr std::int64_t now_s = 1'700'000'000;
constexpr auto at(std::int64_t s) { return system_clock::time_point(seconds(s)); }

const std::string secret(32, 'k');

JwtClaims alice() {
  JwtClaims claims;
  claims.subject = "alice";
  claims.issuer = "iam";
  claims.audience = {"oms"};
  claims.scopes = {"orders:read", "orders:write"};
  claims.expires_at = now_s + 3600;
  return claims;
}

std::string signed_by(const JwtKey& key, const std::string& header, const std::string& payload) {
  std::string token = base64url_encode(header) + "." + base64url_encode(payload);
  return token + "." + base64url_encode(key.sign(token).value());
}

std::string hs(const std::string& payload) {
  return signed_by(JwtKey::hs256(secret), R"({"alg":"HS256"})", payload);
}

std::string outcome(const JwtResult& result) {
  if (const auto* error = std::get_if<JwtError>(&result)) return std::string(to_string(*error));
  return "ok:" + join(std::get<JwtClaims>(result).scopes);
}

std::string verify(const std::string& token, std::int64_t now = now_s, int leeway_s = 0) {
  return outcome(
      jwt_verify(token, JwtKey::hs256(secret), {"iam", "oms", seconds(leeway_s)}, at(now)));
}

/// Claims that pass, with `changed` put in place of or beside them.
std::string with(const std::string& changed) {
  auto payload = nlohmann::json::parse(
      R"({"sub":"alice","iss":"iam","aud":"oms","exp":1700003600,"scope":"a b"})");
  payload.merge_patch(nlohmann::json::parse(changed));  // null removes
  return hs(payload.dump());
}

std::string pem_of(EVP_PKEY* key, bool is_private) {
  BIO* bio = BIO_new(BIO_s_mem());
  if (is_private) {
    PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  } else {
    PEM_write_bio_PUBKEY(bio, key);
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

std::pair<std::string, std::string> rsa_pems(unsigned bits) {
  EVP_PKEY* key = EVP_RSA_gen(bits);
  std::pair<std::string, std::string> pems{pem_of(key, true), pem_of(key, false)};
  EVP_PKEY_free(key);
  return pems;
}

TEST(Jwt, RoundTripHs256) {
  const auto token = jwt_sign(alice(), JwtKey::hs256(secret)).value();
  EXPECT_TRUE(looks_like_jwt(token));
  const auto result = jwt_verify(token, JwtKey::hs256(secret), {}, at(now_s));
  const auto& claims = std::get<JwtClaims>(result);
  EXPECT_EQ(claims.subject, "alice");
  EXPECT_EQ(claims.scopes, alice().scopes);
  EXPECT_EQ(claims.expires_at, alice().expires_at);
}

TEST(Jwt, RoundTripRs256AndItsPublicHalfOnlyVerifies) {
  const auto [private_pem, public_pem] = rsa_pems(2048);
  const auto signer = JwtKey::rs256_private(private_pem);
  const auto verifier = JwtKey::rs256_public(public_pem);
  const auto token = jwt_sign(alice(), signer).value();
  EXPECT_TRUE(std::holds_alternative<JwtClaims>(jwt_verify(token, verifier, {}, at(now_s))));
  EXPECT_TRUE(std::holds_alternative<JwtClaims>(jwt_verify(token, signer, {}, at(now_s))));
  EXPECT_FALSE(jwt_sign(alice(), verifier));
  const auto other = JwtKey::rs256_public(rsa_pems(2048).second);
  EXPECT_EQ(outcome(jwt_verify(token, other, {}, at(now_s))), "bad_signature");
}

TEST(Jwt, AlgorithmIsPinnedByTheKey) {  // AU12
  const auto [private_pem, public_pem] = rsa_pems(2048);
  const auto rsa = JwtKey::rs256_public(public_pem);
  const std::string payload =
      R"({"sub":"alice","iss":"iam","aud":"oms","exp":1700003600,"scope":"a"})";
  // The classic: the RSA public key, known to everybody, used as an HMAC secret.
  const auto public_as_secret = JwtKey::hs256(public_pem);
  EXPECT_EQ(outcome(jwt_verify(signed_by(public_as_secret, R"({"alg":"HS256"})", payload), rsa, {},
                               at(now_s))),
            "wrong_algorithm");
  EXPECT_EQ(outcome(jwt_verify(signed_by(public_as_secret, R"({"alg":"RS256"})", payload), rsa, {},
                               at(now_s))),
            "bad_signature");
  const auto hs_key = JwtKey::hs256(secret);
  for (const char* header :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"hs256"})", R"({"alg":"RS256"})",
        R"({"alg":null})", R"({"alg":["HS256"]})", R"({})"}) {
    EXPECT_EQ(verify(signed_by(hs_key, header, payload)), "wrong_algorithm") << header;
  }
  EXPECT_EQ(verify(base64url_encode(R"({"alg":"none"})") + "." + base64url_encode(payload) + "."),
            "malformed");
  EXPECT_EQ(verify(signed_by(hs_key, R"({"alg":"HS256","crit":["b64"],"b64":false})", payload)),
            "critical_header");
}

// RFC 7515, appendix A.1. The token has no subject or audience, so a good signature shows as the
// first claim that fails afterwards.
constexpr const char* rfc7515_a1_token =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    "."
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr const char* rfc7515_a1_key =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

TEST(Jwt, Rfc7515AppendixA1) {
  const auto key = JwtKey::hs256(base64url_decode(rfc7515_a1_key).value());
  const JwtPolicy policy{"joe", "oms", seconds(0)};
  const std::string token = rfc7515_a1_token;
  EXPECT_EQ(outcome(jwt_verify(token, key, policy, at(1300819379))), "wrong_audience");
  EXPECT_EQ(outcome(jwt_verify(token, key, policy, at(1300819380))), "expired");
  EXPECT_EQ(outcome(jwt_verify(token, JwtKey::hs256(secret), policy, at(0))), "bad_signature");
}

// RFC 7515, appendix A.2: the same payload under RS256.
constexpr const char* rfc7515_a2_modulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
    "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL"
    "-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
    "bSf63kpaSHSXndS5z5rexMdbBYUsLA"
    "9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"
    "DWNmoudF8N"
    "Aco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
constexpr const char* rfc7515_a2_token =
    "eyJhbGciOiJSUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    "."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
    "O8W2Fp5jujGb"
    "ds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
    "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0G"
    "arZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6Lbg"
    "GY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

std::string public_pem_of(const std::string& modulus_bytes) {
  BIGNUM* n = BN_bin2bn(reinterpret_cast<const unsigned char*>(modulus_bytes.data()),
                        static_cast<int>(modulus_bytes.size()), nullptr);
  OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
  OSSL_PARAM_BLD_push_uint(builder, OSSL_PKEY_PARAM_RSA_E, 65537);
  OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context);
  EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
  std::string pem = pem_of(key, false);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(builder);
  BN_free(n);
  return pem;
}

TEST(Jwt, Rfc7515AppendixA2) {
  const auto key =
      JwtKey::rs256_public(public_pem_of(base64url_decode(rfc7515_a2_modulus).value()));
  const JwtPolicy policy{"joe", "oms", seconds(0)};
  EXPECT_EQ(outcome(jwt_verify(rfc7515_a2_token, key, policy, at(1300819379))), "wrong_audience");
}

TEST(Jwt, EveryChangedByteIsRefused) {
  const std::string token =
      hs(R"({"sub":"a","iss":"iam","aud":"oms","exp":1700003600,"scope":"a"})");
  ASSERT_EQ(verify(token), "ok:a");
  for (std::size_t i = 0; i < token.size(); ++i) {
    for (const char c : {'A', 'x', '-', '=', '.', '\0'}) {
      if (token[i] == c) continue;
      std::string changed = token;
      changed[i] = c;
      EXPECT_NE(verify(changed).substr(0, 2), "ok") << "byte " << i;
    }
    EXPECT_NE(verify(token.substr(0, i)).substr(0, 2), "ok");
  }
  EXPECT_EQ(verify(token + "A"), "bad_signature") << "a MAC of 33 bytes";
  EXPECT_EQ(verify(token + "."), "malformed");
  EXPECT_EQ(verify(token + "\n"), "malformed");
}

TEST(Jwt, DatesAtTheirBoundaries) {  // AU1: nbf - leeway <= now < exp + leeway
  const std::string token = with(R"({"nbf":1700000000})");
  EXPECT_EQ(verify(token, 1'699'999'999), "not_yet_valid");
  EXPECT_EQ(verify(token, 1'700'000'000), "ok:a b");
  EXPECT_EQ(verify(token, 1'700'003'599), "ok:a b");
  EXPECT_EQ(verify(token, 1'700'003'600), "expired");
  EXPECT_EQ(verify(token, 1'699'999'989, 10), "not_yet_valid");
  EXPECT_EQ(verify(token, 1'699'999'990, 10), "ok:a b");
  EXPECT_EQ(verify(token, 1'700'003'609, 10), "ok:a b");
  EXPECT_EQ(verify(token, 1'700'003'610, 10), "expired");
  const auto late = at(1'700'003'599) + std::chrono::milliseconds(999);
  EXPECT_EQ(outcome(jwt_verify(token, JwtKey::hs256(secret), {}, late)), "ok:a b");
}

TEST(Jwt, DatesOfWrongFormAreRefused) {
  for (const char* exp : {"null", "\"1700003600\"", "true", "-1", "1700003600.5", "1e10",
                          "9007199254740993", "18446744073709551615", "[1700003600]", "{}"}) {
    const std::string payload =
        std::string(R"({"sub":"a","iss":"iam","aud":"oms","scope":"a","exp":)") + exp + "}";
    EXPECT_EQ(verify(hs(payload)), "bad_claim") << exp;
  }
  EXPECT_EQ(verify(with(R"({"exp":null})")), "bad_claim");  // removed
  EXPECT_EQ(verify(with(R"({"nbf":"x"})")), "bad_claim");
  EXPECT_EQ(verify(with(R"({"iat":1.5})")), "bad_claim");
  EXPECT_EQ(verify(with(R"({"exp":9007199254740992})")), "ok:a b");
}

TEST(Jwt, IssuerAndAudience) {
  EXPECT_EQ(verify(with(R"({"iss":"other"})")), "wrong_issuer");
  EXPECT_EQ(verify(with(R"({"iss":null})")), "wrong_issuer");
  EXPECT_EQ(verify(with(R"({"aud":null})")), "wrong_audience");
  EXPECT_EQ(verify(with(R"({"aud":"omsx"})")), "wrong_audience");
  EXPECT_EQ(verify(with(R"({"aud":[]})")), "wrong_audience");
  EXPECT_EQ(verify(with(R"({"aud":["x","oms"]})")), "ok:a b");
  EXPECT_EQ(verify(with(R"({"aud":["oms",1]})")), "wrong_audience");
}

TEST(Jwt, ScopesAreAStringOrAnArrayOrDenied) {  // S0-06
  EXPECT_EQ(verify(with(R"({"scope":"b a a"})")), "ok:a b");
  EXPECT_EQ(verify(with(R"({"scope":["b","a"]})")), "ok:a b");
  EXPECT_EQ(verify(with(R"({"scope":null})")), "ok:") << "missing: nothing is granted";
  EXPECT_EQ(verify(with(R"({"scope":""})")), "ok:");
  EXPECT_EQ(verify(with(R"({"scope":[]})")), "ok:");
  EXPECT_EQ(verify(hs(R"({"sub":"a","iss":"iam","aud":"oms","exp":1700003600,"scope":null})")),
            "bad_scope");
  for (const char* scope :
       {"7", "true", "{}", R"(" a")", R"("a ")", R"("a  b")", R"("a\tb")", R"(["a b"])", R"([""])",
        R"(["a",1])", R"([["a"]])", R"("a\u0000")", R"("ä")"}) {
    EXPECT_EQ(verify(with(std::string(R"({"scope":)") + scope + "}")), "bad_scope") << scope;
  }
}

TEST(Jwt, SubjectsThatWouldHurtALogAreRefused) {  // S0-24, S0-25
  for (const char* sub : {"\"\"", "7", R"("a\u0000b")", R"("a\nb")", R"("\u007f")"}) {
    EXPECT_EQ(verify(with(std::string(R"({"sub":)") + sub + "}")), "bad_subject") << sub;
  }
  EXPECT_EQ(verify(with(R"({"sub":")" + std::string(257, 'x') + "\"}")), "bad_subject");
  EXPECT_EQ(verify(with(R"({"sub":")" + std::string(256, 'x') + "\"}")), "ok:a b");
}

TEST(Jwt, HostilePayloads) {
  for (const std::string& payload :
       {std::string("[]"), std::string("null"), std::string("{"), std::string("\xff\xfe"),
        std::string(R"({"exp":1,"exp":1700003600})"), std::string(R"({"a":"\ud800"})"),
        std::string("{} {}"), std::string(4000, '['),
        R"({"a":)" + std::string(9, '[') + std::string(9, ']') + "}"}) {
    EXPECT_EQ(verify(hs(payload)), "bad_payload") << payload.substr(0, 40);
  }
  EXPECT_EQ(verify(std::string(token_bytes_max + 1, 'A')), "too_long");
  EXPECT_EQ(verify(std::string(1 << 20, '.')), "too_long");
  EXPECT_EQ(verify(""), "malformed");
  EXPECT_EQ(verify(".."), "malformed");
  EXPECT_EQ(verify("a.b.c"), "malformed");
}

TEST(Jwt, RandomBytesNeverThrowAndNeverPass) {
  std::mt19937_64 random(7);
  const std::string good = with("{}");
  for (int round = 0; round < 5000; ++round) {
    std::string text = round % 2 == 0 ? good : std::string(random() % 200, '\0');
    for (char& c : text) {
      if (round % 2 == 1 || random() % 50 == 0) c = static_cast<char>(random());
    }
    if (text == good) continue;
    EXPECT_NO_THROW({ EXPECT_NE(verify(text).substr(0, 2), "ok"); });
  }
}

TEST(JwtKey, SecretsAreBytesWithinAnInterval) {  // S0-33 to S0-37
  EXPECT_THROW(JwtKey::hs256(std::string(31, 'a')), std::invalid_argument);
  EXPECT_THROW(JwtKey::hs256(std::string(1025, 'a')), std::invalid_argument);
  for (const std::string& accepted :
       {std::string(32, 'a'), std::string(1024, '\0'), "   " + std::string(32, 'x') + "   \n",
        std::string("\xf0\x9f\x94\x90\xf0\x9f\x94\x90\xf0\x9f\x94\x90\xf0\x9f\x94\x90") +
            std::string(16, 'z')}) {
    const auto key = JwtKey::hs256(accepted);
    const auto token = jwt_sign(alice(), key).value();
    EXPECT_TRUE(std::holds_alternative<JwtClaims>(jwt_verify(token, key, {}, at(now_s))));
  }
  const auto token = jwt_sign(alice(), JwtKey::hs256(std::string(32, 'x') + " ")).value();
  EXPECT_EQ(outcome(jwt_verify(token, JwtKey::hs256(std::string(32, 'x')), {}, at(now_s))),
            "bad_signature");
}

TEST(JwtKey, RsaKeysOfWrongKindAreRefused) {
  EXPECT_THROW(JwtKey::rs256_public("no pem"), std::invalid_argument);
  EXPECT_THROW(JwtKey::rs256_private(rsa_pems(1024).first), std::invalid_argument);
  const auto [private_pem, public_pem] = rsa_pems(2048);
  EXPECT_THROW(JwtKey::rs256_private(public_pem), std::invalid_argument);
  EXPECT_THROW(JwtKey::rs256_public(private_pem), std::invalid_argument);
  EVP_PKEY* ec = EVP_EC_gen("P-256");
  EXPECT_THROW(JwtKey::rs256_private(pem_of(ec, true)), std::invalid_argument);
  EVP_PKEY_free(ec);
}

TEST(JwtPolicy, MustDemandSomething) {
  EXPECT_THROW(validate(JwtPolicy{"", "oms", seconds(0)}), std::invalid_argument);
  EXPECT_THROW(validate(JwtPolicy{"iam", "", seconds(0)}), std::invalid_argument);
  EXPECT_THROW(validate(JwtPolicy{"iam", "oms", seconds(301)}), std::invalid_argument);
  EXPECT_THROW(validate(JwtPolicy{"iam", "oms", seconds(-1)}), std::invalid_argument);
}

TEST(Base64url, Rfc4648VectorsWithoutPadding) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "-_8"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64url_encode(bytes), text);
    EXPECT_EQ(base64url_decode(text), bytes);
  }
}

TEST(Base64url, HasExactlyOneSpellingForEachByteString) {
  for (const char* text :
       {"Zg==", "Zh", "Zm9=", "A", "Zm9v\n", " Zm8", "Zm+v", "Zm/v", "Zm9w\x80"}) {
    EXPECT_FALSE(base64url_decode(text)) << text;
  }
}

TEST(BoundedJson, RefusesTooLongTooDeepAndAmbiguous) {
  EXPECT_TRUE(parse_bounded_json(R"({"a":[{"b":1}]})", {100, 3}));
  EXPECT_FALSE(parse_bounded_json(R"({"a":[{"b":1}]})", {100, 2}));
  EXPECT_FALSE(parse_bounded_json(R"({"a":[{"b":1}]})", {14, 3}));
  EXPECT_FALSE(parse_bounded_json(R"({"a":1,"a":1})"));
  EXPECT_TRUE(parse_bounded_json(R"({"a":{"a":1},"b":{"a":1}})"));
  EXPECT_FALSE(parse_bounded_json(R"([{"a":1,"b":[{"c":1}],"b":2}])"));
  EXPECT_FALSE(parse_bounded_json(std::string(200'000, '['), {1 << 20, 8}));
  EXPECT_FALSE(parse_bounded_json(""));
}

}  // namespace
}  // namespace services
