#include "conformance.h"

#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

namespace conformance {
namespace {

using nlohmann::json;

struct Reply {
  int status = 0;  ///< 0: no answer
  json body;
  httplib::Headers headers;
  std::string code() const { return body.is_object() && body.contains("error") ? body["error"].value("code", "") : ""; }
  std::string header(const std::string& name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? "" : at->second;
  }
};

Reply ask(const Target& target, const std::string& method, const std::string& path, const std::string& body = {},
          const std::string& token = {}, httplib::Headers headers = {}) {
  httplib::Client client(target.host, target.port);
  client.set_connection_timeout(std::chrono::seconds(20));
  client.set_read_timeout(std::chrono::seconds(20));
  httplib::Request request;
  request.method = method;
  request.path = path;
  request.headers = std::move(headers);
  if (!token.empty()) request.headers.emplace("Authorization", "Bearer " + token);
  if (method == "POST" || method == "PUT") {
    request.headers.emplace("Content-Type", "application/json");
    request.body = body;
  }
  const auto result = client.send(request);
  if (!result) return {};
  return {result->status, json::parse(result->body, nullptr, false), result->headers};
}

/// Collects what is wrong. Any thread.
class Findings {
 public:
  explicit Findings(std::string part) : part_(std::move(part)) {}
  void expect(const std::string& what, const json& wanted, const json& got) {
    if (wanted == got) return;
    const std::lock_guard lock(mutex_);
    lines_.push_back(part_ + ": " + what + ": want " + wanted.dump() + ", got " +
                     got.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  const std::string part_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// The statuses that `count` callers get at the same time, sorted.
json at_once(int count, const std::function<int(int)>& call) {
  std::vector<int> statuses(static_cast<std::size_t>(count));
  std::vector<std::thread> callers;
  for (int i = 0; i < count; ++i) {
    callers.emplace_back([&, i] { statuses[static_cast<std::size_t>(i)] = call(i); });
  }
  for (std::thread& caller : callers) caller.join();
  std::sort(statuses.begin(), statuses.end());
  return statuses;
}

/// RFC 6238.
std::string totp(const std::string& secret, std::int64_t steps_from_now = 0) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto step = std::chrono::floor<std::chrono::seconds>(now).count() / 30 + steps_from_now;
  unsigned char counter[8];
  for (int i = 0; i < 8; ++i) counter[i] = static_cast<unsigned char>(step >> (56 - 8 * i));
  unsigned char mac[EVP_MAX_MD_SIZE];
  HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), counter, sizeof counter, mac, nullptr);
  const int at = mac[19] & 15;
  const unsigned number = ((mac[at] & 127U) << 24 | mac[at + 1] << 16 | mac[at + 2] << 8 | mac[at + 3]) % 1'000'000;
  const std::string digits = std::to_string(number);
  return std::string(6 - digits.size(), '0') + digits;
}

/// RFC 4648, section 6.
std::string from_base32(const std::string& text) {
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    bits = (bits << 5 | static_cast<unsigned>(c >= 'A' ? c - 'A' : c - '2' + 26)) & 0xffff;
    if ((count += 5) >= 8) bytes += static_cast<char>(bits >> (count -= 8));
  }
  return bytes;
}

}  // namespace

