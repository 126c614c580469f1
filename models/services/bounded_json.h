// Reading JSON from strangers: bounded in size and depth, no duplicate keys, never throws.
//
// Everything that arrives from the network passes through here. Duplicate keys are refused
// because two readers of one document may pick different values (RFC 8259, section 4).
// Stateless; any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace services {

struct JsonLimits {
  std::size_t bytes_max = 16 * 1024;
  int depth_max = 8;  ///< nesting of objects and arrays; a flat object has depth 1
};

/// The document, or nothing where it is too long, too deep, not valid UTF-8 JSON, or has an
/// object with the same key twice.
std::optional<nlohmann::json> parse_bounded_json(std::string_view text,
                                                 const JsonLimits& limits = {});

/// `object[name]` where that is a string; nothing otherwise.
std::optional<std::string> string_field(const nlohmann::json& object, const char* name);

/// True for 1 .. bytes_max bytes without control characters (C0, DEL): fit for a log line,
/// a header or a key. Bytes, not code points.
bool is_plain_text(std::string_view text, std::size_t bytes_max);

}  // namespace services
