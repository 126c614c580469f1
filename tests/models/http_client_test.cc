// The fault matrix of S0-03 against real sockets: each way in which IAM can misbehave is one
// status, and no call outlasts its deadline for ever.
#include "services/http_client.h"

#include <gtest/gtest.h>

#include "scripted_server.h"
#include "services/iam_client.h"

namespace services {
namespace {

using std::chrono::milliseconds;

HttpClientConfig client_config(int port) {
  HttpClientConfig config;
  config.port = port;
  config.read_timeout = milliseconds(150);
  config.request_deadline = milliseconds(300);
  config.response_bytes_max = 4096;
  return config;
}

/// What IamClient makes of a server that sends `reply` and closes.
IamStatus status_for(const std::string& reply) {
  ScriptedServer server([&](int socket) { ScriptedServer::write(socket, reply); });
  IamClient client(client_config(server.port()));
  return client.validate("a.b.c", {"orders:write"}).status;
}

std::string http(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

const std::string approval =
    R"({"active":true,"sub":"alice","scope":"orders:write","exp":1700000000})";

TEST(IamClient, ApprovalIsRead) {
  ScriptedServer server([&](int socket) { ScriptedServer::write(socket, http(200, approval)); });
  IamClient client(client_config(server.port()));
  const IamResult result = client.validate("a.b.c", {"orders:write"});
  ASSERT_EQ(result.status, IamStatus::authorised);
  EXPECT_EQ(result.principal->subject, "alice");
  EXPECT_EQ(result.principal->expires_at, 1700000000);
}

TEST(IamClient, StatusCodesAreClassified) {
  EXPECT_EQ(status_for(http(401, "{}")), IamStatus::token_refused);
  EXPECT_EQ(status_for(http(403, "{}")), IamStatus::scope_refused);
  EXPECT_EQ(status_for(http(429, "{}")), IamStatus::throttled);
  EXPECT_EQ(status_for(http(500, "{}")), IamStatus::server_error);
  EXPECT_EQ(status_for(http(503, "")), IamStatus::server_error);
  EXPECT_EQ(status_for(http(400, "{}")), IamStatus::unexpected_status);
  EXPECT_EQ(status_for(http(302, "{}")), IamStatus::unexpected_status);
  EXPECT_EQ(status_for(http(201, approval)), IamStatus::unexpected_status);
}

TEST(IamClient, AnswersThatAreNoAnswersAreMalformed) {
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string("{}"),
        std::string(4097, ' '),
        std::string(R"({"active":false,"sub":"a","scope":"orders:write","exp":1})"),
        std::string(R"({"active":1,"sub":"a","scope":"orders:write","exp":1})"),
        std::string(R"({"active":true,"sub":"","scope":"orders:write","exp":1})"),
        std::string(R"({"active":true,"sub":"a","scope":"orders:read","exp":1})"),
        std::string(R"({"active":true,"sub":"a","scope":"orders:write"})"),
        std::string(R"({"active":true,"sub":"a","scope":["orders:write"],"exp":1})")}) {
    EXPECT_EQ(status_for(http(200, body)), IamStatus::malformed_response) << body.substr(0, 80);
  }
}

TEST(IamClient, BrokenTransportIsUnavailable) {
  EXPECT_EQ(status_for(""), IamStatus::connection_lost);
  EXPECT_EQ(status_for("HTTP/1.1 200 OK\r\nContent-Le"), IamStatus::connection_lost);
  EXPECT_EQ(status_for("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + approval),
            IamStatus::connection_lost);
  EXPECT_EQ(status_for("SSH-2.0-OpenSSH_9.2\r\n\r\n"), IamStatus::connection_lost);
}

TEST(IamClient, RefusedConnection) {
  int port = 0;
  {
    ScriptedServer gone([](int) {});
    port = gone.port();
  }
  IamClient client(client_config(port));
  EXPECT_EQ(client.validate("a.b.c", {"x"}).status, IamStatus::connect_failed);
}

TEST(IamClient, SilenceIsATimeout) {
  ScriptedServer server([&](int socket) {
    char c = 0;
    while (::recv(socket, &c, 1, 0) == 1) {  // until the client gives up
    }
  });
  IamClient client(client_config(server.port()));
  EXPECT_EQ(client.validate("a.b.c", {"x"}).status, IamStatus::timeout);
}

TEST(IamClient, DribbleEndsAtTheDeadline) {
  // Each byte comes well within the read timeout; all of them would take for ever.
  ScriptedServer* self = nullptr;
  std::atomic<bool> client_done{false};
  ScriptedServer server([&](int socket) {
    ScriptedServer::write(socket, "HTTP/1.1 200 OK\r\nX-Slow: ");
    while (!client_done && !self->stopping()) {
      ScriptedServer::write(socket, "z");
      std::this_thread::sleep_for(milliseconds(20));
    }
  });
  self = &server;
  IamClient client(client_config(server.port()));
  EXPECT_EQ(client.validate("a.b.c", {"x"}).status, IamStatus::timeout);
  client_done = true;
}

TEST(IamClient, EveryStatusHasItsVerdict) {  // S0-38
  EXPECT_EQ(verdict_of(IamStatus::authorised), IamVerdict::authorised);
  EXPECT_EQ(verdict_of(IamStatus::token_refused), IamVerdict::denied);
  EXPECT_EQ(verdict_of(IamStatus::scope_refused), IamVerdict::denied);
  for (int i = static_cast<int>(IamStatus::connect_failed); i < iam_status_count; ++i) {
    EXPECT_EQ(verdict_of(static_cast<IamStatus>(i)), IamVerdict::unavailable);
    EXPECT_NE(to_string(static_cast<IamStatus>(i)), "invalid");
  }
}

TEST(HttpClient, UnknownNameIsAFailedConnection) {
  auto config = client_config(80);
  config.host = "no-such-host.invalid";
  HttpClient client(config);
  const auto result = client.post_json("/", "{}");
  EXPECT_EQ(std::get<HttpFailure>(result), HttpFailure::connect_failed);
}

TEST(HttpClient, ConfigErrorsNameTheField) {
  HttpClientConfig config;
  EXPECT_THROW(HttpClient{config}, std::invalid_argument);  // port 0
  config = client_config(1);
  config.host.clear();
  EXPECT_THROW(HttpClient{config}, std::invalid_argument);
  config = client_config(1);
  config.read_timeout = milliseconds(0);
  EXPECT_THROW(HttpClient{config}, std::invalid_argument);
}

}  // namespace
}  // namespace services
