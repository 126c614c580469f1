// A rate limit that two processes share over a store on a third host (catalogue RL12, S0-08, S2-05, S3-10).

#include <foreseed/faults.h>

#include <atomic>
#include <deque>
#include <nlohmann/json.hpp>

#include "shared_limiter/shared_limiter.h"
#include "stub_server.h"
#include "town.h"

using namespace scenarios;

namespace {

using nlohmann::json;

/// A store that others reach over the network. Its time is its host's.
class StoreHost {
 public:
  void stop() { server_.stop(); }

 private:
  void get(const httplib::Request& request, httplib::Response& response) {
    const auto record = std::get<store::Record>(store_.get(json::parse(request.body)["key"]));
    const json answer = {{"version", record.version}, {"value", record.value}, {"at", record.at.time_since_epoch().count()}};
    response.set_content(answer.dump(), "application/json");
  }
  void put(const httplib::Request& request, httplib::Response& response) {
    const json body = json::parse(request.body);
    const auto written = store_.put(body["key"], body["expected"], body["value"]);
    const auto* version = std::get_if<std::uint64_t>(&written);
    response.status = version != nullptr ? 200 : 409;
    if (version != nullptr) response.set_content(json(*version).dump(), "application/json");
  }

  store::MemoryStore store_;
  StubServer server_{"store", 8085, 4, [this](httplib::Server& server) {
    server.Post("/get", [this](const auto& request, auto& response) { get(request, response); });
    server.Post("/put", [this](const auto& request, auto& response) { put(request, response); });
  }};
};

class RemoteStore final : public store::VersionedStore {
 public:
  common::Result<store::Record> get(const std::string& key) override {
    const auto answer = ask("/get", {{"key", key}});
    if (!answer || answer->status != 200) return common::Error::unavailable;
    const json body = json::parse(answer->body);
    const common::Duration at(body["at"].get<std::int64_t>());
    return store::Record{body["version"], body["value"], common::MonoTime(at)};
  }
  common::Result<std::uint64_t> put(const std::string& key, std::uint64_t expected, const std::string& value) override {
    const auto answer = ask("/put", {{"key", key}, {"expected", expected}, {"value", value}});
    if (answer && answer->status == 409) return common::Error::conflict;
    if (!answer || answer->status != 200) return common::Error::unavailable;
    return json::parse(answer->body).get<std::uint64_t>();
  }

 private:
  static httplib::Result ask(const char* path, const json& body) {
    httplib::Client client("store", 8085);
    client.set_connection_timeout(200ms);
    client.set_read_timeout(200ms);
    return client.Post(path, body.dump(), "application/json");
  }
};

/// A process that takes all it can get.
class Taker {
 public:
  Taker(const std::string& host, const shared_limiter::SharedLimitConfig& config)
      : limiter_(config, store_), host_(host, [this] {
          while (!over_) {
            taken_ += !limiter_.try_acquire("all of it");
            std::this_thread::sleep_for(std::chrono::milliseconds(1 + foreseed::choose(40)));
          }
        }) {}
  int taken() const { return taken_; }
  const shared_limiter::SharedLimiter& limiter() const { return limiter_; }
  void stop() {
    over_ = true;
    host_.join();
  }

 private:
  RemoteStore store_;
  shared_limiter::SharedLimiter limiter_;
  std::atomic<bool> over_{false};
  std::atomic<int> taken_{0};
  foreseed::Host host_;  // last: it starts to run at once
};

}  // namespace

FORESEED_SCENARIO(shared_limit_remote, "two processes share 10 a second, whatever their clocks say; cut off from the store each does as declared; then they share again (holds)") {
  using shared_limiter::WithoutStore;
  shared_limiter::SharedLimitConfig config;
  config.limit = {rate_limiter::Algorithm::gcra, 10, 1s, 5};
  config.local = {rate_limiter::Algorithm::gcra, 1, 1s, 1};
  config.without_store = static_cast<WithoutStore>(foreseed::choose(3));
  StoreHost store;
  foreseed::link("one", "store", 1ms);
  foreseed::link("two", "store", 3ms);
  foreseed::FaultPlan()
      .drift_clock("one", {.at = 0s, .until = 20s}, 200'000)
      .drift_clock("two", {.at = 0s, .until = 20s}, -200'000)
      .partition({"one", "two"}, {"store"}, {.at = 5s, .until = 10s})
      .start();
  const auto start = std::chrono::steady_clock::now();
  std::deque<Taker> takers;
  for (const char* host : {"one", "two"}) takers.emplace_back(host, config);
  const auto at = [&](std::chrono::milliseconds time) {
    std::this_thread::sleep_until(start + time);
    return takers[0].taken() + takers[1].taken();
  };
  const auto all = [&](auto is) { return is(takers[0].limiter()) && is(takers[1].limiter()); };

  const int together = at(5s);
  FORESEED_CHECK(together <= 5 + 10 * 5 && together >= 10 * 5 - 3);
  const int cut_off = at(6s);
  FORESEED_CHECK(all([](const auto& limiter) { return limiter.without_store(); }));
  const int alone = at(9900ms) - cut_off;
  // 3.9 s; of the one's clock 4.7. Who waits for the store, which is asked once a second, takes nothing meanwhile.
  if (config.without_store == WithoutStore::admit) FORESEED_CHECK(alone > 2 * 10 * 4);
  if (config.without_store == WithoutStore::refuse) FORESEED_CHECK(alone == 0);
  if (config.without_store == WithoutStore::local) FORESEED_CHECK(alone >= 4 && alone <= 2 + 5 + 4);
  const int healed = at(13s);
  FORESEED_CHECK(all([](const auto& limiter) { return !limiter.without_store(); }));
  FORESEED_CHECK(all([](const auto& limiter) { return limiter.counters().store_errors >= 2 && limiter.counters().store_errors <= 8; }));
  const int again = at(18s) - healed;
  FORESEED_CHECK(again <= 5 + 10 * 5 && again >= 10 * 5 - 3);
  for (Taker& taker : takers) taker.stop();
  store.stop();
}
