// Debian's compiled libcurl, unmodified, against cpp-httplib on the host "web": easy, multi, its threaded resolver, and
// timeouts.

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "foreseed/faults.h"
#include "http_pair.h"
#include "library_worlds.h"

namespace foreseed::testing {
namespace {

using namespace std::chrono_literals;

// CURL and CURLM are both void.
struct EasyCleanup {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, EasyCleanup>;
struct MultiCleanup {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
using Multi = std::unique_ptr<CURLM, MultiCleanup>;

extern "C" std::size_t append_to_string(char* data, std::size_t size, std::size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

/// One transfer and what came of it.
struct Transfer {
  explicit Transfer(const std::string& url) : easy(curl_easy_init()) {
    curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, append_to_string);
    curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &body);
  }
  CURLcode perform() {
    body.clear();
    return curl_easy_perform(easy.get());
  }
  template <typename Number = long>
  Number info(CURLINFO name) const {
    Number number = 0;
    FORESEED_CHECK(curl_easy_getinfo(easy.get(), name, &number) == CURLE_OK);
    return number;
  }

  std::string body;
  Easy easy;
};

void routes(httplib::Server& http) {
  http.Get("/hi",
           [](const httplib::Request&, httplib::Response& response) { response.set_content("hello", "text/plain"); });
  http.Get("/large", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(std::string(300'000, 'x'), "text/plain");
  });
  http.Get("/slow", [](const httplib::Request&, httplib::Response& response) {
    std::this_thread::sleep_for(100ms);
    response.set_content("slow", "text/plain");
  });
  http.Post("/echo", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(request.body, "text/plain");
  });
}

void get_and_post() {
  HttpServer server(routes);
  {
    Transfer transfer("http://web:8080/hi");
    FORESEED_CHECK(transfer.perform() == CURLE_OK);
    FORESEED_CHECK(transfer.body == "hello" && transfer.info(CURLINFO_RESPONSE_CODE) == 200);
    FORESEED_CHECK(transfer.info(CURLINFO_NUM_CONNECTS) == 1);
    curl_easy_setopt(transfer.easy.get(), CURLOPT_URL, "http://web:8080/echo");
    curl_easy_setopt(transfer.easy.get(), CURLOPT_POSTFIELDS, "colour=green");
    FORESEED_CHECK(transfer.perform() == CURLE_OK && transfer.body == "colour=green");
    FORESEED_CHECK(transfer.info(CURLINFO_NUM_CONNECTS) == 0);  // the connection was kept
    curl_easy_setopt(transfer.easy.get(), CURLOPT_URL, "http://web:8080/large");
    curl_easy_setopt(transfer.easy.get(), CURLOPT_HTTPGET, 1L);
    FORESEED_CHECK(transfer.perform() == CURLE_OK && transfer.body == std::string(300'000, 'x'));
  }
  server.stop();
}

void three_threads() {
  HttpServer server(routes);
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([] {
      Transfer transfer("http://web:8080/hi");
      FORESEED_CHECK(transfer.perform() == CURLE_OK && transfer.body == "hello");
    });
  }
  for (std::thread& client : clients) client.join();
  server.stop();
}

void three_transfers_at_once() {
  HttpServer server(routes);
  {
    Transfer transfers[3] = {Transfer("http://web:8080/hi"), Transfer("http://web:8080/large"),
                             Transfer("http://web:8080/slow")};
    const Multi multi(curl_multi_init());
    for (Transfer& transfer : transfers) curl_easy_setopt(transfer.easy.get(), CURLOPT_WRITEDATA, &transfer.body);
    for (Transfer& transfer : transfers) curl_multi_add_handle(multi.get(), transfer.easy.get());
    const auto start = Steady::now();
    int running = 1;
    while (running != 0) {
      FORESEED_CHECK(curl_multi_perform(multi.get(), &running) == CURLM_OK);
      if (running != 0) FORESEED_CHECK(curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr) == CURLM_OK);
    }
    const auto took = Steady::now() - start;
    FORESEED_CHECK(took >= 100ms && took < 200ms);
    int left = 0;
    int done = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi.get(), &left)) {
      FORESEED_CHECK(message->msg == CURLMSG_DONE && message->data.result == CURLE_OK);
      ++done;
    }
    FORESEED_CHECK(done == 3);
    FORESEED_CHECK(transfers[0].body == "hello" && transfers[1].body.size() == 300'000 && transfers[2].body == "slow");
    for (Transfer& transfer : transfers) curl_multi_remove_handle(multi.get(), transfer.easy.get());
  }
  server.stop();
}

void wakeup_from_another_thread() {
  const Multi multi(curl_multi_init());
  const auto start = Steady::now();
  std::thread other([&] {
    std::this_thread::sleep_for(30ms);
    FORESEED_CHECK(curl_multi_wakeup(multi.get()) == CURLM_OK);
  });
  FORESEED_CHECK(curl_multi_poll(multi.get(), nullptr, 0, 5000, nullptr) == CURLM_OK);
  FORESEED_CHECK(Steady::now() - start == 30ms);
  other.join();
}

void a_server_that_never_answers() {
  StreamServer server("web", 8080, [](int fd) {
    char part[1000];
    while (recv(fd, part, sizeof part, 0) > 0) {
    }
  });
  foreseed::link("client", "web", 1ms);
  {
    Transfer transfer("http://web:8080/");
    curl_easy_setopt(transfer.easy.get(), CURLOPT_TIMEOUT_MS, 1500L);
    curl_easy_setopt(transfer.easy.get(), CURLOPT_NOSIGNAL, 1L);
    const auto start = Steady::now();
    FORESEED_CHECK(transfer.perform() == CURLE_OPERATION_TIMEDOUT);
    const auto took = Steady::now() - start;
    FORESEED_CHECK(took >= 1500ms && took < 1510ms);
  }
  server.stop();
}

void nobody_there() {
  foreseed::link("client", "web", 1ms);
  Transfer refused("http://web:8080/");
  FORESEED_CHECK(refused.perform() == CURLE_COULDNT_CONNECT);
  FORESEED_CHECK(refused.info(CURLINFO_OS_ERRNO) == ECONNREFUSED);
  Transfer unknown("http://nowhere/");
  FORESEED_CHECK(unknown.perform() == CURLE_COULDNT_RESOLVE_HOST);
  Transfer lost("http://10.0.0.99/");
  curl_easy_setopt(lost.easy.get(), CURLOPT_CONNECTTIMEOUT_MS, 700L);
  const auto start = Steady::now();
  FORESEED_CHECK(lost.perform() == CURLE_OPERATION_TIMEDOUT);
  const auto took = Steady::now() - start;
  FORESEED_CHECK(took >= 700ms && took < 710ms);
}

// --- datagrams: TFTP (RFC 1350)

/// Serves one file of so many bytes, all zero, to one client after the other, from a port of its own for each.
class FileServer {
 public:
  explicit FileServer(std::size_t size) : host_("files", [size] { run(size); }) {
    foreseed::link("client", "files", 1ms);
    std::this_thread::sleep_for(10ms);
  }
  ~FileServer() { host_.kill(); }

