#include "config/environment.h"

#include <algorithm>
#include <array>

namespace config {
namespace {

constexpr std::string_view spaces[] = {" ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u00a0", "\ufeff",
                                       "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007",
                                       "\u2008", "\u2009", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u3000"};
constexpr std::string_view not_enforced[] = {"dev", "development", "test", "testing", "local", "ci"};
constexpr std::size_t name_bytes_max = 64;

bool strip_front(std::string_view& text) {
  for (const auto space : spaces) {
    if (!text.starts_with(space)) continue;
    text.remove_prefix(space.size());
    return true;
  }
  return false;
}

bool strip_back(std::string_view& text) {
  for (const auto space : spaces) {
    if (!text.ends_with(space)) continue;
    text.remove_suffix(space.size());
    return true;
  }
  return false;
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (strip_front(text)) {
  }
  while (strip_back(text)) {
  }
  return text;
}

std::string ascii_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

common::Result<Environment> parse_environment(std::string_view value) {
  Environment environment;
  environment.name = ascii_lower(trim(value));
  if (environment.name.size() > name_bytes_max) return common::Error::invalid_argument;
  for (const char c : environment.name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return common::Error::invalid_argument;
  }
  environment.enforce_auth =
      std::find(std::begin(not_enforced), std::end(not_enforced), environment.name) == std::end(not_enforced);
  return environment;
}

}  // namespace config
