// Every way in which IAM can fail, once while the breaker is closed and once as its probe (catalogue S0-03, S0-39): each is one
// outcome, counted once, and answered with one status.

#include <arpa/inet.h>
#include <foreseed/faults.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "town.h"

using namespace scenarios;

namespace {

using services::IamStatus;

void write(int fd, const std::string& text) { send(fd, text.data(), text.size(), MSG_NOSIGNAL); }

/// The connection ends in a reset rather than in an end of stream.
void reset_at_close(int fd) {
  const linger none{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

std::string reply(int status, const std::string& body, std::size_t length) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
         std::to_string(length) + "\r\n\r\n" + body;
}
std::string reply(int status, const std::string& body) { return reply(status, body, body.size()); }

const std::string approval = R"({"active":true,"sub":"alice","scope":"orders:write","exp":4000000000})";

void read_request(int fd) {
  // The head and the body of httplib's request come in two pieces; the token's closing brace ends it.
  std::string request;
  char buffer[4096];
  while (request.find("\r\n\r\n") == std::string::npos || request.back() != '}') {
    const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
    if (count <= 0) return;
    request.append(buffer, static_cast<std::size_t>(count));
  }
}

void answer(int fd, const std::string& text) {
  read_request(fd);
  write(fd, text);
}

struct Case {
  const char* name;
  IamStatus status;             ///< what it must be
  int answered;                 ///< to the client of OMS
  void (*serve)(int fd);        ///< what IAM does with a connection
  void (*break_network)() = nullptr;
};

void approve(int fd) { answer(fd, reply(200, approval)); }
constexpr foreseed::FaultPlan::When for_a_while{0s, 10s};

const Case cases[] = {
    {"none", IamStatus::authorised, 201, approve},
    {"refused", IamStatus::connect_failed, 503, approve,
     [] { foreseed::FaultPlan().refuse({"oms"}, {"iam"}, for_a_while).start(); }},
    {"name_unknown", IamStatus::connect_failed, 503, approve,
     [] { foreseed::FaultPlan().unknown_name("iam", for_a_while).start(); }},
    {"black_hole", IamStatus::connect_timeout, 503, approve,
     [] { foreseed::FaultPlan().partition({"oms"}, {"iam"}, for_a_while).start(); }},
    {"replies_lost", IamStatus::timeout, 503,
     [](int fd) {
       read_request(fd);
       foreseed::FaultPlan().partition_one_way({"iam"}, {"oms"}, for_a_while).start();
       std::this_thread::sleep_for(1ms);
       write(fd, reply(200, approval));
     }},
    {"silent", IamStatus::timeout, 503,
     [](int fd) {
       read_request(fd);
       std::this_thread::sleep_for(10s);
     }},
    {"reset_before_request", IamStatus::connection_lost, 503,
     [](int fd) {
       std::this_thread::sleep_for(700us);  // the client, half a millisecond away, is connected; its request is under way
       reset_at_close(fd);
     }},
    {"reset_after_request", IamStatus::connection_lost, 503,
     [](int fd) {
       read_request(fd);
       reset_at_close(fd);
     }},
    {"reset_in_body", IamStatus::connection_lost, 503,
     [](int fd) {
       answer(fd, reply(200, approval.substr(0, 20), approval.size()));
       std::this_thread::sleep_for(100ms);
       reset_at_close(fd);
     }},
    {"dribbling_server", IamStatus::timeout, 503,
     [](int fd) {
       answer(fd, "HTTP/1.1 200 OK\r\nX-Slow: ");
       for (int i = 0; i < 100; ++i) {
         write(fd, "z");
         std::this_thread::sleep_for(100ms);
       }
     }},
    {"dribbling_link", IamStatus::timeout, 503, approve,
     [] { foreseed::FaultPlan().dribble({"oms"}, {"iam"}, for_a_while, 1).start(); }},
    {"truncated_body", IamStatus::connection_lost, 503,
     [](int fd) { answer(fd, reply(200, approval.substr(0, 20), approval.size())); }},
    {"length_too_large", IamStatus::connection_lost, 503, [](int fd) { answer(fd, reply(200, approval, 500)); }},
    {"length_too_small", IamStatus::malformed_response, 503, [](int fd) { answer(fd, reply(200, approval, 20)); }},
    {"no_http", IamStatus::connection_lost, 503, [](int fd) { answer(fd, "SSH-2.0-OpenSSH_9.2\r\n\r\n"); }},
    {"malformed_json", IamStatus::malformed_response, 503, [](int fd) { answer(fd, reply(200, "{\"active\":tru")); }},
    {"not_what_was_asked", IamStatus::malformed_response, 503, [](int fd) { answer(fd, reply(200, "{\"active\":true}")); }},
    {"server_error", IamStatus::server_error, 503, [](int fd) { answer(fd, reply(500, "{}")); }},
    {"unavailable", IamStatus::server_error, 503, [](int fd) { answer(fd, reply(503, "{}")); }},
    {"throttled", IamStatus::throttled, 503, [](int fd) { answer(fd, reply(429, "{}")); }},
    {"redirected", IamStatus::unexpected_status, 503, [](int fd) { answer(fd, reply(302, "{}")); }},
    {"token_refused", IamStatus::token_refused, 401, [](int fd) { answer(fd, reply(401, "{}")); }},
    {"scope_refused", IamStatus::scope_refused, 403, [](int fd) { answer(fd, reply(403, "{}")); }},
};

/// A certificate of nobody who takes part.
const char* const unrelated_authority = R"(-----BEGIN CERTIFICATE-----
MIIBODCB66ADAgECAhRosUP61aSD66M36/7566aMWAixeTAFBgMrZXAwETEPMA0G
A1UEAwwGbm9ib2R5MCAXDTI2MTEyMTEwNDM1MFoYDzIxMjYxMDI4MTA0MzUwWjAR
MQ8wDQYDVQQDDAZub2JvZHkwKjAFBgMrZXADIQDVpngvald6MG6EGTkrshAjn+Nr
Z+3ygiC9uP4bk/1l7KNTMFEwHQYDVR0OBBYEFK0IVKvAgMLI2UvU43EkDw0RZQCa
MB8GA1UdIwQYMBaAFK0IVKvAgMLI2UvU43EkDw0RZQCaMA8GA1UdEwEB/wQFMAMB
Af8wBQYDK2VwA0EAJJe9Hhw+4QiT9pdDM+QY0908mYzrqPc1gqqh9Z9DDl4AeHVx
1JCwm9gesTtCD7PiXlGmVoANj890jyXaWqJGCA==
-----END CERTIFICATE-----
)";

/// Where OMS speaks TLS, and IAM does not.
const Case tls_cases[] = {
    {"no_tls", IamStatus::tls_failed, 503, [](int fd) { write(fd, reply(400, "{}")); }},
    {"tls_reset", IamStatus::tls_failed, 503,
     [](int fd) {
       std::this_thread::sleep_for(700us);
       reset_at_close(fd);
     }},
    {"tls_silent", IamStatus::timeout, 503, [](int) { std::this_thread::sleep_for(10s); }},
};

/// IAM's place, taken by a server that does what the case says.
class Impostor {
 public:
  Impostor() : host_("iam", [this] { run(); }) {
    while (listener_ < 0) std::this_thread::sleep_for(1ms);
  }
  void act(const Case& one) { act_ = &one; }
  void stop() {
    shutdown(listener_, SHUT_RDWR);
    host_.join();
  }

