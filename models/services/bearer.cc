#include "services/bearer.h"

#include <httplib.h>

#include <algorithm>
#include <string_view>

namespace services {

std::optional<std::string> bearer_token(const httplib::Request& request) {
  if (request.get_header_value_count("Authorization") != 1) return std::nullopt;
  const std::string header = request.get_header_value("Authorization");
  constexpr std::string_view scheme = "bearer ";
  if (header.size() <= scheme.size()) return std::nullopt;
  const bool matches = std::equal(scheme.begin(), scheme.end(), header.begin(), [](char s, char h) {
    return s == (h >= 'A' && h <= 'Z' ? static_cast<char>(h - 'A' + 'a') : h);
  });
  if (!matches) return std::nullopt;
  return header.substr(scheme.size());
}

}  // namespace services
