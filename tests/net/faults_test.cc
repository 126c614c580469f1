// What each fault does to Debian's compiled cpp-httplib, which knows nothing of it; for datagrams, to plain sockets.

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "foreseed/faults.h"
#include "http_pair.h"
#include "run_scenario.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

/// The server "web" answers /hi at once and /big with 100,000 bytes.
void serve(httplib::Server& http) {
  http.Get("/hi", [](const httplib::Request&, httplib::Response& response) { response.set_content("hello", "text/plain"); });
  http.Get("/big", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(std::string(100'000, 'x'), "text/plain");
  });
}

void serve_for_ever() {
  httplib::Server http;
  serve(http);
  http.bind_to_port("0.0.0.0", 8080);
  http.listen_after_bind();
}

struct Answer {
  int status = 0;  ///< 0: none
  httplib::Error error = httplib::Error::Success;
  std::size_t size = 0;
  steady_clock::duration took{};
};

Answer get(const char* path, std::chrono::seconds patience = 5s) {
  httplib::Client client("web", 8080);
  client.set_connection_timeout(patience);
  client.set_read_timeout(patience);
  const auto start = steady_clock::now();
  const auto result = client.Get(path);
  Answer answer;
  answer.took = steady_clock::now() - start;
  answer.error = result.error();
  if (result) answer.status = result->status, answer.size = result->body.size();
  return answer;
}

/// Everything held in 20 seeds, and a seed gives the same fingerprint twice.
void expect_holds(void (*body)()) {
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Execution execution = run_seed(body, seed);
    ASSERT_FALSE(execution.finding.has_value()) << "seed " << seed << ": " << execution.finding->message;
    if (seed % 5 == 0) {
      EXPECT_EQ(run_seed(body, seed).fingerprint, execution.fingerprint);
    }
  }
}

/// "web" serves while `plan` runs; `use` is the client.
void with_faults(const FaultPlan& plan, const std::function<void()>& use) {
  Host web("web", serve_for_ever);
  std::this_thread::sleep_for(100ms);
  FORESEED_CHECK(get("/hi").status == 200);
  plan.start();
  std::this_thread::sleep_for(1s);  // faults begin "at" 500 ms
  use();
}

void partitioned() {
  with_faults(FaultPlan().partition({"client"}, {"web"}, {500ms, 60s}), [] {
    const Answer lost = get("/hi");
    FORESEED_CHECK(lost.status == 0 && lost.took >= 5s && lost.took < 6s);
    std::this_thread::sleep_for(60s);
    FORESEED_CHECK(get("/hi").status == 200);
  });
}

void partitioned_one_way() {
  with_faults(FaultPlan().partition_one_way({"web"}, {"client"}, {500ms, 60s}), [] {
    FORESEED_CHECK(get("/hi").status == 0);
  });
}

void partition_stalls_a_stream() {
  Host web("web", serve_for_ever);
  std::this_thread::sleep_for(100ms);
  FaultPlan().partition({"client"}, {"web"}, {500ms, 3s}).start();
  httplib::Client client("web", 8080);
  client.set_keep_alive(true);
  client.set_read_timeout(30s);
  FORESEED_CHECK(client.Get("/hi")->status == 200);
  std::this_thread::sleep_for(600ms);
  const auto start = steady_clock::now();
  const auto result = client.Get("/hi");
  const auto took = steady_clock::now() - start;
  FORESEED_CHECK(result && result->status == 200 && took > 2s && took < 8s);
}

void partitioned_in_part() {
  with_faults(FaultPlan().partition({"client"}, {"web"}, {500ms, 600s}, 0.5), [] {
    int passed = 0;
    for (int i = 0; i < 40; ++i) passed += get("/hi", 1s).status == 200;
    FORESEED_CHECK(passed > 0 && passed < 40);
  });
}

void slow() {
  with_faults(FaultPlan().slow({"client"}, {"web"}, {500ms, 60s}, 1s), [] {
    const Answer answer = get("/hi");
    FORESEED_CHECK(answer.status == 200 && answer.took >= 4s && answer.took < 5s);  // two round trips
  });
}

