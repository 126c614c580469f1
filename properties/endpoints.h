#pragma once
// Bad input to the endpoints of OMS and IAM: whatever strangers send ends in a typed error, and the services go on.

#include <nlohmann/json.hpp>

#include "properties/common.h"
#include "scenarios/services/town.h"
#include "services/time_left.h"

namespace properties {

struct BadRequest {
  int endpoint = 0;      ///< see paths
  int method = 0;        ///< the right one, or another
  std::string bearer;    ///< empty: none; "good": a good token
  std::string body;
  int deep = 0;          ///< nested arrays around the body
  int large_kb = 0;      ///< appended to the body
  std::string key;       ///< Idempotency-Key
  std::string time_left; ///< X-Time-Left-Ms
};

inline constexpr const char* paths[] = {"iam/validate", "oms/orders", "oms/orders/1", "oms/health", "oms/health/deep", "iam/health/deep", "oms/metrics", "iam/health", "oms/nowhere"};

inline void showValue(const BadRequest& r, std::ostream& out) {
  out << "method " << r.method << " of " << paths[r.endpoint] << ", bearer ";
  rc::show(r.bearer, out);
  out << ", body ";
  rc::show(r.body, out);
  out << " in " << r.deep << " arrays and " << r.large_kb << " KB more, key ";
  rc::show(r.key, out);
  out << ", time left ";
  rc::show(r.time_left, out);
}

/// Bytes as they come, and texts that are nearly right.
inline rc::Gen<std::string> texts() {
  const auto bytes = rc::gen::map(up_to(12, between(0, 255)), [](const std::vector<int>& bytes) { return std::string(bytes.begin(), bytes.end()); });
  return rc::gen::oneOf(
      bytes, rc::gen::element<std::string>(
                 "", "{}", "null", "[]", "{\"token\":1,\"scope\":\"a\"}", "{\"token\":\"a.b.c\",\"scope\":null}",
                 "{\"token\":\"a.b.c\",\"token\":\"a.b.d\",\"scope\":\"a\"}", "{\"token\":\"\\u0000\",\"scope\":\"orders:write\"}",
                 "{\"item\":\"tea\",\"quantity\":1e400}", "{\"item\":\"tea\",\"quantity\":-1}", "{\"item\":\"tea\",\"quantity\":9223372036854775808}",
                 "{\"item\":\"tea\",\"quantity\":NaN}", "{\"item\":\"\\ud800\",\"quantity\":1}", "{\"item\":\"\xff\xfe\",\"quantity\":1}",
                 "{\"item\":\"te\\u0007a\",\"quantity\":1}", "{\"item\":\"tea\",\"quantity\":1.5}", "{\"item\":[],\"quantity\":true}",
                 "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "a.b.c", " ", "x\ty"));
}

inline rc::Gen<BadRequest> bad_requests() {
  using rc::gen::set;
  return rc::gen::build<BadRequest>(
      set(&BadRequest::endpoint, between(0, 8)), set(&BadRequest::method, rc::gen::weightedElement<int>({{6, 0}, {1, 1}, {1, 2}})),
      set(&BadRequest::bearer, rc::gen::oneOf(rc::gen::just(std::string("good")), texts())), set(&BadRequest::body, texts()),
      set(&BadRequest::deep, rc::gen::element(0, 0, 0, 3, 20, 5000)), set(&BadRequest::large_kb, rc::gen::element(0, 0, 0, 1, 17, 1024)),
      set(&BadRequest::key, rc::gen::oneOf(rc::gen::just(std::string()), texts())),
      set(&BadRequest::time_left, rc::gen::oneOf(rc::gen::just(std::string()), texts(),
                                                 rc::gen::element<std::string>("0", "600000", "600001", "-1", "+1", "1e3", "1 ", "18446744073709551617"))));
}

/// What no header can carry: the client library would refuse to send it, or send another header.
inline std::string header_text(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\0' || c == '\r' || c == '\n' ? '?' : c;
  return out;
}

/// What HTTP hands on of it: blanks around a header's value are no part of it (RFC 9110, 5.5).
inline std::string arriving(const std::string& text) {
  const std::string sent = header_text(text);
  const auto first = sent.find_first_not_of(" \t");
  return first == std::string::npos ? std::string() : sent.substr(first, sent.find_last_not_of(" \t") + 1 - first);
}

inline httplib::Result send(const BadRequest& r, const std::string& good) {
  const std::string path = paths[r.endpoint];
  const std::string host = path.substr(0, 3);
  httplib::Client client(host, host == "iam" ? 8081 : 8080);
  client.set_connection_timeout(30s);
  client.set_read_timeout(30s);
  httplib::Headers headers;
  if (!r.bearer.empty()) headers.emplace("Authorization", "Bearer " + (r.bearer == "good" ? good : header_text(r.bearer)));
  if (!r.key.empty()) headers.emplace("Idempotency-Key", header_text(r.key));
  if (!r.time_left.empty()) headers.emplace(services::time_left_header, header_text(r.time_left));
  const std::string body = std::string(static_cast<std::size_t>(r.deep), '[') + r.body + std::string(static_cast<std::size_t>(r.deep), ']') +
                           std::string(static_cast<std::size_t>(r.large_kb) * 1024, 'x');
  const bool posts = r.endpoint < 2;
  const std::string target = path.substr(3);
  if (r.method == 2) return client.Delete(target, headers);
  if (posts == (r.method == 0)) return client.Post(target, headers, body, "application/json");
  return client.Get(target, headers);
}

/// Covers: S0-24, S0-25, S0-26, S0-38, SV4
template <typename World>
void check_endpoints(const std::vector<BadRequest>& requests) {
  World town;
  const std::string good = scenarios::token({"orders:write", "orders:read"}, 1h);
  for (const BadRequest& request : requests) {
    const auto result = send(request, good);
    if (!result) continue;  // a connection may be closed on one who sends too much
    const int status = result->status;
    const auto time_left = services::parse_time_left(arriving(request.time_left));
    FORESEED_CHECK((status >= 200 && status < 500) || (status == 504 && time_left == 0ms));
    const bool heeds_time = request.endpoint < 3 && request.method == 0 && request.large_kb < 17;
    const bool nonsense = !request.time_left.empty() && !time_left;
    if (heeds_time && nonsense) FORESEED_CHECK(status >= 400);
    const bool harmless = request.endpoint >= 3 && request.endpoint <= 7 && request.method == 0;
    FORESEED_CHECK(status >= 400 || harmless || request.bearer == "good");
    // Refusals by a handler say what they are; refusals by the HTTP library (413, 404 of a route) may have no body.
    if (status < 400 || result->body.empty()) continue;
    const auto answer = nlohmann::json::parse(result->body, nullptr, false);
    FORESEED_CHECK(answer.is_object() && answer.contains("error") && answer["error"]["code"].is_string());
  }
  FORESEED_CHECK(scenarios::order(good).status == 201);
  town.stop();
}

}  // namespace properties
