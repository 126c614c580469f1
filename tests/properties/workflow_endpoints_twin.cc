// The known-bad twin of the property of the workflow's endpoints: a database whose troubles are exceptions that nobody expects.

#include "properties/workflow_endpoints.h"

namespace properties {

namespace {

struct ThrowingStore final : store::VersionedStore {
  common::Result<store::Record> get(const std::string& key) override { return inner.get(key); }
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override {
    // Room for two users and their logins.
    if (++puts > 4) throw std::runtime_error("the disk is full");
    return inner.put(key, expected, value);
  }
  store::MemoryStore inner;
  std::atomic<int> puts{0};
};

}  // namespace

FORESEED_PROPERTY(workflow_endpoints, "its database throws", (up_to(5, workflow_requests())), const std::vector<WorkflowRequest>& requests) {
  check_workflow_endpoints<ThrowingStore>(requests);
}

}  // namespace properties
