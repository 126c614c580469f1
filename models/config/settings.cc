#include "config/settings.h"

#include <charconv>
#include <optional>

#include "config/environment.h"

namespace config {
namespace {

/// The number that the text begins with; what follows is left in `text`.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<std::int64_t> unit(std::string_view name) {
  constexpr std::pair<std::string_view, std::int64_t> units[] = {{"ns", 1},
                                                                 {"us", 1'000},
                                                                 {"ms", 1'000'000},
                                                                 {"s", 1'000'000'000},
                                                                 {"m", 60'000'000'000},
                                                                 {"h", 3'600'000'000'000}};
  for (const auto& [known, ns] : units) {
    if (known == name) return ns;
  }
  return std::nullopt;
}

std::string range(std::int64_t low, std::int64_t high, const char* what) {
  return " must be " + std::string(what) + " in [" + std::to_string(low) + ", " + std::to_string(high) + "]";
}

}  // namespace

const std::string* Settings::find(const std::string& key) {
  asked_[key] = true;
  const auto found = pairs_.find(key);
  return found == pairs_.end() ? nullptr : &found->second;
}

std::int64_t Settings::integer(const std::string& key, std::int64_t fallback, std::int64_t low, std::int64_t high) {
  const std::string* value = find(key);
  if (value == nullptr) return fallback;
  std::string_view rest = trim(*value);
  const auto number = take_number(rest);
  if (number && rest.empty() && *number >= low && *number <= high) return *number;
  complaints_.push_back(key + range(low, high, "a whole number"));
  return fallback;
}

bool Settings::boolean(const std::string& key, bool fallback) {
  const std::string* value = find(key);
  if (value == nullptr) return fallback;
  const std::string word = ascii_lower(trim(*value));
  if (word == "true" || word == "false") return word == "true";
  complaints_.push_back(key + " must be true or false");
  return fallback;
}

std::chrono::nanoseconds Settings::duration(const std::string& key, std::chrono::nanoseconds fallback,
                                            std::chrono::nanoseconds low, std::chrono::nanoseconds high) {
  const std::string* value = find(key);
  if (value == nullptr) return fallback;
  std::string_view rest = trim(*value);
  const auto number = take_number(rest);
  const auto ns = unit(rest);
  std::int64_t product = 0;
  if (number && ns && !__builtin_mul_overflow(*number, *ns, &product)) {
    const std::chrono::nanoseconds result(product);
    if (result >= low && result <= high) return result;
  }
  complaints_.push_back(key + range(low.count(), high.count(), "a number with a unit (ns us ms s m h),") + " ns");
  return fallback;
}

std::string Settings::text(const std::string& key, const std::string& fallback, std::size_t bytes_max) {
  const std::string* value = find(key);
  if (value == nullptr) return fallback;
  if (value->size() <= bytes_max && value->find('\0') == std::string::npos) return *value;
  complaints_.push_back(key + " must be at most " + std::to_string(bytes_max) + " bytes, and hold no NUL");
  return fallback;
}

void Settings::require(bool holds, const std::string& complaint) {
  if (!holds) complaints_.push_back(complaint);
}

std::vector<std::string> Settings::complaints() const {
  std::vector<std::string> result = complaints_;
  for (const auto& [key, value] : pairs_) {
    if (asked_.count(key) == 0) result.push_back(key + " is no setting");
  }
  return result;
}

}  // namespace config
