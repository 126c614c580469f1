// New versions of OMS and IAM put in place one instance after another, and an instance that dies again and again (catalogue
// S0-52).

#include <deque>
#include <vector>

#include "services/time_left.h"
#include "stub_server.h"
#include "town.h"

using namespace scenarios;

namespace {

using Clock = std::chrono::steady_clock;

/// A service on a host of its own that is stopped, killed and started anew, with what its configuration says at that moment.
template <typename Service, typename Config>
class Instance {
 public:
  Instance(std::string name, Config config)
      : name_(std::move(name)), config_(std::move(config)), host_(name_, [this] { live(); }) {
    await_start();
  }

  const std::string& name() const { return name_; }
  Service& service() { return *service_; }

  /// Gracefully: returns when the last request has been answered.
  void stop() {
    stopping_ = true;
    host_.join();
  }
  void kill() { host_.kill(); }
  void crash() { host_.crash(); }

  void start(Config config) {
    config_ = std::move(config);
    service_ = nullptr;
    stopping_ = false;
    host_.restart();
    await_start();
  }

 private:
  void live() {
    Service service(config_);
    service.start();
    service_ = &service;
    while (!stopping_) std::this_thread::sleep_for(10ms);  // a life that is killed may hold no lock of the next
    service.stop();
  }
  void await_start() {
    while (service_ == nullptr) std::this_thread::sleep_for(1ms);
  }

  const std::string name_;
  Config config_;
  std::atomic<Service*> service_{nullptr};
  std::atomic<bool> stopping_{false};
  foreseed::Host host_;  // last: it starts to run at once
};

/// IAM with the key that its version has.
struct IamVersion {
  services::IamConfig http;
  std::string secret;
};
struct VersionedIam : services::IamService {
  explicit VersionedIam(const IamVersion& version) : IamService(version.http, services::JwtKey::hs256(version.secret)) {}
};
using IamInstance = Instance<VersionedIam, IamVersion>;

/// OMS, whose orders end with it: how many there were is kept.
struct OmsVersion {
  services::OmsConfig config;
  std::atomic<std::size_t>* kept = nullptr;
};
struct CountedOms : services::OmsService {
  explicit CountedOms(const OmsVersion& version) : OmsService(version.config), kept_(version.kept) {}
  void stop() {
    OmsService::stop();
    *kept_ += orders().size();
  }
  std::atomic<std::size_t>* const kept_;
};
using OmsInstance = Instance<CountedOms, OmsVersion>;

/// In front of IAM's instances, on the host "iam": the next in turn is asked, and where that comes to nothing the other. What
/// is asked changes nothing, so it may be asked twice.
class Balancer {
 public:
  static constexpr std::chrono::milliseconds patience{300};  ///< for an instance

  void stop() { server_.stop(); }

 private:
  void forward(const httplib::Request& request, httplib::Response& response) {
    const unsigned turn = turn_++;
    response.status = 502;
    for (unsigned i = 0; i < 2 && response.status == 502; ++i) {
      httplib::Client client("iam" + std::to_string(1 + (turn + i) % 2), 8081);
      client.set_connection_timeout(patience / 2);
      client.set_read_timeout(patience / 2);
      httplib::Headers headers;
      headers.emplace(services::time_left_header, request.get_header_value(services::time_left_header));
      const auto answer = client.Post("/validate", headers, request.body, "application/json");
      if (!answer) continue;
      response.status = answer->status;
      response.set_content(answer->body, "application/json");
    }
  }

