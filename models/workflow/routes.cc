// The workflow's HTTP: which request needs which permission, what it says, what is answered.
#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "services/bearer.h"
#include "services/bounded_json.h"
#include "workflow/service.h"
#include "workflow/totp.h"

namespace workflow {
namespace {

using httplib::Request;
using httplib::Response;
using nlohmann::json;
using services::reply_json;

/// Bytes that are the same in a header, in JSON and in the journal.
bool is_visible_ascii(const std::string& text, std::size_t bytes_max) {
  return services::is_plain_text(text, bytes_max) &&
         std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void refuse(Response& response, Error error, std::string_view message) {
  const int status = common::traits(error).http_status;
  if (status == 503) response.set_header("Retry-After", "1");
  if (status == 401) response.set_header("WWW-Authenticate", "Bearer");
  services::reply_error(response, status, common::to_string(error), message);
}

std::string_view explain(Error error) {
  switch (error) {
    case Error::unauthenticated: return "who asks is not known, or not any more";
    case Error::forbidden: return "not allowed";
    case Error::not_found: return "no such thing";
    case Error::conflict: return "it has happened already";
    case Error::invalid_argument: return "the request is not of the right form";
    default: return "not possible now";
  }
}

void refuse(Response& response, Error error) { refuse(response, error, explain(error)); }

json decision_json(const Decision& decision) {
  json result = {{"id", decision.id},
                 {"title", decision.title},
                 {"owner", decision.owner},
                 {"state", to_string(decision.state)}};
  if (decision.verdict) {
    result["verdict"] = to_string(*decision.verdict);
    result["decided_by"] = decision.decided_by;
  }
  return result;
}

std::optional<std::uint64_t> parse_number(const std::string& digits) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  return number;
}

/// `after` of a query; nothing where it is no number.
std::optional<std::uint64_t> parse_after(const Request& request) {
  if (!request.has_param("after")) return 0;
  return parse_number(request.get_param_value("after"));
}

Event event_of(EventKind kind, const RequestContext& context) {
  Event event;
  event.kind = kind;
  event.context = context;
  event.at_ms = std::chrono::floor<std::chrono::milliseconds>(common::wall_now().time_since_epoch()).count();
  return event;
}

bool is_password(const std::string& text) { return text.size() >= password_bytes_min && text.size() <= password_bytes_max; }

}  // namespace

struct Service::Route {
  const char* method;
  const char* pattern;  // bounds on what is matched also bound how deep std::regex recurses
  std::optional<Permission> needs;
  Handler handler;
};

const Service::Route Service::routes[] = {
    {"POST", "/register", std::nullopt, &Service::register_user},
    {"POST", "/login", std::nullopt, &Service::log_in},
    {"POST", "/decisions", Permission::submit, &Service::submit},
    {"GET", "/decisions", Permission::read, &Service::list},
    {"GET", R"(/decisions/(\d{1,20}))", Permission::read, &Service::show},
    // Which of the two permissions to decide it takes depends on the decision: the journal judges.
    {"POST", R"(/decisions/(\d{1,20})/decide)", Permission::decide, &Service::decide},
    {"POST", R"(/decisions/(\d{1,20})/escalate)", Permission::escalate, &Service::escalate},
    {"GET", "/statistics", Permission::read, &Service::show_statistics},
    {"POST", R"(/users/([a-z0-9._-]{1,64})/role)", Permission::administer, &Service::set_role},
    {"POST", R"(/users/([a-z0-9._-]{1,64})/deactivate)", Permission::administer, &Service::deactivate},
    {"GET", "/audit", Permission::administer, &Service::show_audit},
    {"GET", "/health", std::nullopt, &Service::show_health},
    {"GET", "/health/deep", std::nullopt, &Service::show_deep_health},
    {"GET", "/metrics", std::nullopt, &Service::show_metrics},
};

void Service::add_routes(httplib::Server& server) {
  for (const Route& route : routes) {
    const auto handler = [this, &route](const Request& request, Response& response) { serve(route, request, response); };
    if (std::string_view(route.method) == "GET") {
      server.Get(route.pattern, handler);
    } else {
      server.Post(route.pattern, handler);
    }
  }
  server.set_error_handler([](const Request&, Response& response) {
    if (!response.body.empty()) return;
    // What has no route is not there for anyone (default deny).
    if (response.status == 404) return refuse(response, Error::forbidden);
    services::reply_error(response, response.status, "http_" + std::to_string(response.status), "the request was refused");
  });
}

void Service::serve(const Route& route, const Request& request, Response& response) {
  RequestContext context{request.get_header_value("X-Request-Id"), std::string(principal_nobody), request.remote_addr};
  if (!is_visible_ascii(context.request_id, key_bytes_max)) context.request_id = new_request_id();
  response.set_header("X-Request-Id", context.request_id);
  if (const auto error = admit(route, request, context)) {
    refuse(response, *error);
  } else {
    (this->*route.handler)(request, response, context);
  }
  const std::lock_guard lock(mutex_);
  ++answers_[response.status];
}

/// Whether the request may go on, and for whom.
std::optional<Error> Service::admit(const Route& route, const Request& request, RequestContext& context) {
  if (request.method != route.method) return Error::forbidden;  // HEAD comes as GET does
  if (draining_) return Error::closed;
  if (!route.needs) return std::nullopt;
  const auto token = services::bearer_token(request);
  if (!token) return Error::unauthenticated;
  const auto authorised = sessions_.authorise(*token, {});
  const auto* principal = std::get_if<services::Principal>(&authorised);
  if (principal == nullptr) return Error::unauthenticated;
  if (const auto error = journal_.catch_up(deadline())) return error;
  const auto user = journal_.user(principal->subject);
  if (!user || !user->active) return Error::unauthenticated;
  if (!allows(user->role, *route.needs)) return Error::forbidden;
  context.principal = user->name;
  return std::nullopt;
}

void Service::register_user(const Request& request, Response& response, const RequestContext& context) {
  const auto body = services::parse_bounded_json(request.body);
  const auto name = body ? services::string_field(*body, "name") : std::nullopt;
  const auto password = body ? services::string_field(*body, "password") : std::nullopt;
  if (!name || !is_name(*name) || !password || !is_password(*password)) {
    return refuse(response, Error::invalid_argument,
                  "want {\"name\": 1 to 64 of a-z 0-9 . _ -, \"password\": 8 to 1024 bytes}");
  }
  const auto permit = logins_.acquire(deadline());
  if (const auto* error = std::get_if<Error>(&permit)) return refuse(response, *error);
  Event event = event_of(EventKind::registered, context);
  const auto kept = passwords_.keep(*password);
  const auto secret = random_bytes(totp_secret_bytes);
  if (!kept || !secret) return refuse(response, Error::unavailable);
  event.user = *name;
  event.credentials = {*kept, *secret};
  const auto result = journal_.propose(event, deadline());
  if (const auto* error = std::get_if<Error>(&result)) return refuse(response, *error);
  reply_json(response, 201, {{"name", *name}, {"role", to_string(Role::viewer)}, {"totp_secret", base32(*secret)}});
}

void Service::log_in(const Request& request, Response& response, const RequestContext& context) {
  const auto body = services::parse_bounded_json(request.body);
  const auto name = body ? services::string_field(*body, "name") : std::nullopt;
  const auto password = body ? services::string_field(*body, "password") : std::nullopt;
  const auto code = body ? services::string_field(*body, "code") : std::nullopt;
  if (!name || !password || !code) {
    return refuse(response, Error::invalid_argument, "want {\"name\": string, \"password\": string, \"code\": string}");
  }
  const auto permit = logins_.acquire(deadline());
  if (const auto* error = std::get_if<Error>(&permit)) return refuse(response, *error);
  if (const auto error = journal_.catch_up(deadline())) return refuse(response, *error);
  // Whichever of the three is wrong, the same is done and the same is answered.
  const auto user = is_name(*name) ? journal_.user(*name) : std::nullopt;
  const bool right = is_password(*password) && passwords_.check(*password, user ? user->credentials.password : "");
  const auto step = totp_match(user ? user->credentials.totp_secret : "", *code, common::wall_now());
  if (!user || !right || !step) return refuse(response, Error::unauthenticated);
  Event event = event_of(EventKind::logged_in, context);
  event.context.principal = user->name;
  event.user = user->name;
  event.totp_step = *step;
  const auto result = journal_.propose(event, deadline());
  if (const auto* error = std::get_if<Error>(&result)) return refuse(response, *error);
  services::JwtClaims claims;
  claims.subject = user->name;
  claims.issuer = config_.tokens.issuer;
  claims.audience = {config_.tokens.audience};
  const auto now = std::chrono::floor<std::chrono::seconds>(common::wall_now().time_since_epoch());
  claims.expires_at = (now + config_.session).count();
  const auto token = services::jwt_sign(claims, sessions_.key());
  if (!token) return refuse(response, Error::internal);
  reply_json(response, 200, {{"token", *token}, {"expires_at", claims.expires_at}});
}

void Service::submit(const Request& request, Response& response, const RequestContext& context) {
  const auto body = services::parse_bounded_json(request.body);
  const auto title = body ? services::string_field(*body, "title") : std::nullopt;
  Event event = event_of(EventKind::submitted, context);
  event.key = request.get_header_value("Idempotency-Key");
  if (!title || !services::is_plain_text(*title, title_bytes_max) ||
      (!event.key.empty() && !is_visible_ascii(event.key, key_bytes_max))) {
    return refuse(response, Error::invalid_argument, "want {\"title\": 1 to 200 bytes}, Idempotency-Key of at most 128");
  }
  event.title = *title;
  const auto result = journal_.propose(event, deadline());
  if (const auto* error = std::get_if<Error>(&result)) return refuse(response, *error);
  const auto& outcome = std::get<Outcome>(result);
  response.set_header("Location", "/decisions/" + std::to_string(outcome.decision));
  answer_with_decision(response, outcome.replayed ? 200 : 201, outcome.decision);
}

void Service::answer_with_decision(Response& response, int status, std::uint64_t id) {
  const auto decision = journal_.decision(id);
  if (!decision) return refuse(response, Error::not_found);
  reply_json(response, status, decision_json(*decision));
}

void Service::list(const Request& request, Response& response, const RequestContext&) {
  const auto after = parse_after(request);
  const std::string wanted = request.has_param("state") ? request.get_param_value("state") : "pending";
  for (const DecisionState state : {DecisionState::pending, DecisionState::escalated, DecisionState::decided}) {
    if (!after || wanted != to_string(state)) continue;
    json decisions = json::array();
    for (const Decision& decision : journal_.decisions(state, *after, page_max)) decisions.push_back(decision_json(decision));
    return reply_json(response, 200, {{"decisions", decisions}});
  }
  refuse(response, Error::invalid_argument, "want state=pending, escalated or decided, after=a decision's number");
}

void Service::show(const Request& request, Response& response, const RequestContext&) {
  answer_with_decision(response, 200, parse_number(request.matches[1]).value_or(0));
}

/// The beginning of an event about the decision in the path; nothing where the request was refused.
std::optional<Event> Service::about_decision(EventKind kind, const Request& request, Response& response,
                                             const RequestContext& context) {
  Event event = event_of(kind, context);
  event.key = request.get_header_value("Idempotency-Key");
  event.decision = parse_number(request.matches[1]).value_or(0);
  if (event.decision == 0) return refuse(response, Error::not_found), std::nullopt;
  if (event.key.empty() || is_visible_ascii(event.key, key_bytes_max)) return event;
  return refuse(response, Error::invalid_argument, "Idempotency-Key: at most 128 bytes of ASCII"), std::nullopt;
}

void Service::decide(const Request& request, Response& response, const RequestContext& context) {
  auto event = about_decision(EventKind::decided, request, response, context);
  if (!event) return;
  const auto body = services::parse_bounded_json(request.body);
  const auto verdict = body ? parse_verdict(services::string_field(*body, "verdict").value_or("")) : std::nullopt;
  if (!verdict) return refuse(response, Error::invalid_argument, "want {\"verdict\": \"approve\" or \"reject\"}");
  event->verdict = *verdict;
  const auto result = journal_.propose(*event, deadline());
  if (const auto* error = std::get_if<Error>(&result)) return refuse(response, *error);
  if (!std::get<Outcome>(result).replayed) notify(context, event->decision, *verdict);
  answer_with_decision(response, 200, event->decision);
}

void Service::escalate(const Request& request, Response& response, const RequestContext& context) {
  const auto event = about_decision(EventKind::escalated, request, response, context);
  if (!event) return;
  const auto result = journal_.propose(*event, deadline());
  if (const auto* error = std::get_if<Error>(&result)) return refuse(response, *error);
  answer_with_decision(response, 200, event->decision);
}

void Service::show_statistics(const Request&, Response& response, const RequestContext&) {
  const Statistics s = journal_.statistics();
  reply_json(response, 200,
             {{"submitted", s.submitted},
              {"pending", s.pending},
              {"escalated", s.escalated},
              {"approved", s.approved},
              {"rejected", s.rejected},
              {"escalations", s.escalations}});
}

void Service::set_role(const Request& request, Response& response, const RequestContext& context) {
  const auto body = services::parse_bounded_json(request.body);
  const auto role = body ? parse_role(services::string_field(*body, "role").value_or("")) : std::nullopt;
  if (!role) return refuse(response, Error::invalid_argument, "want {\"role\": viewer, analyst, supervisor or admin}");
  Event event = event_of(EventKind::role_set, context);
  event.user = request.matches[1];
  event.role = *role;
  const auto result = journal_.propose(event, deadline());
  if (const auto* error = std::get_if<Error>(&result)) return refuse(response, *error);
  reply_json(response, 200, {{"name", event.user}, {"role", to_string(*role)}});
}

void Service::deactivate(const Request& request, Response& response, const RequestContext& context) {
  Event event = event_of(EventKind::deactivated, context);
  event.user = request.matches[1];
  const auto result = journal_.propose(event, deadline());
  if (const auto* error = std::get_if<Error>(&result)) return refuse(response, *error);
  reply_json(response, 200, {{"name", event.user}, {"active", false}});
}

void Service::show_audit(const Request& request, Response& response, const RequestContext&) {
  const auto after = parse_after(request);
  if (!after || *after >= config_.journal.events_max) return refuse(response, Error::invalid_argument, "want after=an event's number");
  const auto events = journal_.read(*after + 1, page_max);
  if (const auto* error = std::get_if<Error>(&events)) return refuse(response, *error);
  json records = json::array();
  std::uint64_t number = *after;
  for (const Event& event : std::get<std::vector<Event>>(events)) records.push_back(audit_record(++number, event));
  reply_json(response, 200, {{"events", records}});
}

void Service::show_health(const Request&, Response& response, const RequestContext&) { reply_json(response, 200, health()); }

void Service::show_deep_health(const Request&, Response& response, const RequestContext&) {
  const json report = deep_health();
  reply_json(response, report["status"] == "ok" ? 200 : 503, report);
}

void Service::show_metrics(const Request&, Response& response, const RequestContext&) { reply_json(response, 200, metrics()); }

}  // namespace workflow
