#include "workflow/types.h"

#include <algorithm>
#include <array>

namespace workflow {
namespace {

constexpr std::array<std::string_view, 4> role_names{"viewer", "analyst", "supervisor", "admin"};
constexpr std::array<std::string_view, 3> state_names{"pending", "escalated", "decided"};
constexpr std::array<std::string_view, 2> verdict_names{"approve", "reject"};

template <class Enum, std::size_t n>
std::string_view name_of(const std::array<std::string_view, n>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  return index < n ? names[index] : "?";
}

template <class Enum, std::size_t n>
std::optional<Enum> value_of(const std::array<std::string_view, n>& names, std::string_view text) {
  const auto at = std::find(names.begin(), names.end(), text);
  if (at == names.end()) return std::nullopt;
  return static_cast<Enum>(at - names.begin());
}

}  // namespace

bool allows(Role role, Permission permission) {
  switch (permission) {
    case Permission::read: return role <= Role::admin;
    case Permission::submit:
    case Permission::decide:
    case Permission::escalate: return role == Role::analyst || role == Role::supervisor;
    case Permission::decide_escalated: return role == Role::supervisor;
    case Permission::administer: return role == Role::admin;
  }
  return false;
}

std::string_view to_string(Role role) { return name_of(role_names, role); }
std::string_view to_string(DecisionState state) { return name_of(state_names, state); }
std::string_view to_string(Verdict verdict) { return name_of(verdict_names, verdict); }
std::optional<Role> parse_role(std::string_view text) { return value_of<Role>(role_names, text); }
std::optional<Verdict> parse_verdict(std::string_view text) { return value_of<Verdict>(verdict_names, text); }

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > name_bytes_max || text.front() == '.') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

}  // namespace workflow