  std::atomic<unsigned> turn_{0};
  StubServer server_{"iam", 8081, 8, [this](httplib::Server& server) {
    server.Post("/validate", [this](const auto& request, auto& response) { forward(request, response); });
  }};
};

std::string signed_token(const services::JwtClaims& claims, const std::string& key) {
  return services::jwt_sign(claims, services::JwtKey::hs256(key)).value();
}

/// Two versions of IAM, and tokens by who accepts them; those of a kind that there is not are empty.
struct Skew {
  IamVersion before{iam_config(), secret};
  IamVersion after{iam_config(), secret};
  std::string both, only_before, only_after, neither;
};

Skew draw_skew() {
  Skew skew;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  services::JwtClaims claims;
  claims.subject = "alice";
  claims.issuer = "iam";
  claims.audience = {"oms"};
  claims.scopes = {"orders:write"};
  claims.expires_at = now + 3600;
  const std::string good = signed_token(claims, secret);
  const std::string new_secret = "another secret of thirty-two bytes";
  skew.neither = signed_token(claims, "the secret of nobody who takes part");
  switch (foreseed::choose(4)) {
    case 0:  // a new name: tokens for both names ease the way
      skew.after.http.policy.audience = "orders";
      skew.only_before = good;
      claims.audience = {"orders"};
      skew.only_after = signed_token(claims, secret);
      claims.audience = {"oms", "orders"};
      skew.both = signed_token(claims, secret);
      break;
    case 1:  // a new key, without a time in which both count
      skew.after.secret = new_secret;
      skew.only_before = good;
      skew.only_after = signed_token(claims, new_secret);
      break;
    case 2:  // clocks are trusted less
      skew.after.http.policy.leeway = 300s;
      skew.both = good;
      claims.expires_at = now - 10;
      skew.only_after = signed_token(claims, secret);
      break;
    default:  // a longer token fits into what may be sent
      skew.before.http.http.body_bytes_max = 512;
      skew.both = good;
      break;
  }
  return skew;
}

/// How the versions follow each other: since when there is a new one, and since when no old one.
struct Course {
  std::atomic<Clock::time_point> first_new{Clock::time_point::max()};
  std::atomic<Clock::time_point> last_old{Clock::time_point::max()};
};

services::OmsConfig patient_oms(std::size_t in_flight_max) {
  services::OmsConfig config = oms_config();
  config.fallback = services::FallbackPolicy::deny;
  config.local_key.reset();
  config.iam.idle_connections_max = 0;
  config.in_flight_max = in_flight_max;
  return config;
}

/// An order by whichever instance of OMS takes the connection.
Answer order_at_either(const std::string& bearer, unsigned turn) {
  for (unsigned i = 0; i < 2; ++i) {
    httplib::Client client("oms" + std::to_string(1 + (turn + i) % 2), 8080);
    client.set_read_timeout(10s);
    const httplib::Headers headers = {{"Authorization", "Bearer " + bearer}};
    const auto result = client.Post("/orders", headers, R"({"item":"tea","quantity":2})", "application/json");
    if (result) return {result->status, result->get_header_value("X-Auth-Path")};
  }
  return {};
}

}  // namespace

FORESEED_SCENARIO(rolling_restart, "version N+1 of IAM and OMS follows N instance by instance: each order is judged by a version in force, none is lost, one instance is enough (S0-52)") {
  const Skew skew = draw_skew();
  std::atomic<std::size_t> kept{0};
  std::deque<IamInstance> iams;
  std::deque<OmsInstance> omses;
  for (const char* name : {"iam1", "iam2"}) iams.emplace_back(name, skew.before);
  Balancer balancer;
  for (const char* name : {"oms1", "oms2"}) omses.emplace_back(name, OmsVersion{patient_oms(8), &kept});
  Course course;
  std::atomic<bool> over{false};
  std::atomic<std::size_t> placed{0};

  const auto buyer = [&] {
    for (unsigned turn = 0; !over; ++turn) {
      const std::string* const tokens[] = {&skew.both, &skew.only_before, &skew.only_after, &skew.neither};
      const std::string* const bearer = tokens[foreseed::choose(4)];
      if (bearer->empty()) continue;
      const auto sent = Clock::now();
      const Answer answer = order_at_either(*bearer, turn);
      const auto answered = Clock::now();
      FORESEED_CHECK((answer.status == 201 || answer.status == 401) && answer.path == "remote");
      const bool accepted = answer.status == 201;
      placed += accepted;
      // What only one version would say needs an instance of it, at some time between question and answer.
      const bool old_possible = sent <= course.last_old.load();
      const bool new_possible = answered >= course.first_new.load();
      if (bearer == &skew.both) FORESEED_CHECK(accepted);
      if (bearer == &skew.neither) FORESEED_CHECK(!accepted);
      if (bearer == &skew.only_before) FORESEED_CHECK(accepted ? old_possible : new_possible);
      if (bearer == &skew.only_after) FORESEED_CHECK(accepted ? new_possible : old_possible);
      std::this_thread::sleep_for(std::chrono::milliseconds(1 + foreseed::choose(100)));
    }
  };
  std::vector<std::thread> buyers;
  for (int i = 0; i < 3; ++i) buyers.emplace_back(buyer);
  std::this_thread::sleep_for(300ms);

  std::vector<int> left = {0, 1, 2, 3};
  int old_iams = 2;
  while (!left.empty()) {
    const auto next = left.begin() + static_cast<std::ptrdiff_t>(foreseed::choose(left.size()));
    const auto which = static_cast<std::size_t>(*next);
    left.erase(next);
    const auto gap = std::chrono::milliseconds(foreseed::choose(500));
    if (which < 2) {
      // IAM keeps nothing, so it may end in any way.
      const auto how = foreseed::choose(3);
      how == 0 ? iams[which].stop() : how == 1 ? iams[which].kill() : iams[which].crash();
      if (--old_iams == 0) course.last_old = Clock::now();
      std::this_thread::sleep_for(gap);
      if (old_iams == 1) course.first_new = Clock::now();
      iams[which].start(skew.after);
    } else {
      omses[which - 2].stop();
      std::this_thread::sleep_for(gap);
      omses[which - 2].start({patient_oms(4), &kept});
    }
    // The next one goes when nobody can still be waiting for this one's last life: else a question finds both gone in turn.
    std::this_thread::sleep_for(Balancer::patience + std::chrono::milliseconds(1 + foreseed::choose(500)));
  }
  std::this_thread::sleep_for(300ms);
  over = true;
  for (std::thread& buyer_thread : buyers) buyer_thread.join();
  for (OmsInstance& oms : omses) {
    FORESEED_CHECK(oms.service().breaker().snapshot().mode == breaker::Mode::closed);
    oms.stop();
  }
  FORESEED_CHECK(placed > 0 && kept == placed);
  balancer.stop();
  for (IamInstance& iam : iams) iam.stop();
}