 private:
  void run() {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(8081);
    FORESEED_CHECK(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    FORESEED_CHECK(listen(listener, 16) == 0);
    listener_ = listener;
    std::vector<std::thread> connections;
    for (int fd; (fd = accept(listener, nullptr, nullptr)) >= 0;) {
      connections.emplace_back([this, fd] {
        act_.load()->serve(fd);
        close(fd);
      });
    }
    for (std::thread& connection : connections) connection.join();
    close(listener);
  }

  std::atomic<const Case*> act_{&cases[0]};
  std::atomic<int> listener_{-1};
  foreseed::Host host_;  // last: it starts to run at once
};

/// One order under `one`: one call, of its status, counted once.
void expect(OmsHost& oms, Impostor& iam, const Case& one, const std::string& bearer) {
  const breaker::Metrics before = oms->breaker().metrics();
  const services::AuthCounters calls_before = oms->auth_counters();
  iam.act(one);
  if (one.break_network != nullptr) one.break_network();
  std::this_thread::sleep_for(1ms);
  const Answer answered = order(bearer);
  std::this_thread::sleep_for(20s);  // what comes late comes to nothing
  const breaker::Metrics after = oms->breaker().metrics();
  services::AuthCounters calls = oms->auth_counters();
  const auto status = static_cast<std::size_t>(one.status);
  const bool as_said = answered.status == one.answered && calls.iam[status] == calls_before.iam[status] + 1;
  if (!as_said) foreseed::fail(std::string(one.name) + " was answered with " + std::to_string(answered.status));
  --calls.iam[status];
  FORESEED_CHECK(calls.iam == calls_before.iam);
  const std::uint64_t ok = services::verdict_of(one.status) == services::IamVerdict::unavailable ? 0 : 1;
  FORESEED_CHECK(after.ok == before.ok + ok && after.fail == before.fail + 1 - ok);
  FORESEED_CHECK(after.ignored == before.ignored && after.slow == before.slow && after.stale == before.stale);
  FORESEED_CHECK(after.in_flight == 0 && after.misuse == 0 && after.abandoned == 0);
}

void run_matrix(OmsHost& oms, Impostor& iam, const Case& one, const std::string& bearer) {
  using breaker::Mode;
  const bool fails = services::verdict_of(one.status) == services::IamVerdict::unavailable;
  const auto mode = [&] { return oms->breaker().snapshot().mode; };
  oms->breaker().reset();
  expect(oms, iam, one, bearer);
  FORESEED_CHECK(mode() == (fails ? Mode::open : Mode::closed));
  oms->breaker().reset();
  auto admission = oms->breaker().acquire();
  std::get<breaker::Ticket>(admission).fail();
  FORESEED_CHECK(mode() == Mode::open);
  std::this_thread::sleep_for(6s);
  oms->breaker().tick();
  FORESEED_CHECK(mode() == Mode::half_open);
  expect(oms, iam, one, bearer);
  FORESEED_CHECK(mode() == (fails ? Mode::open : Mode::closed));
  FORESEED_CHECK(oms->breaker().snapshot().reopens == (fails ? 1 : 0));
}

services::OmsConfig strict_config() {
  services::OmsConfig config = oms_config();
  config.fallback = services::FallbackPolicy::deny;
  config.iam.idle_connections_max = 0;
  // One outcome decides.
  config.breaker.window_calls = config.breaker.min_calls = config.breaker.probe_successes = 1;
  config.breaker.open_wait_base = config.breaker.open_wait_cap = 5s;
  return config;
}

}  // namespace

FORESEED_SCENARIO(fault_matrix, "each failure of IAM and its network, closed and half-open, is one outcome counted once (S0-03, S0-51)") {
  Impostor iam;
  const std::string writer = token({"orders:write"}, 24h);
  services::OmsConfig config = strict_config();
  {
    OmsHost oms("oms", config);
    for (const Case& one : cases) run_matrix(oms, iam, one, writer);
    oms.stop();
  }
  config.iam.tls_ca_pem = unrelated_authority;
  {
    OmsHost oms("oms", config);
    for (const Case& one : tls_cases) run_matrix(oms, iam, one, writer);
    oms.stop();
  }
  iam.stop();
}
