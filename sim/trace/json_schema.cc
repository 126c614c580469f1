#include <nlohmann/json.hpp>

#include <climits>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "trace/trace.h"

namespace foreseed {

namespace {

using json = nlohmann::ordered_json;

json text() { return {{"type", "string"}, {"maxLength", 65536}}; }
json wide() { return {{"type", "string"}, {"pattern", "^[0-9]{1,20}$"}, {"description", "64 bits, in decimal"}}; }
json number(std::uint64_t max) { return {{"type", "integer"}, {"minimum", 0}, {"maximum", max}}; }
json or_null(const json& schema) { return {{"anyOf", json::array({schema, {{"type", "null"}}})}}; }

json titled(const char* title, json schema) {
  schema["title"] = title;
  return schema;
}

template <typename Enum>
json one_of(int count) {
  json names = json::array();
  for (int i = 0; i < count; ++i) names.push_back(std::string(to_string(static_cast<Enum>(i))));
  return {{"enum", std::move(names)}};
}

json list(json items) { return {{"type", "array"}, {"maxItems", 20'000'000}, {"items", std::move(items)}}; }

/// An array with exactly these items.
json tuple(std::initializer_list<json> items) {
  return {{"type", "array"}, {"prefixItems", items}, {"items", false}, {"minItems", items.size()}};
}

json object(json members, json required) {
  return {{"type", "object"}, {"required", std::move(required)}, {"properties", std::move(members)}};
}

json keys(const json& members) {
  json names = json::array();
  for (const auto& [name, schema] : members.items()) names.push_back(name);
  return names;
}

}  // namespace

std::string json_schema() {
  const json u32 = number(0xffff'ffff);
  const json u16 = number(0xffff);
  const json index = u32;
  const json operation = titled("operation", one_of<Op>(static_cast<int>(Op::count_)));
  const json place = {{"task", u16}, {"role", text()}, {"stack", index}};
  const json finding = {{"kind", one_of<FindingKind>(static_cast<int>(FindingKind::count_))},
                        {"message", text()}, {"time_ns", wide()}, {"step", u32}, {"details", text()},
                        {"places", list(object(place, keys(place)))}};
  json members = {
      {"format", {{"const", "foreseed-trace"}}},
      {"version", {{"const", Trace::format_version}}},
      {"program", text()},
      {"build_id", text()},
      {"scenario", text()},
      {"seed", wide()},
      {"steps_per_instant_max", u32},
      {"fingerprint", wide()},
      {"virtual_ns", wide()},
      {"steps", u32},
      {"truncated", json{{"type", "boolean"}}},
      {"choices", list(tuple({titled("kind", one_of<ChoiceKind>(choice_kinds)), titled("value", u32),
                              titled("bound, 0 for 2^32", u32), titled("site", u32), titled("task", u16)}))},
      {"frames", list(tuple({titled("module", text()), titled("offset", wide()), titled("function", text()), titled("file", text()),
                             titled("line", u32), titled("user", json{{"type", "boolean"}})}))},
      {"stacks", list(list(index))},
      {"events", list(tuple({titled("time_ns", wide()), titled("step", u32), titled("task", u16), operation,
                             titled("object", index),
                             titled("result", {{"type", "integer"}, {"minimum", INT_MIN}, {"maximum", INT_MAX}}),
                             titled("stack", index), titled("text", index)}))},
      {"tasks", list(text())},
      {"objects", list(text())},
      {"texts", list(text())},
      {"finding", or_null(object(finding, keys(finding)))}};
  const json required = keys(members);
  members.update({
      {"faults", text()},
      {"memory", one_of<MemoryModel>(3)},
      {"timeouts", u32},
      {"strategy", text()},
      {"races", one_of<Races>(3)},
      {"racy_sites", list(index)},
      {"hosts", list(text())},
      {"task_hosts", list(u16)},
      {"choice_steps", list(u32)},
      {"waits", list(tuple({titled("time_ns", wide()), titled("step", u32), titled("task", u16), operation,
                            titled("object", index), titled("stack", index)}))},
      {"orders", list(tuple({titled("from", u32), titled("to", u32)}))},
      {"messages", list(tuple({titled("sent_ns", wide()), titled("sent_step", u32), titled("task", or_null(u16)),
                               titled("from_host", u16), titled("to_host", u16), titled("what", text()), titled("bytes", u32),
                               titled("losses", u32), titled("marks", number(7)), titled("arrived_ns", or_null(wide())),
                               titled("arrived_step", u32), titled("object", index)}))},
  });
  json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "foreseed trace, version " + std::to_string(Trace::format_version)},
                 {"description", "Made by `foreseed generate schema`. What the members mean: docs/trace.md. A reader also checks "
                                 "that each index lies in its table."}};
  schema.update(object(std::move(members), required));
  return schema.dump(1) + "\n";
}

}  // namespace foreseed
