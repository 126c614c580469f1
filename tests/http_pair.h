#pragma once
// An HTTP server on the host "web" and four clients: the pair that the tests check and the benchmark times.

#include <foreseed/scenario.h>
#include <foreseed/world.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

namespace foreseed::testing {

/// The library makes its regular expressions once.
inline const WarmUp a_request("a request on loopback", [] {
  httplib::Server server;
  server.Get("/hi", [](const httplib::Request&, httplib::Response& response) { response.set_content("hello", "text/plain"); });
  const int port = server.bind_to_any_port("127.0.0.1");
  if (port < 0) return;  // no loopback: each execution makes them
  std::thread serving([&] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
  httplib::Client("127.0.0.1", port).Get("/hi");
  server.stop();
  serving.join();
});

/// A server on the host "web", port 8080, from the moment it listens until stop().
class HttpServer {
 public:
  explicit HttpServer(const std::function<void(httplib::Server&)>& routes)
      : host_("web", [this, &routes] {
          httplib::Server server;
          routes(server);
          server.bind_to_port("0.0.0.0", 8080);
          server_ = &server;
          server.listen_after_bind();
        }) {
    foreseed::link("client", "web", std::chrono::milliseconds(1));
    while (server_ == nullptr || !server_.load()->is_running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  void stop() {
    server_.load()->stop();
    host_.join();
  }

 private:
  std::atomic<httplib::Server*> server_{nullptr};
  foreseed::Host host_;
};

inline void http_pair() {
  HttpServer server([](httplib::Server& http) {
    http.Get("/hi", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("hello", "text/plain");
    });
  });
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([] {
      httplib::Client client("web", 8080);
      const auto result = client.Get("/hi");
      FORESEED_CHECK(result && result->status == 200 && result->body == "hello");
    });
  }
  for (std::thread& client : clients) client.join();
  server.stop();
}

}  // namespace foreseed::testing
