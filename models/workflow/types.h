// The vocabulary of the decision workflow. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"
#include "common/time.h"

namespace workflow {

using common::Duration;
using common::Error;
using common::MonoTime;
using common::Result;
using common::WallTime;

inline constexpr std::size_t name_bytes_max = 64;
inline constexpr std::size_t title_bytes_max = 200;
inline constexpr std::size_t key_bytes_max = 128;  ///< of idempotency keys and request ids

/// Who asked for what is being done, handed on by value to whatever continues it: an event of the journal, a task in
/// the background. There is no "current request" anywhere, so none can be lost or mixed up (catalogue S2-01, S2-08).
struct RequestContext {
  std::string request_id;
  std::string principal;  ///< a user's name, or one of the service's own below
  std::string peer;       ///< the caller's address, or "local"
  bool operator==(const RequestContext&) const = default;
};

// No user has such a name: is_name() refuses it.
inline constexpr std::string_view principal_nobody = "@nobody";  ///< before anybody is known: registration
inline constexpr std::string_view principal_timer = "@timer";
inline constexpr std::string_view principal_setup = "@setup";

enum class Role : std::uint8_t { viewer, analyst, supervisor, admin };

enum class Permission : std::uint8_t {
  read,             ///< decisions and statistics
  submit,
  decide,           ///< what is pending
  decide_escalated,
  escalate,
  administer,       ///< users, and reading the audit
};

/// The role matrix. Total, and false for whatever is not named in it (default deny).
bool allows(Role role, Permission permission);

enum class DecisionState : std::uint8_t { pending, escalated, decided };
enum class Verdict : std::uint8_t { approve, reject };

std::string_view to_string(Role role);
std::string_view to_string(DecisionState state);
std::string_view to_string(Verdict verdict);
std::optional<Role> parse_role(std::string_view text);
std::optional<Verdict> parse_verdict(std::string_view text);

/// 1 .. name_bytes_max of a-z 0-9 . _ -, not first a dot: one spelling for each user, nothing to normalise (S0-28).
bool is_name(std::string_view text);

/// What is kept of a password and of the second factor's secret.
struct Credentials {
  std::string password;     ///< as a PasswordScheme wrote it
  std::string totp_secret;  ///< bytes
  bool operator==(const Credentials&) const = default;
};

struct User {
  std::string name;
  Role role = Role::viewer;
  bool active = true;
  Credentials credentials;
  std::int64_t totp_step = -1;  ///< of the last code that was used; it and all before are spent
};

struct Decision {
  std::uint64_t id = 0;
  std::string title;
  std::string owner;
  DecisionState state = DecisionState::pending;
  std::optional<Verdict> verdict;  ///< set iff decided
  std::string decided_by;
  std::string request_id;           ///< of the submission: what its escalation is a consequence of
  std::int64_t submitted_at_ms = 0;  ///< wall time since 1970
};

}  // namespace workflow
