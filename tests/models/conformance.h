// What IAM, OMS and the workflow answer, request by request: one suite for the daemons on loopback, for the daemons under
// ThreadSanitizer, and for the same sources in simulation.
//
// It knows the services by their HTTP alone: no header of theirs, its own TOTP. It needs services that nobody has used
// yet, and takes a few seconds at most. Any thread, one at a time for one town.
#pragma once

#include <string>
#include <vector>

namespace conformance {

struct Target {
  std::string host = "127.0.0.1";
  int port = 0;
};

struct Town {
  Target iam;
  Target oms;       ///< asks that IAM
  Target workflow;  ///< with a first administrator
  // Tokens of IAM's for the subject alice.
  std::string writer;   ///< scopes orders:read orders:write
  std::string reader;   ///< scope orders:read
  std::string expired;  ///< as writer
  std::string admin;
  std::string admin_password;
  std::string admin_totp_secret;  ///< bytes
};

/// What was not as it must be, a line each; nothing: they conform.
std::vector<std::string> check_iam(const Town& town);
std::vector<std::string> check_oms(const Town& town);
std::vector<std::string> check_workflow(const Town& town);
std::vector<std::string> check_all(const Town& town);

}  // namespace conformance
