// The suite that the daemons pass on loopback, in simulation: see tests/models/conformance.h.

#include "../../tests/models/conformance.h"

#include "../workflow/office.h"

FORESEED_SCENARIO(conformance, "IAM, OMS and the workflow answer request by request as their daemons do (CONF, S4-26)") {
  services::OmsConfig oms_config = scenarios::oms_config();
  oms_config.breaker = {};
  scenarios::Town services(oms_config);
  store::MemoryStore store;
  const auto passwords = workflow::pbkdf2(1000);
  const office::Settings settings{office::workflow_config(), &store, passwords.get()};
  office::WorkflowHost workflow("workflow", settings);

  conformance::Town town;
  town.iam = {"iam", 8081};
  town.oms = {"oms", 8080};
  town.workflow = {"workflow", 8083};
  town.writer = scenarios::token({"orders:read", "orders:write"}, std::chrono::hours(1));
  town.reader = scenarios::token({"orders:read"}, std::chrono::hours(1));
  town.expired = scenarios::token({"orders:read", "orders:write"}, std::chrono::seconds(-10));
  town.admin = "root";
  town.admin_password = office::password;
  town.admin_totp_secret = office::totp_secret;
  for (const std::string& complaint : conformance::check_all(town)) foreseed::fail(complaint);
  services.stop();
  workflow.stop();
}
