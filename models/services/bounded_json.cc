#include "services/bounded_json.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace services {

std::optional<nlohmann::json> parse_bounded_json(std::string_view text, const JsonLimits& limits) {
  using json = nlohmann::json;
  if (text.size() > limits.bytes_max) return std::nullopt;

  bool acceptable = true;
  std::vector<std::set<std::string>> keys;  // one set for each object that is open
  const json::parser_callback_t inspect = [&](int depth, json::parse_event_t event, json& value) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (depth >= limits.depth_max) acceptable = false;
        if (event == json::parse_event_t::object_start) keys.emplace_back();
        break;
      case json::parse_event_t::object_end:
        if (!keys.empty()) keys.pop_back();
        break;
      case json::parse_event_t::key:
        if (!keys.empty() && !keys.back().insert(value.get<std::string>()).second) {
          acceptable = false;
        }
        break;
      case json::parse_event_t::array_end:
      case json::parse_event_t::value: break;
    }
    return acceptable;  // once refused, nothing more is stored, so a deep document is never built
  };
  json document = json::parse(text.begin(), text.end(), inspect, /*allow_exceptions=*/false);
  if (!acceptable || document.is_discarded()) return std::nullopt;
  return document;
}

std::optional<std::string> string_field(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return std::nullopt;
  const auto field = object.find(name);
  if (field == object.end() || !field->is_string()) return std::nullopt;
  return field->get<std::string>();
}

bool is_plain_text(std::string_view text, std::size_t bytes_max) {
  if (text.empty() || text.size() > bytes_max) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace services
