#include "properties/endpoints.h"

namespace properties {

FORESEED_PROPERTY(endpoints, "whatever strangers send ends in a typed error, and the services go on",
                  (up_to(5, bad_requests())), const std::vector<BadRequest>& requests) {
  check_endpoints<scenarios::Town>(requests);
}

}  // namespace properties
