#include "properties/workflow_endpoints.h"

namespace properties {

FORESEED_PROPERTY(workflow_endpoints, "whatever is sent to the workflow ends in a typed error or an event that can be read back",
                  (up_to(5, workflow_requests())), const std::vector<WorkflowRequest>& requests) {
  check_workflow_endpoints<store::MemoryStore>(requests);
}

}  // namespace properties
