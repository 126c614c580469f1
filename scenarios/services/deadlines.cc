// Callers who give up: IAM does not work for them (catalogue SV4).

#include <algorithm>
#include <vector>

#include "identity.h"
#include "services/time_left.h"
#include "town.h"

using namespace scenarios;

namespace {

using Clock = std::chrono::steady_clock;

/// A question to IAM whose body follows the head after `pause`: until then a worker is held.
int ask_slowly(const std::string& bearer, std::chrono::milliseconds pause, const httplib::Headers& headers = {}) {
  const std::string body = R"({"token":")" + bearer + R"(","scope":"orders:write"})";
  httplib::Client client("iam", 8081);
  client.set_read_timeout(1min);
  const auto send_body = [&](std::size_t, std::size_t, httplib::DataSink& sink) {
    std::this_thread::sleep_for(pause);
    return sink.write(body.data(), body.size());
  };
  const auto result = client.Post("/validate", headers, body.size(), send_body, "application/json");
  FORESEED_CHECK(result);
  return result->status;
}

template <typename T, std::size_t N>
T draw(const T (&values)[N]) {
  return values[foreseed::choose(N)];
}

}  // namespace

FORESEED_SCENARIO(caller_gave_up, "callers of IAM who wait in a queue, on slow links, with slow bodies: whoever gave up gets no work, who waits gets all (SV4)") {
  services::IamConfig config = iam_config();
  config.http.worker_threads = 2;
  IamHost iam("iam", config);
  const auto delay = draw({1ms, 50ms, 200ms});
  foreseed::link("client", "iam", delay);
  const std::string writer = token({"orders:write"}, 1h);
  const auto slack = 1ms;

  std::atomic<std::uint64_t> served{0}, refused{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&] {
      std::this_thread::sleep_for(draw({0ms, 1ms, 100ms, 300ms}));
      const auto pause = draw({0ms, 0ms, 300ms, 900ms});
      const auto patience = draw({0ms, 50ms, 400ms, 1000ms, 10'000ms});
      const bool tells = foreseed::choose(4) > 0;
      httplib::Headers headers;
      if (tells) headers.emplace(services::time_left_header, std::to_string(patience.count()));
      const auto sent = Clock::now() + 2 * delay;  // connecting takes a round trip
      const int status = ask_slowly(writer, pause, headers);
      const auto decided = Clock::now() - delay;  // on the way back
      ++(status == 200 ? served : refused);
      if (status == 200) {
        // Work began no later than the way to IAM, which it cannot know of, after the caller gave up.
        if (tells) FORESEED_CHECK(decided <= sent + patience + delay + slack);
        return;
      }
      // Who still waits is not refused: not earlier than the connection, which is made half a round trip before the request.
      FORESEED_CHECK(status == 504 && tells && decided >= sent - delay + patience);
    });
  }
  for (std::thread& caller : callers) caller.join();
  // What IAM worked at is what was answered, all of it.
  const services::IamCounters counters = iam->counters();
  FORESEED_CHECK(counters.active == served && counters.deadline_exceeded == refused);
  FORESEED_CHECK(counters.invalid_request + counters.invalid_token + counters.insufficient_scope == 0);
  iam.stop();
}

FORESEED_SCENARIO(orders_gave_up, "OMS gives up on an IAM whose one worker is busy: its orders are judged locally, and IAM does nothing for them later (SV4)") {
  services::IamConfig iam_settings = iam_config();
  iam_settings.http.worker_threads = 1;
  services::OmsConfig oms_settings = oms_config();
  oms_settings.iam.idle_connections_max = 0;  // one that is kept would hold the worker
  oms_settings.iam.read_timeout = 300ms;      // the first to end of what OMS waits for
  oms_settings.breaker.window_calls = oms_settings.breaker.min_calls = 100;
  Town town(oms_settings, iam_settings);
  foreseed::link("oms", "iam", draw({2ms, 100ms}));
  const auto held = draw({0ms, 150ms, 600ms, 1500ms});
  const std::string writer = token({"orders:write"}, 1h);
  std::thread holder([&] { FORESEED_CHECK(ask_slowly(writer, held) == 200); });
  std::this_thread::sleep_for(10ms);

  const bool too_long = held > 500ms;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      const Answer answer = order(writer);
      FORESEED_CHECK(answer.status == 201 && answer.path == (too_long ? "local" : "remote"));
    });
  }
  for (std::thread& client : clients) client.join();
  holder.join();
  std::this_thread::sleep_for(20s);
  const services::IamCounters counters = town.iam->counters();
  FORESEED_CHECK(counters.active == (too_long ? 1U : 5U));
  FORESEED_CHECK(counters.deadline_exceeded == (too_long ? 4U : 0U));
  town.stop();
}

FORESEED_SCENARIO(patience_behind_tls, "behind TLS nothing is sent before there is a worker: that wait is the connection's, not the request's (SV4)") {
  services::IamConfig iam_settings = iam_config();
  const auto today = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  iam_settings.http.tls = identity_of("iam", today - 24h, today + 24h);
  iam_settings.http.worker_threads = 1;
  IamHost iam("iam", iam_settings);
  foreseed::link("client", "iam", 1ms);
  services::HttpClientConfig config;
  config.host = "iam";
  config.port = 8081;
  config.tls_ca_pem = iam_settings.http.tls->certificate_pem;
  config.read_timeout = config.request_deadline = 1200ms;
  services::IamClient first(config), second(config);
  const std::string writer = token({"orders:write"}, 1h);
  // The first keeps its connection, and with it the worker until that has been idle for a second; then 200 ms are left.
  FORESEED_CHECK(first.validate(writer, {"orders:write"}).status == services::IamStatus::authorised);
  FORESEED_CHECK(second.validate(writer, {"orders:write"}).status == services::IamStatus::authorised);
  FORESEED_CHECK(iam->counters().deadline_exceeded == 0);
  iam.stop();
}
