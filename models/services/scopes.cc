#include "services/scopes.h"

#include <algorithm>

namespace services {

bool is_scope(std::string_view text) {
  if (text.empty() || text.size() > scope_bytes_max) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x21 && byte <= 0x7e && byte != 0x22 && byte != 0x5c;
  });
}

std::optional<Scopes> parse_scopes(std::string_view text) {
  Scopes scopes;
  if (text.empty()) return scopes;
  for (;;) {
    const std::size_t space = text.find(' ');
    const std::string_view scope = text.substr(0, space);
    if (!is_scope(scope)) return std::nullopt;
    scopes.emplace(scope);
    if (scopes.size() > scopes_max) return std::nullopt;
    if (space == std::string_view::npos) return scopes;
    text.remove_prefix(space + 1);
  }
}

std::string join(const Scopes& scopes) {
  std::string text;
  for (const std::string& scope : scopes) {
    if (!text.empty()) text += ' ';
    text += scope;
  }
  return text;
}

bool includes(const Scopes& granted, const Scopes& required) {
  return std::includes(granted.begin(), granted.end(), required.begin(), required.end());
}

}  // namespace services
