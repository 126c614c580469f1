// More than OMS and IAM can do: the load that returns when the breaker closes, what is shed first, and ten thousand orders
// at once (catalogue S0-18, S0-54, S1-20).

#include <foreseed/faults.h>

#include <atomic>
#include <optional>
#include <vector>

#include "stub_server.h"
#include "town.h"

using namespace scenarios;

namespace {

/// IAM with a capacity: a front that works on so many requests at once, each for so long, before it asks the real IAM. What
/// waits, it keeps, and it works for callers who have given up too: the dependency that stays down under load.
class Front {
 public:
  static constexpr int at_once = 4;
  static constexpr auto work = 200ms;
  static constexpr double per_second = at_once * (1s / work);

  void stop() { server_.stop(); }

 private:
  static void serve(const httplib::Request& request, httplib::Response& response) {
    std::this_thread::sleep_for(work);
    const auto answer = httplib::Client("iam", 8081).Post("/validate", request.body, "application/json");
    response.status = answer ? answer->status : 502;
    if (answer) response.set_content(answer->body, "application/json");
  }

  StubServer server_{"front", 8082, at_once, [](httplib::Server& server) { server.Post("/validate", serve); }};
};

/// Callers who order again and again, about once a second, twice what the front can do, and do not wait for long.
class Callers {
 public:
  explicit Callers(const std::string& bearer) {
    for (int i = 0; i < 40; ++i) {
      threads_.emplace_back([this, bearer] {
        while (!stopping_) {
          std::this_thread::sleep_for(500ms + std::chrono::milliseconds(foreseed::choose(1000)));
          const Answer answer = try_order(bearer, 2s);
          placed_ += answer.status == 201;
        }
      });
    }
  }
  /// Orders placed in a second of the next ten.
  double goodput() {
    const int before = placed_;
    std::this_thread::sleep_for(10s);
    return (placed_ - before) / 10.0;
  }
  int placed() const { return placed_; }
  void stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> stopping_{false};
  std::atomic<int> placed_{0};
  std::vector<std::thread> threads_;
};

services::OmsConfig behind_front() {
  services::OmsConfig config = oms_config();
  config.http.worker_threads = 32;
  config.iam.host = "front";
  config.iam.port = 8082;
  config.iam.connect_timeout = config.iam.read_timeout = 600ms;
  config.iam.idle_connections_max = 0;  // each would hold one of the front's workers
  config.fallback = services::FallbackPolicy::deny;
  config.breaker.window_calls = config.breaker.min_calls = 20;
  config.breaker.probe_successes = 3;
  config.breaker.open_wait_base = config.breaker.open_wait_cap = 5s;
  config.in_flight_max = 2 * Front::at_once;
  return config;
}

/// An outage of 20 s under twice the load that can be served; then the breaker closes, and all of it returns.
void outage_under_load(services::OmsConfig config) {
  std::atomic<int> closings{0};
  config.on_breaker_event = [&](const breaker::Event& event) { closings += event.to == breaker::Mode::closed; };
  Town town(config);
  Front front;
  foreseed::link("oms", "front", 1ms);
  Callers callers(token({"orders:write"}, 1h));
  std::this_thread::sleep_for(5s);
  foreseed::FaultPlan().partition({"oms"}, {"front"}, {.at = 0s, .until = 20s}).start();
  std::this_thread::sleep_for(19s);
  FORESEED_CHECK(town.oms->breaker().snapshot().mode != breaker::Mode::closed);
  const std::uint64_t before = foreseed::usage("oms").heap_bytes;
  closings = 0;
  while (closings == 0) std::this_thread::sleep_for(10ms);

  double goodput = 0;
  for (int i = 0; i < 6 && goodput < 0.9 * Front::per_second; ++i) goodput = callers.goodput();
  foreseed::note("goodput " + std::to_string(goodput) + " orders a second of " + std::to_string(Front::per_second));
  FORESEED_CHECK(goodput >= 0.9 * Front::per_second);
  FORESEED_CHECK(town.oms->bulkhead_counters().in_flight_peak <= config.in_flight_max);
  // An order is kept in less than 1 kB, and no connection in more than 20.
  FORESEED_CHECK(foreseed::usage("oms").heap_bytes < before + 1000 * town.oms->orders().size() + 40 * 20'000);
  callers.stop();
  FORESEED_CHECK(town.oms->orders().size() >= static_cast<std::size_t>(callers.placed()));
  front.stop();
  town.stop();
}

}  // namespace

FORESEED_SCENARIO(early_close_cascade, "after an outage all load returns at once: nine tenths of capacity within 60 s (S0-18)") {
  outage_under_load(behind_front());
}

FORESEED_SCENARIO(early_close_cascade_bad, "the same, closing on one success and without a bulkhead: it stays down (fails)") {
  services::OmsConfig config = behind_front();
  config.breaker.probe_successes = 1;
  config.http.worker_threads = 100;
  config.in_flight_max = 100;
  outage_under_load(config);
}

namespace {

/// Orders beyond what can be done are refused; who looks after the service is answered at once all the while.
void health_under_load(const services::OmsConfig& config) {
  Town town(config);
  Front front;
  foreseed::link("oms", "front", 1ms);
  Callers callers(token({"orders:write"}, 1h));
  for (int look = 0; look < 100; ++look) {
    std::this_thread::sleep_for(100ms);
    const auto start = std::chrono::steady_clock::now();
    httplib::Client client("oms", 8080);
    client.set_read_timeout(10s);
    const auto result = client.Get(look % 2 == 0 ? "/health" : "/metrics");
    FORESEED_CHECK(result && result->status == 200);
    FORESEED_CHECK(std::chrono::steady_clock::now() - start < 50ms);
  }
  const services::BulkheadCounters load = town.oms->bulkhead_counters();
  FORESEED_CHECK(load.refused > 0 && load.in_flight_peak == config.in_flight_max);
  callers.stop();
  front.stop();
  town.stop();
}

}  // namespace

FORESEED_SCENARIO(orders_shed_first, "twice the load that can be served: orders are refused, health and metrics are not kept waiting (S1-20)") {
  health_under_load(behind_front());
}

FORESEED_SCENARIO(orders_shed_first_bad, "the same with a worker for each order and none besides: who looks waits behind the orders (fails)") {
  services::OmsConfig config = behind_front();
  config.http.worker_threads = config.in_flight_max;
  health_under_load(config);
}

namespace {

void orders_at_once(int orders) {
  services::OmsConfig config = oms_config();
  config.http.worker_threads = 128;
  config.in_flight_max = 64;
  config.breaker.window_calls = config.breaker.min_calls = 100;
  Town town(config);
  const std::string writer = token({"orders:write"}, 1h);
  std::atomic<int> placed{0};
  std::atomic<int> refused{0};
  {
    std::vector<std::thread> clients;
    clients.reserve(static_cast<std::size_t>(orders));
    for (int i = 0; i < orders; ++i) {
      clients.emplace_back([&, i] {
        const Answer answer = try_order(writer, 10min, "order-" + std::to_string(i));
        FORESEED_CHECK(answer.status == 201 || answer.status == 503);
        ++(answer.status == 201 ? placed : refused);
      });
    }
    for (std::thread& client : clients) client.join();
  }
  const services::BulkheadCounters load = town.oms->bulkhead_counters();
  foreseed::note("placed " + std::to_string(placed) + ", refused " + std::to_string(refused) + ", heap of OMS " +
                 std::to_string(foreseed::usage("oms").heap_bytes));
  FORESEED_CHECK(placed + refused == orders && placed >= 64);
  FORESEED_CHECK(load.entered == static_cast<std::uint64_t>(placed) && load.refused == static_cast<std::uint64_t>(refused));
  FORESEED_CHECK(load.in_flight == 0 && load.in_flight_peak <= config.in_flight_max);
  FORESEED_CHECK(town.oms->orders().size() == static_cast<std::size_t>(placed));
  FORESEED_CHECK(town.oms->breaker().metrics().in_flight == 0);
  FORESEED_CHECK(foreseed::usage("oms").heap_bytes < 1000 * town.oms->orders().size() + 1'000'000);
  town.stop();
}

}  // namespace

FORESEED_SCENARIO(soak_1k, "a thousand orders at once: each placed or refused as too many, none lost or doubled (S0-54)") {
  orders_at_once(1'000);
}

FORESEED_SCENARIO(soak_10k, "ten thousand orders at once, the same (S0-40, S0-54)") { orders_at_once(10'000); }
