// Debian's compiled libcpp-httplib, unmodified: server with its thread pool, clients, keep-alive, timeouts.

#include <gtest/gtest.h>

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "http_pair.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

TEST(Http, server_and_four_clients) {
  const auto finding = first_finding(http_pair, 300);
  EXPECT_FALSE(finding.has_value()) << finding->message;
}

void one_connection_many_requests() {
  HttpServer server([](httplib::Server& http) {
    http.Get("/n", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(std::to_string(request.remote_port), "text/plain");
    });
  });
  httplib::Client client("web", 8080);
  client.set_keep_alive(true);
  std::string port;
  for (int i = 0; i < 3; ++i) {
    const auto result = client.Get("/n");
    FORESEED_CHECK(result && result->status == 200);
    FORESEED_CHECK(port.empty() || result->body == port);
    port = result->body;
  }
  client.stop();
  server.stop();
}

void server_that_is_too_slow() {
  HttpServer server([](httplib::Server& http) {
    http.Get("/slow", [](const httplib::Request&, httplib::Response& response) {
      std::this_thread::sleep_for(10s);
      response.set_content("at last", "text/plain");
    });
  });
  httplib::Client client("web", 8080);
  client.set_read_timeout(2s);
  const auto start = std::chrono::steady_clock::now();
  const auto result = client.Get("/slow");
  FORESEED_CHECK(!result && result.error() == httplib::Error::Read);
  const auto took = std::chrono::steady_clock::now() - start;
  FORESEED_CHECK(took >= 2s && took < 3s);
  server.stop();
}

void nobody_listens() {
  foreseed::link("client", "web", 1ms);
  httplib::Client client("web", 81);
  const auto result = client.Get("/");
  FORESEED_CHECK(!result && result.error() == httplib::Error::Connection);
}

TEST(Http, keep_alive_uses_one_connection) {
  const auto finding = first_finding(one_connection_many_requests, 100);
  EXPECT_FALSE(finding.has_value()) << finding->message;
}
TEST(Http, a_read_timeout_is_virtual_time) {
  const auto finding = first_finding(server_that_is_too_slow, 100);
  EXPECT_FALSE(finding.has_value()) << finding->message;
}
TEST(Http, refused) {
  const auto finding = first_finding(nobody_listens, 100);
  EXPECT_FALSE(finding.has_value()) << finding->message;
}

}  // namespace
}  // namespace foreseed::testing