 private:
  static void run(std::size_t size) {
    const int requests = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(69);
    FORESEED_CHECK(bind(requests, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    char request[600];
    sockaddr_in client{};
    socklen_t length = sizeof client;
    while (recvfrom(requests, request, sizeof request, 0, reinterpret_cast<sockaddr*>(&client), &length) > 0) {
      if (request[1] == 1) serve(client, size);
    }
  }
  static void serve(const sockaddr_in& client, std::size_t size) {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const timeval patience{3, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    FORESEED_CHECK(connect(fd, reinterpret_cast<const sockaddr*>(&client), sizeof client) == 0);
    int attempts = 0;
    for (std::size_t block = 1; block <= size / 512 + 1 && attempts < 10;) {
      std::string data{0, 3, static_cast<char>(block >> 8), static_cast<char>(block)};
      data.append(std::min<std::size_t>(512, size - (block - 1) * 512), '\0');
      send(fd, data.data(), data.size(), 0);
      unsigned char answer[100];
      if (recv(fd, answer, sizeof answer, 0) < 4) {
        ++attempts;  // sent again
      } else if (answer[1] == 4 && (static_cast<std::size_t>(answer[2]) << 8 | answer[3]) == block) {
        ++block;
        attempts = 0;
      }
    }
    close(fd);
  }

  foreseed::Host host_;
};

constexpr std::size_t file_size = 20 * 512 + 100;

/// What libcurl makes of the file while datagrams meet that fault, in half of cases, from the client to the server or back.
struct Fetched {
  CURLcode code;
  std::string body;
  Steady::duration took;
};
Fetched fetch_under(FaultKind kind, double share) {
  const FileServer server(file_size);
  Fault fault;
  fault.kind = kind;
  fault.hosts = {"files"};
  fault.others = {"client"};
  fault.share = share;
  if (share != 0) FaultPlan().add(fault).start();
  std::this_thread::sleep_for(1ms);
  Transfer transfer("tftp://files/zeros");
  curl_easy_setopt(transfer.easy.get(), CURLOPT_TFTP_NO_OPTIONS, 1L);
  curl_easy_setopt(transfer.easy.get(), CURLOPT_TIMEOUT, 300L);
  curl_easy_setopt(transfer.easy.get(), CURLOPT_NOSIGNAL, 1L);
  const auto start = Steady::now();
  const CURLcode code = transfer.perform();
  return {code, transfer.body, Steady::now() - start};
}

void tftp_untroubled() {
  const Fetched fetched = fetch_under(FaultKind::loss, 0);
  FORESEED_CHECK(fetched.code == CURLE_OK && fetched.body == std::string(file_size, '\0') && fetched.took < 100ms);
}
void tftp_loss() {
  const Fetched fetched = fetch_under(FaultKind::loss, 0.1);
  if (fetched.code == CURLE_OK) FORESEED_CHECK(fetched.body == std::string(file_size, '\0'));
  foreseed::note(fetched.took > 1s ? "sent again" : "nothing lost");
}
void tftp_duplicates() {
  const Fetched fetched = fetch_under(FaultKind::duplicate, 0.3);
  FORESEED_CHECK(fetched.code == CURLE_OK && fetched.body == std::string(file_size, '\0'));
}
void tftp_overtaking() {
  const Fetched fetched = fetch_under(FaultKind::reorder, 0.5);
  FORESEED_CHECK(fetched.code == CURLE_OK && fetched.body == std::string(file_size, '\0'));
  foreseed::note(fetched.took > 60ms ? "held up" : "in time");
}
void tftp_corrupt() {
  const Fetched fetched = fetch_under(FaultKind::corrupt, 0.2);
  foreseed::note(fetched.code != CURLE_OK                              ? "failed"
                 : fetched.body != std::string(file_size, '\0') ? "spoiled"
                                                                       : "whole");
}

/// The notes that `body` makes over some seeds.
std::set<std::string> notes_of(void (*body)()) {
  std::set<std::string> notes;
  const RunSeries series;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Execution execution = run_seed(body, seed, true);
    EXPECT_FALSE(execution.finding) << "seed " << seed << ": " << execution.finding->message;
    for (const Event& event : execution.recording->events) {
      if (event.op == Op::note) notes.insert(execution.recording->texts[event.text]);
    }
  }
  return notes;
}

/// libcurl and OpenSSL, initialised by the process before it simulates.
class Curl : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { curl_global_init(CURL_GLOBAL_ALL); }
  static void TearDownTestSuite() { curl_global_cleanup(); }
};

TEST_F(Curl, get_and_post_over_one_connection) { holds_and_repeats(get_and_post); }
TEST_F(Curl, three_threads) { holds_and_repeats(three_threads); }
TEST_F(Curl, three_transfers_of_one_multi_handle) { holds_and_repeats(three_transfers_at_once); }
TEST_F(Curl, a_multi_handle_is_woken_by_another_thread) { holds_and_repeats(wakeup_from_another_thread); }
TEST_F(Curl, a_timeout_is_virtual_time) { holds_and_repeats(a_server_that_never_answers); }
TEST_F(Curl, refused_unknown_and_lost) { holds_and_repeats(nobody_there); }

TEST_F(Curl, tftp) { holds_and_repeats(tftp_untroubled, 50); }
TEST_F(Curl, tftp_outlives_loss_of_datagrams) { EXPECT_TRUE(notes_of(tftp_loss).contains("sent again")); }
TEST_F(Curl, tftp_outlives_duplicates) { holds_and_repeats(tftp_duplicates, 50); }
TEST_F(Curl, tftp_waits_for_what_was_overtaken) { EXPECT_TRUE(notes_of(tftp_overtaking).contains("held up")); }
TEST_F(Curl, tftp_has_no_checksum_against_corruption) { EXPECT_TRUE(notes_of(tftp_corrupt).contains("spoiled")); }

void initialised_inside() {
  curl_global_init(CURL_GLOBAL_ALL);
  get_and_post();
  curl_global_cleanup();
}
void never_initialised() { get_and_post(); }

TEST(CurlByItself, initialised_inside_the_world) { holds_and_repeats(initialised_inside); }
TEST(CurlByItself, initialised_by_its_first_handle) { holds_and_repeats(never_initialised); }

}  // namespace
}  // namespace foreseed::testing
