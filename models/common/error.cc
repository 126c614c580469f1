#include "common/error.h"

#include <array>
#include <string>

namespace common {
namespace {

// In the order of the enumeration.
constexpr std::array<ErrorTraits, error_count> table{{
    {"invalid_argument", 400, false}, {"unauthenticated", 401, false}, {"forbidden", 403, false},
    {"not_found", 404, false},        {"conflict", 409, true},         {"locked", 423, true},
    {"lease_lost", 409, false},       {"stale_token", 409, false},     {"deadlock", 409, true},
    {"rate_limited", 429, true},      {"circuit_open", 503, false},    {"overloaded", 503, true},
    {"budget_exhausted", 503, false}, {"pool_timeout", 503, true},     {"deadline_exceeded", 504, false},
    {"cancelled", 499, false},        {"closed", 503, false},          {"unavailable", 503, true},
    {"internal", 500, false},
}};

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "resilience"; }
  std::string message(int value) const override { return std::string(traits(static_cast<Error>(value)).name); }
};

}  // namespace

const ErrorTraits& traits(Error error) {
  const auto index = static_cast<std::size_t>(error) - 1;
  return index < table.size() ? table[index] : table.back();
}

const std::error_category& category() {
  static const Category instance;
  return instance;
}

}  // namespace common
