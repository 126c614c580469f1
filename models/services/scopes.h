// Scopes: the set of things a token allows (RFC 6749, section 3.3).
// Plain values; any thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace services {

using Scopes = std::set<std::string, std::less<>>;

/// At most this many scopes in one list.
inline constexpr std::size_t scopes_max = 64;
inline constexpr std::size_t scope_bytes_max = 128;

/// One scope token: 1 .. scope_bytes_max of %x21, %x23-5B, %x5D-7E.
bool is_scope(std::string_view text);

/// Scopes separated by single spaces. The empty string is the empty set; duplicates count once.
/// Nothing where the text is not of that form.
std::optional<Scopes> parse_scopes(std::string_view text);

std::string join(const Scopes& scopes);

bool includes(const Scopes& granted, const Scopes& required);

}  // namespace services