namespace {

/// Lives of one of IAM's instances that end soon, until `end`, and then one that lasts.
void loop_until(IamInstance& iam, Clock::time_point end, const IamVersion& version) {
  while (Clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(foreseed::choose(300)));
    foreseed::choose(2) == 0 ? iam.kill() : iam.crash();
    std::this_thread::sleep_for(std::chrono::milliseconds(500 + foreseed::choose(1500)));
    iam.start(version);
  }
}

}  // namespace

FORESEED_SCENARIO(crash_loop, "an instance of IAM dies again and again: another is enough; without one the answer is 503 until it lasts, and nothing granted is lost (S0-52)") {
  const bool alone = foreseed::choose(2) == 1;
  const IamVersion version{iam_config(), secret};
  std::atomic<std::size_t> kept{0};
  std::atomic<int> openings{0};
  services::OmsConfig config = patient_oms(8);
  config.iam.connect_timeout = config.iam.read_timeout = 500ms;
  config.iam.host = alone ? "iam1" : "iam";
  config.breaker.open_wait_base = 1s;
  config.breaker.open_wait_cap = 4s;
  config.on_breaker_event = [&](const breaker::Event& event) { openings += event.to == breaker::Mode::open; };
  std::deque<IamInstance> iams;
  for (const char* name : {"iam1", "iam2"}) iams.emplace_back(name, version);
  Balancer balancer;
  OmsInstance oms("oms", {config, &kept});
  foreseed::link("oms", "iam1", 20ms);
  const std::string good = token({"orders:write"}, 1h);
  const std::string bad = token({"orders:read"}, 1h);

  std::atomic<bool> over{false};
  std::atomic<std::size_t> placed{0};
  const auto buyer = [&] {
    while (!over) {
      const bool may = foreseed::choose(4) > 0;
      const Answer answer = order(may ? good : bad);
      const bool judged = answer.status == (may ? 201 : 403) && answer.path == "remote";
      FORESEED_CHECK(judged || (alone && answer.status == 503 && answer.path == "none"));
      placed += answer.status == 201;
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + foreseed::choose(200)));
    }
  };
  std::vector<std::thread> buyers;
  for (int i = 0; i < 2; ++i) buyers.emplace_back(buyer);
  loop_until(iams[0], Clock::now() + 10s, version);
  // It lasts: the open time ends, probes succeed.
  const auto healed = Clock::now();
  while (order(good).path != "remote") {
    FORESEED_CHECK(alone && Clock::now() - healed < config.breaker.open_wait_cap + 2s);
    std::this_thread::sleep_for(100ms);
  }
  ++placed;
  std::this_thread::sleep_for(1s);
  FORESEED_CHECK(oms.service().breaker().snapshot().mode == breaker::Mode::closed);
  over = true;
  for (std::thread& buyer_thread : buyers) buyer_thread.join();
  FORESEED_CHECK(alone ? openings > 0 : openings == 0);
  FORESEED_CHECK(oms.service().auth_counters().remote_granted == placed && oms.service().auth_counters().local_granted == 0);
  oms.stop();
  FORESEED_CHECK(kept == placed);
  balancer.stop();
  for (IamInstance& iam : iams) iam.stop();
}
