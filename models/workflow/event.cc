// Events as text: one JSON object each.
#include <array>
#include <nlohmann/json.hpp>

#include "services/base64url.h"
#include "services/bounded_json.h"
#include "workflow/state.h"

namespace workflow {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 7> kind_names{"registered", "logged_in", "role_set", "deactivated",
                                                     "submitted",  "decided",   "escalated"};

/// Members in a fixed order, so that the same event is the same bytes.
json common_part(const Event& event) {
  json record = {{"kind", to_string(event.kind)},
                 {"request", event.context.request_id},
                 {"by", event.context.principal},
                 {"peer", event.context.peer},
                 {"at_ms", event.at_ms}};
  if (!event.key.empty()) record["key"] = event.key;
  if (!event.cause.empty()) record["cause"] = event.cause;
  if (!event.user.empty()) record["user"] = event.user;
  if (event.decision != 0) record["decision"] = event.decision;
  switch (event.kind) {
    case EventKind::registered:
    case EventKind::role_set: record["role"] = to_string(event.role); break;
    case EventKind::logged_in: record["step"] = event.totp_step; break;
    case EventKind::submitted: record["title"] = event.title; break;
    case EventKind::decided: record["verdict"] = to_string(event.verdict); break;
    case EventKind::deactivated:
    case EventKind::escalated: break;
  }
  return record;
}

std::int64_t integer(const json& record, const char* name) {
  const auto at = record.find(name);
  return at != record.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
}

}  // namespace

std::string_view to_string(EventKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kind_names.size() ? kind_names[index] : "?";
}

std::string encode(const Event& event) {
  json record = common_part(event);
  if (event.kind == EventKind::registered) {
    record["password"] = event.credentials.password;
    record["totp"] = services::base64url_encode(event.credentials.totp_secret);
  }
  return record.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Event> decode(const std::string& text) {
  const auto record = services::parse_bounded_json(text);
  if (!record || !record->is_object()) return std::nullopt;
  const auto text_of = [&](const char* name) { return services::string_field(*record, name).value_or(""); };
  Event event;
  const std::string kind = text_of("kind");
  std::size_t index = 0;
  while (index < kind_names.size() && kind_names[index] != kind) ++index;
  if (index == kind_names.size()) return std::nullopt;
  event.kind = static_cast<EventKind>(index);
  event.context = {text_of("request"), text_of("by"), text_of("peer")};
  event.at_ms = integer(*record, "at_ms");
  event.key = text_of("key");
  event.cause = text_of("cause");
  event.user = text_of("user");
  event.title = text_of("title");
  event.totp_step = integer(*record, "step");
  event.decision = static_cast<std::uint64_t>(integer(*record, "decision"));
  const auto role = parse_role(text_of("role"));
  const auto verdict = parse_verdict(text_of("verdict"));
  const auto secret = services::base64url_decode(text_of("totp"));
  if (event.kind == EventKind::registered && (text_of("password").empty() || !secret)) return std::nullopt;
  if ((event.kind == EventKind::registered || event.kind == EventKind::role_set) && !role) return std::nullopt;
  if (event.kind == EventKind::decided && !verdict) return std::nullopt;
  event.role = role.value_or(Role{});
  event.verdict = verdict.value_or(Verdict{});
  event.credentials = {text_of("password"), secret.value_or("")};
  return event;
}

nlohmann::json audit_record(std::uint64_t number, const Event& event) {
  json record = common_part(event);
  record["number"] = number;
  return record;
}

}  // namespace workflow
