#pragma once
// Bad input to the endpoints of the workflow: whatever strangers and users send ends in a typed error, and the service goes on.

#include "properties/endpoints.h"
#include "scenarios/workflow/office.h"

namespace properties {

struct WorkflowRequest {
  std::string method;
  std::string target;
  std::string bearer;  ///< empty: none; "admin" and "analyst": theirs
  std::string body;
  std::string key;     ///< Idempotency-Key
  std::string id;      ///< X-Request-Id
  int deep = 0;        ///< nested arrays around the body
  int large_kb = 0;    ///< appended to the body
};

inline void showValue(const WorkflowRequest& r, std::ostream& out) {
  out << r.method << " ";
  rc::show(r.target, out);
  out << " of ";
  rc::show(r.bearer, out);
  out << ", body ";
  rc::show(r.body, out);
  out << " in " << r.deep << " arrays and " << r.large_kb << " KB more, key ";
  rc::show(r.key, out);
  out << ", id ";
  rc::show(r.id, out);
}

inline rc::Gen<std::string> workflow_bodies() {
  return rc::gen::oneOf(
      texts(), rc::gen::element<std::string>(
                   R"({"title":"a desk"})", R"({"title":"a\u0000b"})", R"({"title":17})", R"({"title":"\ud800"})", "{\"title\":\"\xc0\xaf\"}",
                   R"({"verdict":"approve"})", R"({"verdict":"Approve"})", R"({"verdict":["approve"]})", R"({"role":"admin"})", R"({"role":null})",
                   R"({"name":"eve","password":"a long password"})", R"({"name":"EVE","password":"a long password"})",
                   R"({"name":"e\u202eve","password":"a long password"})", R"({"name":"root","password":"a long password","code":"000000"})",
                   R"({"name":"root","password":"a long password","code":"-1e308"})", R"({"name":1e999,"password":true,"code":[]})"));
}

inline rc::Gen<std::string> targets() {
  return rc::gen::element<std::string>(
      "/register", "/login", "/decisions", "/decisions/1", "/decisions/1/decide", "/decisions/1/escalate", "/decisions/0", "/decisions/18446744073709551616",
      "/decisions/99999999999999999999/decide", "/decisions/-1", "/decisions?after=-1", "/decisions?after=18446744073709551616", "/decisions?after=1e3",
      "/decisions?state=%00", "/decisions?state=decided&after=NaN", "/decisions/%2e%2e/audit", "/decisions//1", "/statistics", "/users/ann/role",
      "/users/root/deactivate", "/users/nobody/role", "/users/%41nn/role", "/users/../audit", "/audit", "/audit?after=999999", "/audit?after=9223372036854775808",
      "/audit?after=%ff", "/health", "/health/deep", "/metrics", "/nowhere", "/audit/..%2faudit");
}

inline rc::Gen<WorkflowRequest> workflow_requests() {
  using rc::gen::set;
  const auto header = rc::gen::oneOf(rc::gen::just(std::string()), texts(), rc::gen::just(std::string(5000, 'k')));
  return rc::gen::build<WorkflowRequest>(
      set(&WorkflowRequest::method, rc::gen::weightedElement<std::string>({{6, "POST"}, {4, "GET"}, {1, "PUT"}, {1, "DELETE"}, {1, "OPTIONS"}})),
      set(&WorkflowRequest::target, targets()),
      set(&WorkflowRequest::bearer, rc::gen::oneOf(rc::gen::element<std::string>("admin", "analyst", ""), texts())),
      set(&WorkflowRequest::body, workflow_bodies()), set(&WorkflowRequest::key, header), set(&WorkflowRequest::id, header),
      set(&WorkflowRequest::deep, rc::gen::element(0, 0, 0, 0, 20, 5000)), set(&WorkflowRequest::large_kb, rc::gen::element(0, 0, 0, 0, 17, 1024)));
}

/// Covers: S0-24, S0-25, S0-26, S2-15, S4-23, S4-24
template <typename Store>
void check_workflow_endpoints(const std::vector<WorkflowRequest>& requests) {
  Store store;
  office::enrol(store, "ann", workflow::Role::analyst);
  const auto passwords = workflow::pbkdf2(1000);
  office::WorkflowHost host("workflow", office::Settings{office::workflow_config(), &store, passwords.get()});
  const auto token_of = [](const char* name) {
    const auto code = workflow::totp_code(office::totp_secret, workflow::totp_step(std::chrono::system_clock::now()));
    const auto reply = office::Person().post("/login", {{"name", name}, {"password", office::password}, {"code", code.value()}});
    FORESEED_CHECK(reply.status == 200);
    return reply.body["token"].get<std::string>();
  };
  const std::string analyst = token_of("ann"), admin = token_of("root");
  for (const WorkflowRequest& r : requests) {
    httplib::Client client("workflow", 8083);
    client.set_connection_timeout(30s);
    client.set_read_timeout(30s);
    httplib::Request request;
    request.method = r.method;
    request.path = r.target;
    request.body = std::string(static_cast<std::size_t>(r.deep), '[') + r.body + std::string(static_cast<std::size_t>(r.deep), ']') +
                   std::string(static_cast<std::size_t>(r.large_kb) * 1024, 'x');
    const std::string bearer = r.bearer == "admin" ? admin : r.bearer == "analyst" ? analyst : header_text(r.bearer);
    if (!bearer.empty()) request.headers.emplace("Authorization", "Bearer " + bearer);
    if (!r.key.empty()) request.headers.emplace("Idempotency-Key", header_text(r.key));
    if (!r.id.empty()) request.headers.emplace("X-Request-Id", header_text(r.id));
    const auto result = client.send(request);
    if (!result) continue;  // a connection may be closed on one who sends too much
    const int status = result->status;
    FORESEED_CHECK(status >= 200 && (status < 500 || (status == 503 && r.target == "/health/deep")));
    const bool open_to_all = r.target.starts_with("/health") || r.target == "/metrics" || r.target == "/register";
    FORESEED_CHECK(status >= 400 || open_to_all || r.bearer == "admin" || r.bearer == "analyst");
    const auto answer = nlohmann::json::parse(result->body, nullptr, false);
    if (status >= 400) FORESEED_CHECK(answer.is_object() && answer.contains("error") && answer["error"]["code"].is_string());
    if (status < 400) FORESEED_CHECK(answer.is_object());
  }
  // The journal is one that a new process can read, and the service is well.
  workflow::Journal journal({}, store);
  FORESEED_CHECK(!journal.catch_up(common::mono_now() + 10s) && journal.statistics() == host->journal().statistics());
  FORESEED_CHECK(office::Person().get("/health").status == 200);
  host.stop();
}

}  // namespace properties
