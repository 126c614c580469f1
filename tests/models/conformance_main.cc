// The suite against daemons that run: conformance IAM_PORT OMS_PORT WORKFLOW_PORT, the rest from the environment (see
// conformance_test.sh). Exit 0: they conform; 1: what does not is on standard error.
#include <cstdlib>
#include <iostream>
#include <string>

#include "conformance.h"

int main(int argc, char** argv) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  if (argc != 4) {
    std::cerr << "usage: conformance IAM_PORT OMS_PORT WORKFLOW_PORT\n";
    return 2;
  }
  conformance::Town town;
  town.iam.port = std::stoi(argv[1]);
  town.oms.port = std::stoi(argv[2]);
  town.workflow.port = std::stoi(argv[3]);
  town.writer = variable("WRITER");
  town.reader = variable("READER");
  town.expired = variable("EXPIRED");
  town.admin = "root";
  town.admin_password = variable("ADMIN_PASSWORD");
  town.admin_totp_secret = variable("ADMIN_TOTP");
  const auto complaints = check_all(town);
  for (const std::string& complaint : complaints) std::cerr << complaint << "\n";
  if (complaints.empty()) std::cout << "conforms\n";
  return complaints.empty() ? 0 : 1;
}