std::vector<std::string> check_iam(const Town& town) {
  Findings findings("iam");
  const auto validate = [&](const std::string& token, const std::string& scope) {
    return ask(town.iam, "POST", "/validate", json{{"token", token}, {"scope", scope}}.dump());
  };
  findings.expect("health", 200, ask(town.iam, "GET", "/health").status);
  findings.expect("deep health", 200, ask(town.iam, "GET", "/health/deep").status);
  const Reply good = validate(town.writer, "orders:write");
  findings.expect("a good token", 200, good.status);
  findings.expect("its subject", "alice", good.body.value("sub", ""));
  findings.expect("its scopes", "orders:read orders:write", good.body.value("scope", ""));
  findings.expect("a scope that is missing", "insufficient_scope", validate(town.reader, "orders:write").code());
  findings.expect("an expired token", 401, validate(town.expired, "orders:write").status);
  findings.expect("a changed token", "invalid_token", validate(town.writer + "x", "orders:write").code());
  findings.expect("no scope", "invalid_request", validate(town.writer, "").code());
  for (const char* body : {"", "{", "[]", "null", R"({"token":1,"scope":"a"})", R"({"token":"a","token":"b","scope":"a"})",
                           "{\"token\":\"\xff\",\"scope\":\"a\"}"}) {
    findings.expect(std::string("a body that is ") + body, 400, ask(town.iam, "POST", "/validate", body).status);
  }
  // SV4
  const std::string question = json{{"token", town.writer}, {"scope", "orders:read"}}.dump();
  const auto in_time = [&](const char* left) { return ask(town.iam, "POST", "/validate", question, {}, {{"X-Time-Left-Ms", left}}); };
  findings.expect("a caller who waits", 200, in_time("600000").status);
  findings.expect("a caller who gave up", "deadline_exceeded", in_time("0").code());
  findings.expect("its status", 504, in_time("0").status);
  for (const char* left : {"-1", "600001", "1.5", "soon", "1e3", "99999999999999999999"}) {
    findings.expect(std::string("a time left of ") + left, "invalid_argument", in_time(left).code());
  }
  const httplib::Headers twice = {{"X-Time-Left-Ms", "60000"}, {"X-Time-Left-Ms", "60000"}};
  findings.expect("a time left, twice", 400, ask(town.iam, "POST", "/validate", question, {}, twice).status);
  findings.expect("a body that is too long", 413, ask(town.iam, "POST", "/validate", std::string(20'000, ' ')).status);
  findings.expect("a path that is none", 404, ask(town.iam, "GET", "/nothing").status);
  findings.expect("four at once", json({200, 200, 200, 200}),
                  at_once(4, [&](int) { return validate(town.writer, "orders:read").status; }));
  return findings.take();
}

std::vector<std::string> check_oms(const Town& town) {
  Findings findings("oms");
  const std::string tea = R"({"item":"tea","quantity":2})";
  const auto order = [&](const std::string& token, const std::string& body, const std::string& key = {}) {
    return ask(town.oms, "POST", "/orders", body, token, key.empty() ? httplib::Headers{} : httplib::Headers{{"Idempotency-Key", key}});
  };
  findings.expect("health", 200, ask(town.oms, "GET", "/health").status);
  findings.expect("deep health", 200, ask(town.oms, "GET", "/health/deep").status);
  const Reply placed = order(town.writer, tea);
  findings.expect("an order", 201, placed.status);
  findings.expect("by whom it was allowed", "remote", placed.header("X-Auth-Path"));
  findings.expect("where it is", "/orders/1", placed.header("Location"));
  const json wanted = {{"id", 1}, {"owner", "alice"}, {"item", "tea"}, {"quantity", 2}};
  findings.expect("the order", wanted, placed.body);
  findings.expect("the order, read", wanted, ask(town.oms, "GET", "/orders/1", {}, town.reader).body);
  findings.expect("no such order", 404, ask(town.oms, "GET", "/orders/99999999999999999999", {}, town.reader).status);
  findings.expect("no token", "missing_token", order("", tea).code());
  findings.expect("rubbish for a token", "invalid_token", order("rubbish", tea).code());
  findings.expect("an expired token", 401, order(town.expired, tea).status);
  findings.expect("a token without the scope", "insufficient_scope", order(town.reader, tea).code());
  for (const char* body : {"", "[]", R"({"item":"tea"})", R"({"item":"tea","quantity":0})", R"({"item":"tea","quantity":1.5})",
                           R"({"item":"a\u0000b","quantity":1})", R"({"item":"tea","quantity":1000001})"}) {
    findings.expect(std::string("a body that is ") + body, "invalid_order", order(town.writer, body).code());
  }
  findings.expect("a caller who gave up", "deadline_exceeded", ask(town.oms, "POST", "/orders", tea, town.writer, {{"X-Time-Left-Ms", "0"}}).code());
  findings.expect("a time left of soon", 400, ask(town.oms, "POST", "/orders", tea, town.writer, {{"X-Time-Left-Ms", "soon"}}).status);
  findings.expect("a key, used again", json({200, 200, 200, 201}), at_once(4, [&](int) { return order(town.writer, tea, "k").status; }));
  findings.expect("a key, used for something else", 409, order(town.writer, R"({"item":"milk","quantity":2})", "k").status);
  findings.expect("four at once", json({201, 201, 201, 201}), at_once(4, [&](int) { return order(town.writer, tea).status; }));
  const json metrics = ask(town.oms, "GET", "/metrics").body;
  findings.expect("orders counted", 6, metrics.value("orders", 0));
  return findings.take();
}

namespace {

/// The part about people: who can get in, and who may give roles.
struct Workflow {
  const Town& town;
  Findings& findings;
  std::string root;  // tokens
  std::string ann;
  std::string bob;

  Reply post(const std::string& path, const json& body, const std::string& token = {}, const std::string& key = {}) const {
    return ask(town.workflow, "POST", path, body.dump(), token,
               key.empty() ? httplib::Headers{} : httplib::Headers{{"Idempotency-Key", key}});
  }
  Reply get(const std::string& path, const std::string& token = {}) const { return ask(town.workflow, "GET", path, {}, token); }

  Reply log_in(const std::string& name, const std::string& password, const std::string& code) const {
    return post("/login", {{"name", name}, {"password", password}, {"code", code}});
  }

  std::string new_user(const std::string& name, const std::string& role) const {
    const Reply made = post("/register", {{"name", name}, {"password", "p\"\\\n\xf0\x9f\x94\x90 words"}});
    findings.expect("registration of " + name, 201, made.status);
    findings.expect("first role of " + name, "viewer", made.body.value("role", ""));
    findings.expect("role for " + name, 200, post("/users/" + name + "/role", {{"role", role}}, root).status);
    const Reply in = log_in(name, "p\"\\\n\xf0\x9f\x94\x90 words", totp(from_base32(made.body.value("totp_secret", ""))));
    findings.expect("login of " + name, 200, in.status);
    return in.body.value("token", "");
  }

  void people() {
    const std::string code = totp(town.admin_totp_secret);
    findings.expect("a wrong password", "unauthenticated", log_in(town.admin, "a wrong password", code).code());
    findings.expect("an unknown name", "unauthenticated", log_in("nobody", town.admin_password, code).code());
    findings.expect("a wrong code", 401, log_in(town.admin, town.admin_password, "12345").status);
    std::mutex mutex;
    findings.expect("one code, three times at once", json({200, 401, 401}), at_once(3, [&](int) {
                      const Reply reply = log_in(town.admin, town.admin_password, code);
                      const std::lock_guard lock(mutex);
                      if (reply.status == 200) root = reply.body.value("token", "");
                      return reply.status;
                    }));
    findings.expect("one name, three times at once", json({201, 409, 409}), at_once(3, [&](int) {
                      return post("/register", {{"name", "eve"}, {"password", "a password"}}).status;
                    }));
    for (const char* name : {"", "Eve", "../eve", "e e", "@timer"}) {
      findings.expect(std::string("the name ") + name, 400, post("/register", {{"name", name}, {"password", "a password"}}).status);
    }
    ann = new_user("ann", "analyst");
    bob = new_user("bob", "analyst");
  }

  void denials() const {
    const std::string vic = new_user("vic", "viewer");
    findings.expect("no token", 401, get("/decisions").status);
    findings.expect("a viewer's submission", "forbidden", post("/decisions", {{"title", "x"}}, vic).code());
    findings.expect("an analyst and the audit", 403, get("/audit", ann).status);
    findings.expect("an analyst who gives roles", 403, post("/users/ann/role", {{"role", "admin"}}, ann).status);
    for (const char* method : {"PUT", "DELETE", "OPTIONS", "HEAD"}) {
      findings.expect(method, 403, ask(town.workflow, method, "/decisions", "{}", ann).status);
    }
    for (const char* path : {"/", "/decisions/", "/decisions/1/admin", "/decisions/1/decide", "/users", "//decisions"}) {
      findings.expect(std::string("GET ") + path, 403, get(path, ann).status);
    }
    findings.expect("deactivation", 200, post("/users/vic/deactivate", json::object(), root).status);
    findings.expect("who is deactivated", 401, get("/decisions", vic).status);
  }

  void decisions() const {
    findings.expect("a submission", 201, post("/decisions", {{"title", "a new desk"}}, ann).status);
    findings.expect("one key, at once", json({200, 200, 201}),
                    at_once(3, [&](int) { return post("/decisions", {{"title", "a lamp"}}, bob, "k").status; }));
    findings.expect("no title", 400, post("/decisions", json::object(), ann).status);
    findings.expect("a title with a line break", 400, post("/decisions", {{"title", "a\nb"}}, ann).status);
    findings.expect("a verdict that is none", 400, post("/decisions/1/decide", {{"verdict", "maybe"}}, ann).status);
    findings.expect("two analysts at once", json({200, 409}), at_once(2, [&](int i) {
                      return post("/decisions/1/decide", {{"verdict", i == 0 ? "approve" : "reject"}}, i == 0 ? ann : bob).status;
                    }));
    findings.expect("decided with a key", 200, post("/decisions/2/decide", {{"verdict", "reject"}}, ann, "d").status);
    findings.expect("and again", 200, post("/decisions/2/decide", {{"verdict", "reject"}}, ann, "d").status);
    findings.expect("with the same key otherwise", 409, post("/decisions/2/decide", {{"verdict", "approve"}}, ann, "d").status);
    findings.expect("by another", 409, post("/decisions/2/decide", {{"verdict", "reject"}}, bob).status);
    findings.expect("what is not there", 404, post("/decisions/77/decide", {{"verdict", "reject"}}, bob).status);
    findings.expect("a third", 201, post("/decisions", {{"title", "a chair"}}, bob).status);
    findings.expect("escalation", "escalated", post("/decisions/3/escalate", json::object(), bob).body.value("state", ""));
    findings.expect("an analyst and what is escalated", 403, post("/decisions/3/decide", {{"verdict", "reject"}}, ann).status);
    findings.expect("an analyst is promoted", 200, post("/users/ann/role", {{"role", "supervisor"}}, root).status);
    findings.expect("a supervisor", 200, post("/decisions/3/decide", {{"verdict", "reject"}}, ann).status);
  }

  void counts() const {
    const json statistics = get("/statistics", ann).body;
    findings.expect("statistics, decided", 3, statistics.value("approved", 0) + statistics.value("rejected", 0));
    findings.expect("statistics, pending", 0, statistics.value("pending", -1));
    findings.expect("nothing pending", json::array(), get("/decisions", ann).body.value("decisions", json()));
    // Each effect is in the audit once, and metrics are its fold.
    std::map<std::string, int> kinds;
    const json audit = get("/audit", root).body.value("events", json::array());
    for (const json& event : audit) ++kinds[event.value("kind", "")];
    const json wanted = {{"registered", 5}, {"logged_in", 4},  {"role_set", 4}, {"deactivated", 1},
                         {"submitted", 3},  {"decided", 3}, {"escalated", 1}};
    findings.expect("the audit", wanted, kinds);
    findings.expect("metrics", audit.size(), get("/metrics").body["journal"].value("events", 0));
    findings.expect("deep health", 200, get("/health/deep").status);
  }
};

}  // namespace

std::vector<std::string> check_workflow(const Town& town) {
  Findings findings("workflow");
  Workflow workflow{town, findings, {}, {}, {}};
  findings.expect("health", 200, workflow.get("/health").status);
  workflow.people();
  workflow.denials();
  workflow.decisions();
  workflow.counts();
  return findings.take();
}

std::vector<std::string> check_all(const Town& town) {
  std::vector<std::string> all;
  for (const auto& part : {check_iam, check_oms, check_workflow}) {
    for (std::string& line : part(town)) all.push_back(std::move(line));
  }
  return all;
}

}  // namespace conformance
