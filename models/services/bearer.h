// The token of a request's "Authorization: Bearer <token>" (RFC 6750, section 2.1; the scheme in any case).
// Stateless; any thread.
#pragma once

#include <optional>
#include <string>

namespace httplib {
struct Request;
}

namespace services {

/// Nothing where there is no such header, another scheme, or more than one header.
std::optional<std::string> bearer_token(const httplib::Request& request);

}  // namespace services
