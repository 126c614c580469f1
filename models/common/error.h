// The one closed list of what can go wrong between components (catalogue S0-38).
//
// Every failure that leaves a component is one of these, so a caller that handles an Error handles everything; none is
// thrown. An Error has exactly one name, one HTTP status and one answer to "may the same call be made again". What a
// program itself got wrong - a configuration out of range - is a std::invalid_argument at construction, before anything
// runs. Values; any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <variant>

namespace common {

enum class Error : std::uint8_t {
  invalid_argument = 1,  ///< the request itself is wrong, and will stay wrong
  unauthenticated,       ///< who is calling is not known
  forbidden,             ///< known, and not allowed
  not_found,
  conflict,     ///< somebody else changed it first
  locked,       ///< a lock that others hold forbids it for now
  lease_lost,   ///< the lease this call relied on is no longer held
  stale_token,  ///< a newer fencing token has been seen
  deadlock,     ///< waiting would close a cycle of waits
  rate_limited,
  circuit_open,
  overloaded,        ///< a bound of this process is reached: queue, table, permits
  budget_exhausted,  ///< a further attempt would exceed the retry budget
  pool_timeout,      ///< no connection became free in time
  deadline_exceeded,
  cancelled,    ///< the caller's stop token
  closed,       ///< shut down, or being shut down
  unavailable,  ///< a dependency does not answer, or not sensibly
  internal,     ///< an exception from a caller's own function, or a broken record
};

inline constexpr int error_count = static_cast<int>(Error::internal);

struct ErrorTraits {
  std::string_view name;
  int http_status;
  bool retryable;  ///< the same call may succeed later, as far as the error itself tells
};

/// Total: a value outside the enumeration reads as `internal`.
const ErrorTraits& traits(Error error);

inline std::string_view to_string(Error error) { return traits(error).name; }

/// The category whose codes are all of the above, and nothing else.
const std::error_category& category();
inline std::error_code make_error_code(Error error) { return {static_cast<int>(error), category()}; }

template <class T>
using Result = std::variant<T, Error>;

}  // namespace common

template <>
struct std::is_error_code_enum<common::Error> : std::true_type {};