void lossy() {
  with_faults(FaultPlan().loss({"client"}, {"web"}, {500ms, 600s}, 0.1), [] {
    steady_clock::duration longest{};
    for (int i = 0; i < 20; ++i) {
      const Answer answer = get("/big", 100s);
      FORESEED_CHECK(answer.status == 200 && answer.size == 100'000);
      longest = std::max(longest, answer.took);
    }
    FORESEED_CHECK(longest >= 200ms);
  });
}

/// The answer to a port where nobody listens is lost: as TCP asks again, it comes in the end.
void refusal_is_lost() {
  Host web("web", [] {});
  FaultPlan().partition_one_way({"web"}, {"client"}, {0s, 5s}).start();
  const auto start = steady_clock::now();
  FORESEED_CHECK(get("/hi", 30s).status == 0);
  const auto took = steady_clock::now() - start;
  FORESEED_CHECK(took >= 7s && took < 8s);
}

void refused() {
  with_faults(FaultPlan().refuse({"client"}, {"web"}, {500ms, 60s}), [] {
    const Answer answer = get("/hi");
    FORESEED_CHECK(answer.error == httplib::Error::Connection && answer.took < 100ms);
  });
}

void clogged() {
  with_faults(FaultPlan().clog({"client"}, {"web"}, {500ms, 600s}, 50'000), [] {
    const Answer answer = get("/big", 60s);
    FORESEED_CHECK(answer.status == 200 && answer.size == 100'000 && answer.took >= 2s && answer.took < 3s);
  });
}

void dribbled() {
  with_faults(FaultPlan().dribble({"client"}, {"web"}, {500ms, 600s}, 10), [] {
    const Answer answer = get("/hi", 60s);
    FORESEED_CHECK(answer.status == 200 && answer.size == 5 && answer.took >= 100ms);
  });
}

void flapping() {
  with_faults(FaultPlan().flap({"client"}, {"web"}, {500ms, 100s}, 5s, 5s), [] {
    int passed = 0;
    for (int i = 0; i < 20; ++i) {
      passed += get("/hi", 1s).status == 200;
      std::this_thread::sleep_for(2s);
    }
    FORESEED_CHECK(passed > 3 && passed < 17);
  });
}

/// Each time down or up is between nothing and twice 5 s, so that no two executions flap alike.
void flapping_now_and_then() {
  FaultPlan plan = FaultPlan().flap({"client"}, {"web"}, {500ms, 200s}, 5s, 5s);
  plan.faults[0].kind = FaultKind::flap_random;
  with_faults(plan, [] {
    int passed = 0;
    for (int i = 0; i < 60; ++i) {
      passed += get("/hi", 1s).status == 200;
      std::this_thread::sleep_for(2s);
    }
    FORESEED_CHECK(passed > 5 && passed < 55);
  });
}

void connections_are_reset() {
  Host web("web", serve_for_ever);
  std::this_thread::sleep_for(100ms);
  link("client", "web", 1s);
  FaultPlan().reset({"client"}, {"web"}, 2500ms).start();  // after connect(), before the answer
  FORESEED_CHECK(get("/hi", 30s).error == httplib::Error::Read);
}

void name_is_unknown() {
  with_faults(FaultPlan().unknown_name("web", {500ms, 2s}), [] {
    FORESEED_CHECK(get("/hi").error == httplib::Error::Connection);
    std::this_thread::sleep_for(2s);
    FORESEED_CHECK(get("/hi").status == 200);
  });
}

void host_crashes() {
  with_faults(FaultPlan().crash("web", {500ms, 20s}), [] {
    const Answer silence = get("/hi");
    FORESEED_CHECK(silence.status == 0 && silence.took >= 5s);
    std::this_thread::sleep_for(20s);
    FORESEED_CHECK(get("/hi").status == 200);
  });
}

void host_is_killed() {
  with_faults(FaultPlan().kill("web", {500ms, 20s}), [] {
    const Answer refusal = get("/hi");
    FORESEED_CHECK(refusal.status == 0 && refusal.took < 100ms);
    std::this_thread::sleep_for(20s);
    FORESEED_CHECK(get("/hi").status == 200);
  });
}

void crash_breaks_what_was_open() {
  Host web("web", serve_for_ever);
  std::this_thread::sleep_for(100ms);
  httplib::Client client("web", 8080);
  client.set_keep_alive(true);
  FORESEED_CHECK(client.Get("/hi")->status == 200);
  web.crash();
  web.join();
  std::this_thread::sleep_for(1s);
  web.restart();
  std::this_thread::sleep_for(100ms);
  // The old connection is answered by a reset; the library connects anew.
  const auto again = client.Get("/hi");
  FORESEED_CHECK(again ? again->status == 200 : get("/hi").status == 200);
}

void host_pauses() {
  with_faults(FaultPlan().pause("web", {500ms, 4s}), [] {
    const Answer answer = get("/hi", 30s);
    FORESEED_CHECK(answer.status == 200 && answer.took >= 2900ms && answer.took < 3200ms);
  });
}

void clocks_are_wrong() {
  const auto monotonic = steady_clock::now();
  const auto wall = std::chrono::system_clock::now();
  bool checked = false;
  Host other("other", [&] {
    std::this_thread::sleep_for(10s);
    const auto by_steady = steady_clock::now() - monotonic;
    const auto by_wall = std::chrono::system_clock::now() - wall;
    FORESEED_CHECK(by_steady >= 10s && by_steady < 10s + 1ms);
    FORESEED_CHECK(by_wall >= 10s - 30s && by_wall < -19s);
    // A condition variable waits for the wall clock itself (sleep_until() asks it once, and sleeps for the difference).
    std::mutex mutex;
    std::condition_variable never_notified;
    std::unique_lock lock(mutex);
    FORESEED_CHECK(never_notified.wait_until(lock, wall + 100s) == std::cv_status::timeout);
    checked = true;
  });
  FaultPlan().drift_clock("other", {0ms, 1000s}, 250'000).step_clock("other", 1s, -30s).step_clock("other", 60s, 40s).start();
  other.join();
  // 10 s of a clock that is a quarter fast are 8 s; its wall clock shows wall + 100 s once it has run for 90 s.
  const auto took = steady_clock::now() - monotonic;
  FORESEED_CHECK(checked && took >= 71900ms && took < 72100ms);
}

int udp_socket(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  FORESEED_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

struct Received {
  int count = 0;
  int overtaken = 0;
  int spoiled = 0;
};

FaultPlan on_datagrams(FaultKind kind, double share) {
  Fault fault;
  fault.kind = kind;
  fault.hosts = {"client"};
  fault.others = {"sink"};
  fault.share = share;
  return FaultPlan().add(fault);
}

/// Sends 200 numbers to "sink", and tells what came.
template <typename Start>
Received send_datagrams(Start start) {
  Received result;
  Host sink("sink", [&] {
    const int fd = udp_socket(9000);
    const timeval patience{5, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::uint32_t number[2];
    std::uint32_t last = 0;
    while (recv(fd, number, sizeof number, 0) == sizeof number) {
      ++result.count;
      if (number[0] != ~number[1]) {
        ++result.spoiled;
      } else {
        result.overtaken += number[0] < last;
        last = number[0];
      }
    }
    close(fd);
  });
  std::this_thread::sleep_for(1ms);
  start();
  std::this_thread::sleep_for(1ms);
  addrinfo* address = nullptr;
  FORESEED_CHECK(getaddrinfo("sink", "9000", nullptr, &address) == 0);
  const int fd = udp_socket(0);
  for (std::uint32_t i = 0; i < 200; ++i) {
    const std::uint32_t number[2] = {i, ~i};
    sendto(fd, number, sizeof number, 0, address->ai_addr, address->ai_addrlen);
    std::this_thread::sleep_for(100us);
  }
  freeaddrinfo(address);
  close(fd);
  sink.join();
  return result;
}

void datagrams_untroubled() {
  const Received got = send_datagrams([] {});
  FORESEED_CHECK(got.count == 200 && got.overtaken == 0 && got.spoiled == 0);
}
void datagrams_lost() {
  const Received got = send_datagrams([] { on_datagrams(FaultKind::loss, 0.25).start(); });
  FORESEED_CHECK(got.count > 110 && got.count < 185 && got.spoiled == 0);
}
void datagrams_doubled() {
  const Received got = send_datagrams([] { on_datagrams(FaultKind::duplicate, 0.25).start(); });
  FORESEED_CHECK(got.count > 215 && got.count < 290);
}
void datagrams_overtaken() {
  const Received got = send_datagrams([] { on_datagrams(FaultKind::reorder, 0.25).start(); });
  FORESEED_CHECK(got.count == 200 && got.overtaken > 15);
}
void datagrams_spoiled() {
  const Received got = send_datagrams([] { on_datagrams(FaultKind::corrupt, 0.25).start(); });
  FORESEED_CHECK(got.count == 200 && got.spoiled > 15 && got.spoiled < 90);
}

template <typename Start>
void several_requests(Start start) {
  Host web("web", serve_for_ever);
  std::this_thread::sleep_for(100ms);
  start();
  for (int i = 0; i < 20; ++i) {
    get("/hi", 1s);
    std::this_thread::sleep_for(700ms);
  }
}

struct TwoFormsOfOne {
  FaultPlan code;
  const char* json;
};

FaultPlan flapping_at_random() {
  FaultPlan plan = FaultPlan().flap({"client"}, {"web"}, {1s, 9s}, 700ms, 300ms);
  plan.faults[0].kind = FaultKind::flap_random;
  return plan;
}

std::vector<TwoFormsOfOne> every_kind() {
  return {
      {FaultPlan().partition({"client"}, {"web"}, {500ms, 3s}, 0.5),
       R"("kind": "partition", "at": "500ms", "until": "3s", "between": ["client", "web"], "share": 0.5)"},
      {FaultPlan().slow({"client"}, {"web"}, {2s, 9s}, 30ms),
       R"("kind": "slow", "at": "2s", "until": "9s", "between": ["client", "web"], "amount": "30ms")"},
      {FaultPlan().loss({"client"}, {"web"}, {2s, 9s}, 0.3),
       R"("kind": "loss", "at": "2s", "until": "9s", "between": [["client"], ["web"]], "share": 0.3)"},
      {on_datagrams(FaultKind::duplicate, 0.5),
       R"("kind": "duplicate", "between": ["client", "sink"], "share": 0.5)"},
      {on_datagrams(FaultKind::reorder, 0.5),
       R"("kind": "reorder", "between": ["client", "sink"], "share": 0.5)"},
      {on_datagrams(FaultKind::corrupt, 0.5),
       R"("kind": "corrupt", "between": ["client", "sink"], "share": 0.5)"},
      {FaultPlan().refuse({"client"}, {"web"}, {1s, 9s}, 0.5),
       R"("kind": "refuse", "at": "1s", "until": "9s", "between": ["client", "web"], "share": 0.5)"},
      {FaultPlan().clog({"client"}, {"web"}, {1s, 9s}, 2000),
       R"("kind": "clog", "at": "1s", "until": "9s", "between": ["client", "web"], "number": 2000)"},
      {FaultPlan().dribble({"client"}, {"web"}, {1s, 9s}, 10),
       R"("kind": "dribble", "at": "1s", "until": "9s", "between": ["client", "web"], "number": 10)"},
      {FaultPlan().flap({"client"}, {"web"}, {1s, 9s}, 700ms, 300ms),
       R"("kind": "flap", "at": "1s", "until": "9s", "between": ["client", "web"], "amount": "700ms", "period": "300ms")"},
      {flapping_at_random(),
       R"("kind": "flap_random", "at": "1s", "until": "9s", "between": ["client", "web"], "amount": "700ms", "period": "0.3s")"},
      {FaultPlan().reset({"client"}, {"web"}, 700ms), R"("kind": "reset", "at": "700ms", "between": ["client", "web"])"},
      {FaultPlan().unknown_name("web", {1s, 5s}), R"("kind": "unknown_name", "at": "1s", "until": "5s", "host": "web")"},
      {FaultPlan().crash("web", {2s, 4s}), R"("kind": "crash", "at": "2s", "until": "4s", "host": "web")"},
      {FaultPlan().kill("web", {2s, 4s}), R"("kind": "kill", "at": "2s", "until": "4s", "host": "web")"},
      {FaultPlan().pause("web", {2s, 4s}), R"("kind": "pause", "at": "2s", "until": "4s", "host": "web")"},
      {FaultPlan().step_clock("web", 3s, -30s), R"("kind": "step_clock", "at": "3s", "host": "web", "amount": "-30s")"},
      {FaultPlan().drift_clock("web", {1s, 9s}, 2000),
       R"("kind": "drift_clock", "at": "1s", "until": "9s", "host": "web", "number": 2000)"},
      {FaultPlan().half_open({"client"}, {"web"}, 700ms),
       R"("kind": "half_open", "at": "700ms", "between": ["client", "web"])"},
      {FaultPlan().truncate({"web"}, {"client"}, {1s, 9s}, 30),
       R"("kind": "truncate", "at": "1s", "until": "9s", "between": ["web", "client"], "number": 30, "one_way": true)"},
      {FaultPlan().stall("web", {1s, 9s}, 50ms, 0.01),
       R"("kind": "stall", "at": "1s", "until": "9s", "host": "web", "amount": "50ms", "share": 0.01)"},
      {FaultPlan().slow_cpu("web", {1s, 9s}, 10us),
       R"("kind": "slow_cpu", "at": "1s", "until": "9s", "host": "web", "amount": "10us")"},
      {FaultPlan().disk_full("web", {1s, 9s}, 100),
       R"("kind": "disk_full", "at": "1s", "until": "9s", "host": "web", "number": 100)"},
      {FaultPlan().disk_error("web", {1s, 9s}, 0.5),
       R"("kind": "disk_error", "at": "1s", "until": "9s", "host": "web", "share": 0.5)"},
      {FaultPlan().no_memory("web", {1s, 9s}, 10'000'000),
       R"("kind": "no_memory", "at": "1s", "until": "9s", "host": "web", "number": 10000000)"},
      {FaultPlan().no_descriptors("web", {1s, 9s}, 3),
       R"("kind": "no_descriptors", "at": "1s", "until": "9s", "host": "web", "number": 3)"},
      {FaultPlan().fail("orders.full", "web", {1s, 9s}, 0.5),
       R"("kind": "fail", "at": "1s", "until": "9s", "host": "web", "point": "orders.full", "share": 0.5)"},
  };
}

std::string plan_file;
FaultPlan plan_in_code;

struct TwoForms : ::testing::TestWithParam<TwoFormsOfOne> {};
void PrintTo(const TwoFormsOfOne& forms, std::ostream* out) { *out << forms.json; }
std::string kind_of(const TwoFormsOfOne& forms) { return std::string(to_string(forms.code.faults[0].kind)); }

TEST_P(TwoForms, are_the_same_executions) {
  plan_in_code = GetParam().code;
  plan_file = "one_fault_" + kind_of(GetParam()) + ".json";
  std::ofstream(plan_file) << R"({"faults": [{)" << GetParam().json << "}]}";
  const FaultKind kind = plan_in_code.faults[0].kind;
  const bool datagrams = kind == FaultKind::duplicate || kind == FaultKind::reorder || kind == FaultKind::corrupt;
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Execution none = run_seed(datagrams ? +[] { send_datagrams([] {}); } : +[] { several_requests([] {}); }, seed);
    const Execution code = run_seed(datagrams ? +[] { send_datagrams([] { plan_in_code.start(); }); }
                                              : +[] { several_requests([] { plan_in_code.start(); }); }, seed);
    const Execution json = run_seed(datagrams ? +[] { send_datagrams([] { start_faults(plan_file); }); }
                                              : +[] { several_requests([] { start_faults(plan_file); }); }, seed);
    ASSERT_FALSE(code.finding.has_value()) << code.finding->message;
    EXPECT_EQ(code.fingerprint, json.fingerprint);
    EXPECT_NE(code.fingerprint, none.fingerprint);
  }
  std::remove(plan_file.c_str());
}

INSTANTIATE_TEST_SUITE_P(Of, TwoForms, ::testing::ValuesIn(every_kind()),
                         [](const auto& info) { return kind_of(info.param); });

TEST(FaultPlan, that_cannot_be_read_is_named) {
  const Execution missing = run_seed([] { start_faults("no_such_plan.json"); }, 0);
  ASSERT_TRUE(missing.finding.has_value());
  EXPECT_NE(missing.finding->message.find("no_such_plan.json: cannot be read"), std::string::npos);
}

struct Case {
  const char* name;
  void (*body)();
};
void PrintTo(const Case& tried, std::ostream* out) { *out << tried.name; }
struct Faults : ::testing::TestWithParam<Case> {};

TEST_P(Faults, do_what_they_say) { expect_holds(GetParam().body); }

INSTANTIATE_TEST_SUITE_P(All, Faults, ::testing::ValuesIn(std::initializer_list<Case>{
    {"partition", partitioned}, {"partition_one_way", partitioned_one_way},
    {"partition_stalls_a_stream", partition_stalls_a_stream}, {"partition_in_part", partitioned_in_part},
    {"slow", slow}, {"loss", lossy}, {"refuse", refused}, {"refusal_is_lost", refusal_is_lost}, {"clog", clogged},
    {"dribble", dribbled}, {"flap", flapping}, {"flap_random", flapping_now_and_then},
    {"reset", connections_are_reset}, {"unknown_name", name_is_unknown}, {"crash", host_crashes},
    {"kill", host_is_killed}, {"crash_breaks_what_was_open", crash_breaks_what_was_open}, {"pause", host_pauses},
    {"clocks", clocks_are_wrong}, {"datagrams_untroubled", datagrams_untroubled}, {"datagrams_lost", datagrams_lost},
    {"datagrams_doubled", datagrams_doubled}, {"datagrams_overtaken", datagrams_overtaken},
    {"datagrams_spoiled", datagrams_spoiled}}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace foreseed::testing
